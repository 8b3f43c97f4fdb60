package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/snattop/snattop/internal/session"
)

// Player is the source that plays a recording.
type Player struct {
	open  func() (io.ReadCloser, error)
	name  string
	speed float64
	wait  func(ctx context.Context, d time.Duration) error
}

// Open returns a player of a file. speed 1 is as it happened; 0 plays without
// waiting. The header is checked at once, so that a wrong file is refused
// before a screen is drawn.
func Open(path string, speed float64) (*Player, error) {
	p := &Player{
		open: func() (io.ReadCloser, error) { return os.Open(path) }, //nolint:gosec // the operator named the file
		name: path, speed: speed, wait: sleep,
	}
	f, err := p.open()
	if err != nil {
		return nil, fmt.Errorf("opening a recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	r, err := newReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.close()
	return p, nil
}

// Focus implements session.Source; a recording tells what it holds.
func (*Player) Focus(session.Focus) {}

// Run implements session.Source.
func (p *Player) Run(ctx context.Context, sink session.Sink) error {
	f, err := p.open()
	if err != nil {
		return fmt.Errorf("opening a recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	r, err := newReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	defer r.close()
	var last time.Time
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			// What was read stays valid; a cut tail is no reason to hide it.
			text := fmt.Sprintf("the recording %s ends early: %v", p.name, err)
			sink.Put(session.Event{Time: last, Problem: &text})
			return nil
		}
		// What was told before the recording was begun is where it starts from.
		from := last
		if r.made.After(from) && !last.IsZero() {
			from = r.made
		}
		if p.speed > 0 && !from.IsZero() && e.Time.After(from) {
			if err := p.wait(ctx, time.Duration(float64(min(e.Time.Sub(from), time.Minute))/p.speed)); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Time.After(last) {
			last = e.Time
		}
		sink.Put(replayed(e))
	}
}

// replayed is an event as a replay tells it.
func replayed(e session.Event) session.Event {
	if e.Cluster != nil {
		e.Cluster.Source = "recording"
	}
	return e
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
