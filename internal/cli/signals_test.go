//go:build unix

package cli

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

func TestExitCodeOfASignal(t *testing.T) {
	t.Parallel()
	o := &options{}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		ctx, cancel := context.WithCancelCause(t.Context())
		inner, stop := context.WithCancel(ctx)
		cancel(signalled{sig})
		if code, show := codeOf(join(nil, o.endedBy(inner))); code != 128+int(sig) || show {
			t.Errorf("%s: exit code %d, something to say: %t", sig, code, show)
		}
		// What went wrong besides is said.
		if code, show := codeOf(join(o.endedBy(inner), errors.New("full disk"))); code != 128+int(sig) || !show {
			t.Errorf("%s and an error: exit code %d, something to say: %t", sig, code, show)
		}
		stop()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := join(o.endedBy(ctx), o.endedBy(t.Context())); err != nil {
		t.Errorf("without a signal it is %v", err)
	}
	o.streams.Gone = func() bool { return true }
	if code, show := codeOf(o.endedBy(t.Context())); code != 128+int(syscall.SIGHUP) || show {
		t.Errorf("without a terminal the exit code is %d, something to say: %t", code, show)
	}
}

// The first signal counts.
func TestUntilSignal(t *testing.T) {
	t.Parallel()
	ctx, stop := untilSignal(t.Context(), syscall.SIGUSR1)
	defer stop()
	for range 2 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
	}
	var by signalled
	if !errors.As(context.Cause(ctx), &by) || by.Signal != syscall.SIGUSR1 {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Error("the cause is no cancelling")
	}
	stop()
	quiet, stopQuiet := untilSignal(t.Context(), syscall.SIGUSR2)
	stopQuiet()
	if <-quiet.Done(); !errors.Is(context.Cause(quiet), context.Canceled) {
		t.Errorf("without a signal the cause is %v", context.Cause(quiet))
	}
}
