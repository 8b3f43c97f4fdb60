package cli

import (
	"context"
	"errors"
	"time"

	"github.com/snattop/snattop/internal/session"
)

// watch is a session that measures beside something else.
type watch struct {
	session *session.Session
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // valid after ended
}

// startWatch runs a source until stop.
func startWatch(ctx context.Context, s *session.Session, src session.Source) *watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{session: s, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.err = s.Run(ctx, src)
	}()
	return w
}

// picture waits until every node is seen or known not to be, for at most
// maxReach, and then for the window.
func (w *watch) picture(ctx context.Context, window time.Duration) (*session.Snapshot, error) {
	giveUp := time.NewTimer(maxReach)
	defer giveUp.Stop()
	for pic := w.session.Snapshot(); !settled(pic); pic = w.session.Snapshot() {
		select {
		case <-w.session.Changed():
			continue
		case <-giveUp.C:
		case <-w.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		break
	}
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ended:
		if w.err != nil {
			return nil, w.err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return w.session.Snapshot(), nil
}

// stop ends the source, and waits until it has cleaned up behind itself.
func (w *watch) stop() error {
	w.cancel()
	<-w.ended
	if w.err != nil && !errors.Is(w.err, context.Canceled) {
		return w.err
	}
	return nil
}
