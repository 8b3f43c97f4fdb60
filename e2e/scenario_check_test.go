//go:build e2e && linux

package e2e

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/snat"
)

// What is asked of snattop.
const (
	// skew is how far a sample and a truth may be apart in time and still be
	// of the same moment: one tick.
	skew = time.Second
	// steadyError is how far the estimate may be from the fullest destination,
	// as a share of it, while a load is steady.
	steadyError = 0.05
	// A load is steady when the fullest destination has changed by less than
	// this share for so long.
	steadyWithin = 0.03
	steadyFor    = 5 * time.Second
	// callWithin is how soon after the first SYN that the gateway dropped the
	// node is to be called exhausted.
	callWithin = 5 * time.Second
	// earlyCall is the share of the block below which "exhausted" is a false
	// alarm while nothing has been dropped.
	earlyCall = 0.95
	// forecastError is how far a predicted time to full may be from the real
	// one, as a share of it.
	forecastError = 0.20
)

// forecastAt are the fills, as shares of the block, at which predictions of the
// time to full are held against what came.
var forecastAt = []float64{0.4, 0.55, 0.7, 0.85}

// story is one scenario as the gateway and snattop saw it.
type story struct {
	scenario

	node    string
	began   time.Time
	ended   time.Time
	truths  []ground.Truth
	samples []sample
}

// extent is the least and the most of a figure of the gateway around a moment.
type extent struct{ least, most int }

// around returns the extents of the distinct ports and of the fullest
// destination around a moment; ok is false when the gateway was not looked at.
func (s story) around(at time.Time) (distinct, peak extent, ok bool) {
	return s.within(at.Add(-skew), at.Add(skew))
}

// within returns the same from one moment to another. The looks before and after
// belong to it: what the gateway held in between is not known otherwise.
func (s story) within(from, to time.Time) (distinct, peak extent, ok bool) {
	first, exact := slices.BinarySearchFunc(s.truths, from, func(x ground.Truth, at time.Time) int { return x.At.Compare(at) })
	if !exact {
		first--
	}
	distinct, peak = extent{least: math.MaxInt}, extent{least: math.MaxInt}
	for _, truth := range s.truths[max(first, 0):] {
		if n, found := truth.Node(s.node); found {
			ok = true
			held := tcpPeak(n)
			distinct = extent{min(distinct.least, n.TCP), max(distinct.most, n.TCP)}
			peak = extent{min(peak.least, held), max(peak.most, held)}
		}
		if !truth.At.Before(to) {
			break
		}
	}
	return distinct, peak, ok
}

// tcpPeak is the fullest TCP destination: UDP has ports of its own.
func tcpPeak(n ground.NodeTruth) int {
	peak := 0
	for _, d := range n.Destinations {
		if d.Protocol == "tcp" {
			peak = max(peak, d.Ports)
		}
	}
	return peak
}

// during are the samples of the scenario itself, loads running.
func (s story) during() []sample {
	return slices.DeleteFunc(slices.Clone(s.samples), func(x sample) bool { return x.at.Before(s.began) || x.at.After(s.ended) })
}

// bounds holds every sample's bounds against the ports in use.
func (s story) bounds() []string {
	var wrong []string
	for _, x := range s.during() {
		distinct, _, ok := s.around(x.at)
		since := x.at.Sub(s.began)
		if !ok || s.torn.contains(since) {
			continue
		}
		if x.ports.Min > distinct.most || x.ports.Max < distinct.least {
			wrong = append(wrong, fmt.Sprintf("after %s: %d to %d ports in use, snattop says at least %d and at most %d",
				since.Round(time.Second), distinct.least, distinct.most, x.ports.Min, x.ports.Max))
		}
	}
	return wrong
}

// errors returns how far the estimate was from the fullest destination in each
// sample of the steady time, as shares of it: 0 when it is what the gateway said
// within the skew. A machine that is busy with something else makes a load
// falter; then it is not steady, and shaky counts the samples left out.
func (s story) errors() (all []float64, shaky int) {
	for _, x := range s.during() {
		_, peak, ok := s.around(x.at)
		if !ok || !s.steady.contains(x.at.Sub(s.began)) {
			continue
		}
		if _, recent, _ := s.within(x.at.Add(-steadyFor), x.at.Add(skew)); float64(recent.most-recent.least) > steadyWithin*float64(recent.most) {
			shaky++
			continue
		}
		off := max(peak.least-x.ports.Estimate, x.ports.Estimate-peak.most, 0)
		all = append(all, float64(off)/float64(max(peak.least, 1)))
	}
	return all, shaky
}

