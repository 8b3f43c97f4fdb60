package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

const (
	// glanceEvery is the time from one errand to the next: each costs the API
	// server a pod.
	glanceEvery = 25 * time.Second
	// glances is how many there are before exec is tried again.
	glances = 5
	// glancePatience bounds the time between two answers.
	glancePatience = glanceEvery + errandDeadline
)

// Name implements rung.
func (o *outOfBand) Name() string { return rungOutOfBand }

// Open implements rung. Each errand tells two ticks, the first of them full;
// one after the other, they make a stream.
func (o *outOfBand) Open(ctx context.Context, node inventory.Node, say func(string)) (*link, error) {
	opts := o.reach.opts
	args := nodepod.Run{Scope: "node", Collector: opts.Collector, Interval: opts.Interval, HostRoot: nodepod.HostRoot, Deadline: errandTime}.Command()[1:]
	// The first is waited for here: it says whether this way serves.
	first, err := o.errand(ctx, node, say, args)
	if err != nil {
		return nil, err
	}
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r, w := io.Pipe()
	s := &glanceStream{PipeReader: r, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = o.glance(runCtx, node, first, args, w)
		_ = w.CloseWithError(s.err) // a pipe's never fails
	}()
	return &link{conn: s, how: "termination messages", patience: glancePatience}, nil
}

// errGlanced ends a stream of glances, so that exec is tried again.
var errGlanced = errors.New("exec is tried again")

func (o *outOfBand) glance(ctx context.Context, node inventory.Node, text []byte, args []string, w io.Writer) error {
	for n := 1; ; n++ {
		if _, err := w.Write(text); err != nil {
			return err
		}
		if n == glances {
			return errGlanced
		}
		t := time.NewTimer(glanceEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		var err error
		if text, err = o.errand(ctx, node, func(string) {}, args); err != nil {
			return err
		}
	}
}

// glanceStream is a Stream whose probes have ended before it is read.
type glanceStream struct {
	*io.PipeReader
	cancel context.CancelFunc
	once   sync.Once
	done   chan struct{}
	err    error // valid after done
}

// Write implements Stream: nobody is there to take a command.
func (s *glanceStream) Write(p []byte) (int, error) { return len(p), nil }

// CloseStdin implements Stream: the probes have none.
func (s *glanceStream) CloseStdin() error { return nil }

// Wait implements Stream.
func (s *glanceStream) Wait() error {
	<-s.done
	return s.err
}

// Close implements Stream.
func (s *glanceStream) Close(time.Duration) {
	s.once.Do(func() {
		s.cancel()
		_ = s.PipeReader.Close() // a pipe's never fails
	})
	<-s.done
}
