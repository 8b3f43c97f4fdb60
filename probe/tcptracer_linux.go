package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/tcptracer"
)

// tcptracerCounter counts what the node's own tcptracer prints.
type tcptracerCounter struct {
	t *tcptracer.Tracer
	// list reads what is open already; nil where nothing can.
	list    collector
	end     context.CancelFunc
	reading count.Reading
}

func newTCPTracerCounter(cfg Config, path string, list collector) (*tcptracerCounter, error) {
	ctx, end := context.WithCancel(context.Background())
	t, err := tcptracer.Start(ctx, tcptracer.Config{Path: path, HostRoot: cfg.HostRoot, Proc: cfg.Proc})
	if err != nil {
		end()
		return nil, err
	}
	return &tcptracerCounter{t: t, list: list, end: end}, nil
}

func (*tcptracerCounter) name() Collector { return CollectorTCPTracer }

func (c *tcptracerCounter) read() (*count.Reading, error) {
	var err error
	c.reading, err = c.t.Read()
	return &c.reading, err
}

func (c *tcptracerCounter) close() error {
	c.end()
	return c.t.Close()
}

// seed lists the sockets once the tool has attached, which takes seconds.
func (c *tcptracerCounter) seed(ctx context.Context, s *sampler, spaces []*namespace) (sockets uint64, done bool, err error) {
	select {
	case <-c.t.Ready():
	default:
		return 0, false, nil
	}
	for _, ns := range spaces {
		if c.list == nil {
			break
		}
		emit := func(sock *Socket) {
			sockets++
			switch sock.State.phase() {
			case phaseListen:
				c.t.SeedListener(ns.inode, sock.Local)
			case phaseEstablished:
				c.t.Seed(ns.inode, 0, sock.Local, sock.Remote)
			case phaseNone, phaseAttempting, phaseClosing, phaseTimeWait:
			}
		}
		err := s.listSockets(ctx, ns, c.list, emit)
		switch {
		case ctx.Err() != nil:
			return sockets, false, ctx.Err()
		case err != nil && !errors.Is(err, errNamespaceGone):
			s.unread++
			s.problems.add(fmt.Errorf("what was open before: %w", err))
		}
	}
	c.t.Seeded()
	return sockets, true, nil
}
