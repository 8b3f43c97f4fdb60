package capture

import (
	"context"
	"io"
	"time"

	"github.com/snattop/snattop/probe"
)

// local is a capture in this process.
type local struct {
	*io.PipeReader
	in   *io.PipeWriter
	stop context.CancelFunc
	done chan struct{}
	err  error // valid after done
}

// Local captures on this host, without a cluster. It needs Linux, and root.
func Local(ctx context.Context, cfg probe.CaptureConfig) Stream {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	l := &local{PipeReader: outR, in: inW, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer stop()
		l.err = probe.Capture(ctx, cfg, inR, outW)
		_ = inR.Close()
		_ = outW.CloseWithError(l.err)
	}()
	return l
}

// CloseStdin implements Stream.
func (l *local) CloseStdin() error { return l.in.Close() }

// Wait implements Stream.
func (l *local) Wait() error { <-l.done; return l.err }

// Close implements Stream.
func (l *local) Close(grace time.Duration) {
	_ = l.in.Close()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-l.done:
	case <-t.C:
	}
	l.stop()
	_ = l.PipeReader.Close() // a write that nobody reads ends
	<-l.done
}
