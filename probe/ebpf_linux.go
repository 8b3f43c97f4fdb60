package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snattop/snattop/probe/bpf"
	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/netns"
)

// ebpfCounter counts in the kernel.
type ebpfCounter struct {
	c      *bpf.Counter
	seeded bool
	// checked is when the next check is due.
	checked time.Time
}

const (
	// checkSoonest is the time between two checks of what is open, and
	// checkShare how many times its own cost a check waits for the next.
	checkSoonest = 5 * time.Second
	checkShare   = 1000
)

// check mends what the kernel did not show to the programs.
func (e *ebpfCounter) check(now time.Time) error {
	if now.Before(e.checked) {
		return nil
	}
	began := time.Now()
	err := e.c.Check()
	e.checked = now.Add(max(checkSoonest, checkShare*time.Since(began)))
	return err
}

func newEBPFCounter(maxRows int) (*ebpfCounter, error) {
	// A destination may have several processes. An eighth is kept back.
	c, err := bpf.Open(bpf.Config{Rows: 2 * maxRows})
	if err != nil {
		return nil, err
	}
	return &ebpfCounter{c: c}, nil
}

func (*ebpfCounter) name() Collector { return CollectorEBPF }

func (e *ebpfCounter) read() (*count.Reading, error) { return e.c.Read() }

func (e *ebpfCounter) close() error { return e.c.Close() }

// seed enters every namespace once. One that cannot be entered is a problem;
// what begins there from now on is counted all the same.
func (e *ebpfCounter) seed(ctx context.Context, now time.Time, s *sampler, spaces []*namespace) (sockets uint64, err error) {
	if e.seeded {
		return 0, e.check(now)
	}
	e.seeded = true
	if err := e.c.SeedHolders(); err != nil {
		return 0, err
	}
	for _, ns := range spaces {
		err := s.inside(ctx, ns, func() error {
			n, err := e.c.SeedNamespace()
			sockets += n
			return err
		})
		switch {
		case ctx.Err() != nil:
			return sockets, ctx.Err()
		case err != nil && !errors.Is(err, netns.ErrGone):
			s.unread++
			s.problems.add(fmt.Errorf("what was open before: %w", err))
		}
	}
	if err := e.c.Seeded(); err != nil {
		return sockets, err
	}
	// Which of what was found is silent.
	return sockets, e.check(now)
}
