package netns

import (
	"context"
	"errors"
	"testing"
)

func TestThreadDoesNotEnterStrangers(t *testing.T) {
	t.Parallel()
	th := NewThread()
	t.Cleanup(th.Close)
	self, err := Inode("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	never := func() error { t.Error("it ran"); return nil }
	for _, at := range []Place{{"/proc/self/ns/net", self + 1}, {"/proc/nobody/ns/net", self}} {
		if err := th.Do(t.Context(), at, never); !errors.Is(err, ErrGone) {
			t.Errorf("%+v: %v", at, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := th.Do(ctx, Place{}, never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
