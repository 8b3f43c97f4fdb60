package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snattop/snattop/probe/bpf"
	"github.com/snattop/snattop/probe/count"
)

// ebpfCounter counts in the kernel.
type ebpfCounter struct {
	c      *bpf.Counter
	seeded bool
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
func (e *ebpfCounter) seed(ctx context.Context, _ time.Time, s *sampler, spaces []*namespace) (sockets uint64, err error) {
	if e.seeded {
		return 0, nil
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
		case err != nil && !errors.Is(err, errNamespaceGone):
			s.unread++
			s.problems.add(fmt.Errorf("what was open before: %w", err))
		}
	}
	return sockets, e.c.Seeded()
}