// firstDrop is when the gateway first refused a port to a SYN of this node: the
// counters of its table belong to all nodes, and a neighbour whose block is
// nearly full is refused one now and then, because the kernel tries a part of a
// large block. A look that fell between a SYN's two counts says one too few, so
// that only more than ever before is another refusal.
func (s story) firstDrop() (time.Time, bool) {
	most, known := 0, false
	for _, truth := range s.truths {
		n, ok := truth.Node(s.node)
		if !ok {
			continue
		}
		if known && n.Refused > most && !truth.At.Before(s.began) {
			return truth.At, true
		}
		most, known = max(most, n.Refused), true
	}
	return time.Time{}, false
}

// filled is when the block was full: no port left towards one destination, or
// the first packet dropped.
func (s story) filled() (time.Time, bool) {
	drop, dropped := s.firstDrop()
	for _, truth := range s.truths {
		if dropped && !truth.At.Before(drop) {
			break
		}
		if n, ok := truth.Node(s.node); ok && !truth.At.Before(s.began) && tcpPeak(n) >= n.Block.Size() {
			return truth.At, true
		}
	}
	return drop, dropped
}

// call is how snattop's "exhausted" came beside what happened.
type call struct {
	// late is how long after the first dropped packet, or after snattop could
	// know of the block, whichever came last; negative when before.
	late time.Duration
	// never means that it was due and did not come; wrong is what was called
	// without reason, with its time.
	never bool
	wrong []string
}

func (s story) called() call {
	var c call
	drop, dropped := s.firstDrop()
	due := drop
	if told, ok := s.told(); ok && told.After(due) {
		due = told
	}
	var first time.Time
	for _, x := range s.during() {
		if x.verdict != snat.Exhausted {
			continue
		}
		if first.IsZero() {
			first = x.at
		}
		_, peak, ok := s.around(x.at)
		block := s.block(x.at)
		switch full := earlyCall * float64(block); {
		case !s.fills:
			c.wrong = append(c.wrong, fmt.Sprintf("exhausted after %s, and the block never was full: %v", x.at.Sub(s.began).Round(time.Second), x.why))
		case ok && float64(peak.most) < full && (!dropped || x.at.Before(drop)):
			c.wrong = append(c.wrong, fmt.Sprintf("exhausted after %s with %d of %d ports in use: %v",
				x.at.Sub(s.began).Round(time.Second), peak.most, block, x.why))
		}
	}
	switch {
	case !s.fills || !dropped:
	case first.IsZero():
		c.never = true
	default:
		c.late = first.Sub(due)
	}
	return c
}

// told is when snattop first knew the block as it is in the end: of one that is
// cut it hears from the cloud, which is some seconds here and minutes in Azure.
func (s story) told() (time.Time, bool) {
	if len(s.truths) == 0 {
		return time.Time{}, false
	}
	size := s.block(s.truths[len(s.truths)-1].At)
	for _, x := range s.samples {
		if x.budget == size {
			return x.at, true
		}
	}
	return time.Time{}, false
}

// block is the size of the node's block at a moment.
func (s story) block(at time.Time) int {
	size := s.ports
	for _, truth := range s.truths {
		if n, ok := truth.Node(s.node); ok && !truth.At.After(at) {
			size = n.Block.Size()
		}
	}
	return size
}

// forecast is a predicted time to full beside the real one.
type forecast struct {
	// share of the block that was in use then.
	share float64
	// said is nil when nothing was foretold.
	said *time.Duration
	real time.Duration
	// off is the error, as a share of real.
	off float64
}

// forecasts holds predictions against what came, at some fills of the block.
func (s story) forecasts() []forecast {
	full, ok := s.filled()
	if !ok {
		return nil
	}
	var all []forecast
	for _, share := range forecastAt {
		for _, x := range s.during() {
			_, peak, seen := s.around(x.at)
			if !seen || float64(peak.most) < share*float64(s.ports) {
				continue
			}
			f := forecast{share: share, said: x.fullIn, real: full.Sub(x.at)}
			f.off = math.Inf(1)
			if f.said != nil && f.real > 0 {
				f.off = math.Abs(f.said.Seconds()-f.real.Seconds()) / f.real.Seconds()
			}
			all = append(all, f)
			break
		}
	}
	return all
}

// last is the last sample before the end, and what the gateway said then.
func (s story) last() (x sample, distinct, peak extent, ok bool) {
	for _, x = range slices.Backward(s.during()) {
		if distinct, peak, ok = s.around(x.at); ok {
			return x, distinct, peak, true
		}
	}
	return sample{}, distinct, peak, false
}
