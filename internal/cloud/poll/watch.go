package poll

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/cloud"
)

// How often a cloud is asked.
const (
	// Every is the grain of the figures: all three clouds tell one a minute.
	Every = time.Minute
	// Slow is the pace where asking again will not help before somebody has
	// granted a right or logged in.
	Slow = 10 * time.Minute
	// Window is how far back a question reaches. Figures come minutes late:
	// Google says up to 165 s ("Logs and metrics" of Cloud NAT); the rest is
	// room for gaps.
	Window = 10 * time.Minute
	// Stale is after how long figures are no longer told when no newer ones
	// can be read.
	Stale = 15 * time.Minute
)

// Round is what one round of questions brought.
type Round struct {
	Reading cloud.Reading
	// Failed means that the figures could not be read, so that those of the
	// round before stand in, as long as they are not stale.
	Failed bool
	// Idle means that none of the nodes belongs to this cloud: nothing was
	// asked and nothing is told.
	Idle bool
	// Wait is until the next round; 0 is Every. It is held between Every and
	// Slow.
	Wait time.Duration
}

// Asker asks a cloud about nodes. It is called from one goroutine and returns
// soon after ctx has ended.
type Asker func(ctx context.Context, nodes []cloud.Node) Round

// Watch runs rounds until ctx ends; see cloud.Watcher. A change of nodes is
// taken up by the next round, or at once when nothing was followed so far. as
// names the provider and source of a reading that an Asker did not live to
// make: when it panics, that is told as a problem.
func Watch(ctx context.Context, clock Clock, as cloud.Reading, nodes <-chan []cloud.Node, ask Asker, tell func(cloud.Reading)) error {
	clock = clock.Filled()
	var known []cloud.Node
	select {
	case <-ctx.Done():
		return ctx.Err()
	case known = <-nodes:
	}
	var last cloud.Reading
	for {
		round := contained(ctx, as, known, ask)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !round.Idle {
			if round.Failed {
				round.Reading = carry(last, round.Reading, known, clock.Now())
			}
			last = round.Reading
			tell(round.Reading)
		}
		next := clock.After(min(max(round.Wait, Every), Slow))
	waiting:
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case set, open := <-nodes:
				if !open {
					nodes = nil
					continue
				}
				known = set
				if round.Idle {
					break waiting
				}
			case <-next:
				break waiting
			}
		}
	}
}

// contained asks, and makes a problem of a panic.
func contained(ctx context.Context, as cloud.Reading, nodes []cloud.Node, ask Asker) (round Round) {
	defer func() {
		if r := recover(); r != nil {
			as.Problems = []cloud.Problem{Crash(as.Source, r)}
			round = Round{Reading: as, Failed: true, Wait: Slow}
		}
	}()
	return ask(ctx, nodes)
}

// Crash is the problem of code that panicked while it read source. What was
// thrown is told only where it is Go's own words: anything else may hold what
// a server said.
func Crash(source string, thrown any) cloud.Problem {
	what := fmt.Sprintf("%T", thrown)
	if err, ok := thrown.(runtime.Error); ok {
		what = err.Error()
	}
	return cloud.Problem{
		What:     "metrics",
		Sentence: fmt.Sprintf("reading %s broke (%s): this is a fault of snattop, report it; the rest goes on without these figures", source, Short(what)),
	}
}

// carry puts the figures of the round before into a reading that has none:
// those of nodes that are still there and that are not stale.
func carry(last, now cloud.Reading, nodes []cloud.Node, at time.Time) cloud.Reading {
	fresh := func(t time.Time) bool { return at.Sub(t) <= Stale }
	if now.Nodes == nil {
		for _, figures := range last.Nodes {
			there := slices.ContainsFunc(nodes, func(n cloud.Node) bool {
				return figures.Name != "" && n.Name == figures.Name || figures.IP != "" && n.InternalIP == figures.IP
			})
			if there && fresh(figures.At) {
				now.Nodes = append(now.Nodes, figures)
			}
		}
	}
	if now.Gateway == nil && last.Gateway != nil && fresh(last.Gateway.At) {
		now.Gateway = last.Gateway
	}
	if now.Profile == nil {
		now.Profile = last.Profile
	}
	return now
}
