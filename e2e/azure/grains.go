package azure

import (
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// keep is the number of grains that are remembered.
const keep = 240

// grain is what was sampled between two moments.
type grain struct {
	start   time.Time
	samples int
	nodes   map[string]*nodeGrain // by address
}

// nodeGrain holds sums over a grain's samples, and counts of what happened in
// it.
type nodeGrain struct {
	samples         int
	tcp, udp, block int // sums over samples
	open            int // connections at the gateway, a sum over samples
	passed, refused int // since the sample before
}

// grains adds samples up.
type grains struct {
	length time.Duration
	all    []grain // oldest first
	last   map[string]counters
}

type counters struct{ passed, refused int }

func newGrains(length time.Duration) *grains {
	return &grains{length: length, last: map[string]counters{}}
}

// add takes one sample. Samples come in order of time.
func (g *grains) add(at time.Time, truth ground.Truth) {
	start := at.Truncate(g.length)
	if n := len(g.all); n == 0 || g.all[n-1].start.Before(start) {
		g.all = append(g.all, grain{start: start, nodes: map[string]*nodeGrain{}})
		if len(g.all) > keep {
			g.all = g.all[1:]
		}
	}
	current := &g.all[len(g.all)-1]
	current.samples++
	for _, n := range truth.Nodes {
		into := current.nodes[n.IP]
		if into == nil {
			into = &nodeGrain{}
			current.nodes[n.IP] = into
		}
		into.samples++
		into.tcp += n.TCP
		into.udp += n.UDP
		into.block += n.Block.Size()
		for _, d := range n.Destinations {
			into.open += d.Established + d.SynSent + d.Closing
		}
		// What was counted before the first sample happened in no grain. The
		// difference of two counters may dip by a SYN under way; see
		// ground.NodeTruth.
		before, known := g.last[n.IP]
		now := counters{max(before.passed, n.Passed), max(before.refused, n.Refused)}
		if known {
			into.passed += now.passed - before.passed
			into.refused += now.refused - before.refused
		}
		g.last[n.IP] = now
	}
}

// between returns the starts of the grains from one moment to another, those
// without samples included, and no more than are remembered: the newest.
func (g *grains) between(from, to time.Time) []time.Time {
	var starts []time.Time
	if oldest := to.Add(-keep * g.length); from.Before(oldest) {
		from = oldest
	}
	for start := from.Truncate(g.length); start.Before(to); start = start.Add(g.length) {
		if !start.Before(from) {
			starts = append(starts, start)
		}
	}
	return starts
}

func (g *grains) at(start time.Time) *grain {
	for i := len(g.all) - 1; i >= 0; i-- {
		if g.all[i].start.Equal(start) {
			return &g.all[i]
		}
	}
	return nil
}
