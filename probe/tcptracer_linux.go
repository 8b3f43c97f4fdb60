package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/tcptracer"
)

// tcptracerCounter counts what the node's own tcptracer prints.
type tcptracerCounter struct {
	t *tcptracer.Tracer
	// list reads what is open already; nil where nothing can.
	list    collector
	end     context.CancelFunc
	reading count.Reading
	// seeded is when the open connections were listed last, and lost how much
	// had been lost by then.
	seeded time.Time
	lost   uint64
}

// reseedEvery is the time between two looks at what is really open, while events
// get lost.
const reseedEvery = 30 * time.Second

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

// seed lists the sockets once the tool has attached, which takes seconds, and
// again after it has lost events.
func (c *tcptracerCounter) seed(ctx context.Context, now time.Time, s *sampler, spaces []*namespace) (sockets uint64, err error) {
	select {
	case <-c.t.Ready():
	default:
		return 0, nil
	}
	switch {
	case c.seeded.IsZero():
	case c.list == nil, c.reading.Lost == c.lost, now.Sub(c.seeded) < reseedEvery:
		return 0, nil
	default:
		c.t.Reseed()
	}
	c.seeded, c.lost = now, c.reading.Lost
	for _, ns := range spaces {
		if c.list == nil {
			break
		}
		err := s.listSockets(ctx, ns, c.list, func(sock *Socket) {
			sockets++
			c.found(ns, sock)
		})
		switch {
		case ctx.Err() != nil:
			return sockets, ctx.Err()
		case err != nil && !errors.Is(err, netns.ErrGone):
			s.unread++
			s.problems.add(fmt.Errorf("what was open before: %w", err))
		}
	}
	c.t.Seeded()
	return sockets, nil
}

// found tells the tracer of one socket.
func (c *tcptracerCounter) found(ns *namespace, sock *Socket) {
	switch sock.State.phase() {
	case phaseListen:
		c.t.SeedListener(ns.inode, sock.Local)
	case phaseEstablished:
		c.t.Seed(ns.inode, 0, sock.Local, sock.Remote)
	case phaseNone, phaseAttempting, phaseClosing, phaseTimeWait:
	}
}
