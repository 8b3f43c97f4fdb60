// Package examine looks at the node it runs on for the runbooks: once, part by
// part, side by side, and without changing anything. What it finds is told as
// facts; what it means is the runbooks' business.
package examine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// Place is where a node is to be looked at.
type Place struct {
	// Proc is the node's procfs, HostRoot its root file system.
	Proc, HostRoot string
	// Limit bounds each part; 0 means DefaultLimit.
	Limit time.Duration
	// Window is how long counters are watched; 0 means DefaultWindow.
	Window time.Duration
}

// DefaultWindow is long enough for a counter of a busy pod to move, and short
// enough to be waited for.
const DefaultWindow = 2 * time.Second

// DefaultLimit is how long one part may take.
const DefaultLimit = 8 * time.Second

// look finds one part of what was asked for. What it could not see it says in
// the section's error.
type look func(ctx context.Context, place Place, ask facts.Ask, s *facts.Section)

// Node looks for every part that is asked for, all at once, and tells each as
// soon as it is known, one at a time. A part that takes longer than its limit
// is told with what there was by then. It returns the first error of tell,
// after which nothing more is told.
func Node(ctx context.Context, place Place, ask facts.Ask, tell func(*facts.Section) error) error {
	return run(ctx, looks(), place, ask, tell)
}

func run(ctx context.Context, known map[facts.Part]look, place Place, ask facts.Ask, tell func(*facts.Section) error) error {
	if place.Limit <= 0 {
		place.Limit = DefaultLimit
	}
	if place.Window <= 0 {
		place.Window = DefaultWindow
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make(chan *facts.Section)
	var wg sync.WaitGroup
	for _, part := range ask.Parts {
		wg.Go(func() {
			s := &facts.Section{Part: part}
			if fn, ok := known[part]; ok {
				partCtx, stop := context.WithTimeout(ctx, place.Limit)
				defer stop()
				fn(partCtx, place, ask, s)
			} else {
				s.Error = fmt.Sprintf("this probe does not know the part %q", sanitize.Text(string(part)))
			}
			s.Bound()
			select {
			case found <- s:
			case <-ctx.Done():
			}
		})
	}
	go func() {
		wg.Wait()
		close(found)
	}()
	var err error
	for s := range found {
		if err != nil {
			continue // let the others end
		}
		if err = tell(s); err != nil {
			cancel()
		}
	}
	if err != nil {
		return fmt.Errorf("telling what the node said: %w", err)
	}
	return ctx.Err()
}
