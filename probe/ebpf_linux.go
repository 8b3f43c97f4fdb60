package probe

import (
	"context"
	"time"

	"github.com/snattop/snattop/probe/bpf"
	"github.com/snattop/snattop/probe/count"
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

// seed finds what is open in every namespace, and which of it is silent.
func (e *ebpfCounter) seed(_ context.Context, now time.Time, _ *sampler, spaces []*namespace) (sockets uint64, err error) {
	if e.seeded {
		return 0, e.check(now)
	}
	e.seeded, e.checked = true, now.Add(checkSoonest)
	inodes := make([]uint64, len(spaces))
	for i, ns := range spaces {
		inodes[i] = ns.inode
	}
	return e.c.Seed(inodes)
}
