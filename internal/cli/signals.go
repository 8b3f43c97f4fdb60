package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// signalled is why a context ended: by a signal.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return "signal: " + s.String() }

// Is makes it what everybody takes the end of a context for: some return the
// cause.
func (signalled) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that ends with the first of some signals, and
// whose cause says which. Those that follow do nothing: the end is under way.
func untilSignal(parent context.Context, signals ...os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, signals...)
	go func() {
		select {
		case sig := <-caught:
			if s, ok := sig.(syscall.Signal); ok {
				cancel(signalled{s})
			}
			cancel(nil)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		cancel(nil)
	}
}

// bySignal is added to the number of a signal to give an exit code, as shells do.
const bySignal = 128

// endedBy is the exit code of a UI that nobody has quit: the signal's that ended
// it, and that of a hang-up where the terminal is gone without one; else it is
// nil. There is nothing to say: whoever sent it knows.
func (o *options) endedBy(ctx context.Context) error {
	var sig signalled
	switch {
	case errors.As(context.Cause(ctx), &sig):
		return &exitError{code: bySignal + int(sig.Signal)}
	case o.streams.Gone != nil && o.streams.Gone():
		return &exitError{code: bySignal + int(syscall.SIGHUP)}
	default:
		return nil
	}
}
