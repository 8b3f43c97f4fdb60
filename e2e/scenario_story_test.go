//go:build e2e && linux

package e2e

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/snat"
)

// leakStory is a leak of one port a second on a block of 40, told perfectly:
// full after 40 s, and dropped from 41 s on.
func leakStory() story {
	const ports = 40
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := story{
		scenario: scenario{name: "leak", ports: ports, fills: true, linear: true, steady: span{40 * time.Second, time.Minute}},
		node:     "node1", began: began, ended: began.Add(time.Minute),
	}
	for second := range 60 {
		at := began.Add(time.Duration(second) * time.Second)
		held := min(second, ports)
		refused := 100
		x := sample{at: at, ports: snat.Ports{Min: held, Estimate: held, Max: held}, verdict: snat.Healthy}
		if second > ports {
			refused += second - ports
			x.verdict = snat.Exhausted
		}
		if left := time.Duration(ports-held) * time.Second; left > 0 {
			x.fullIn = &left
		}
		s.samples = append(s.samples, x)
		s.truths = append(s.truths, ground.Truth{At: at, Nodes: []ground.NodeTruth{{
			Name: "node1", Block: ground.Block{First: 1024, Last: 1024 + ports - 1}, TCP: held, Refused: refused,
			Destinations: []ground.DestinationTruth{{Protocol: "tcp", Ports: held}, {Protocol: "udp", Ports: 900}},
		}}})
	}
	return s
}

// TestStory holds the checks against stories that are known to be right and
// wrong: a check that cannot fail proves nothing.
func TestStory(t *testing.T) {
	s := leakStory()
	if wrong := s.bounds(); len(wrong) > 0 {
		t.Errorf("bounds: %v", wrong)
	}
	if errs, shaky := s.errors(); len(errs) != 16 || shaky != 4 || slices.Max(errs) != 0 {
		t.Errorf("of a full block %v, and %d of a growing one", errs, shaky)
	}
	if full, ok := s.filled(); !ok || full.Sub(s.began) != 40*time.Second {
		t.Errorf("full after %s, %t", full.Sub(s.began), ok)
	}
	if c := s.called(); c.never || c.late != 0 || len(c.wrong) > 0 {
		t.Errorf("called: %+v", c)
	}
	got := s.forecasts()
	if len(got) != len(forecastAt) {
		t.Errorf("%d forecasts", len(got))
	}
	for _, f := range got {
		// The skew makes a sample of one port less stand for each share.
		if f.off > 0.001 {
			t.Errorf("forecast at %v: off by %v", f.share, f.off)
		}
	}
}

func TestStoryFindsBadBounds(t *testing.T) {
	for name, spoil := range map[string]func(*sample){
		"too many at least": func(x *sample) { x.ports.Min += 2 },
		"too few at most":   func(x *sample) { x.ports.Max -= 2 },
	} {
		s := leakStory()
		spoil(&s.samples[20])
		if n := len(s.bounds()); n != 1 {
			t.Errorf("%s: %d samples are out of bounds", name, n)
		}
		s.torn = span{20 * time.Second, 21 * time.Second}
		if n := len(s.bounds()); n != 0 {
			t.Errorf("%s: %d samples are out of bounds while cut", name, n)
		}
	}
}

func TestStoryFindsBadEstimates(t *testing.T) {
	s := leakStory()
	s.samples[50].ports.Estimate = 44
	errs, _ := s.errors()
	if worst, want := slices.Max(errs), 4.0/40; math.Abs(worst-want) > 1e-9 {
		t.Errorf("the worst error is %v, want %v", worst, want)
	}
}

func TestStoryFindsBadCalls(t *testing.T) {
	late := leakStory()
	for i := 41; i < 49; i++ {
		late.samples[i].verdict = snat.Pressured
	}
	if c := late.called(); c.late != 8*time.Second {
		t.Errorf("8 s late: %+v", c)
	}
	never := leakStory()
	for i := range never.samples {
		never.samples[i].verdict = snat.Pressured
	}
	if c := never.called(); !c.never {
		t.Errorf("never: %+v", c)
	}
	early := leakStory()
	early.samples[10].verdict = snat.Exhausted
	if c := early.called(); len(c.wrong) != 1 {
		t.Errorf("early: %+v", c)
	}
	alarm := leakStory()
	alarm.fills = false
	if c := alarm.called(); len(c.wrong) != 19 {
		t.Errorf("a node that never fills: %d alarms", len(c.wrong))
	}
}

// TestStoryOfOneNode looks for the drop of a node beside one that is refused
// ports all the time, and at a gateway that was looked at between a SYN's two
// counts.
func TestStoryOfOneNode(t *testing.T) {
	s := leakStory()
	for i := range s.truths {
		s.truths[i].Stats = ground.ConntrackStats{InsertFailed: i, Drop: i}
		s.truths[i].Nodes = append(s.truths[i].Nodes, ground.NodeTruth{Name: "node2", Refused: i})
	}
	s.truths[20].Nodes[0].Refused--
	if drop, ok := s.firstDrop(); !ok || drop.Sub(s.began) != 41*time.Second {
		t.Errorf("dropped after %s, %t", drop.Sub(s.began), ok)
	}
	s.node = "node3"
	if drop, ok := s.firstDrop(); ok {
		t.Errorf("a node that the gateway does not know was refused a port after %s", drop.Sub(s.began))
	}
}

func TestStoryFindsBadForecasts(t *testing.T) {
	s := leakStory()
	for i := range s.samples {
		s.samples[i].fullIn = nil
	}
	for _, f := range s.forecasts() {
		if f.off <= forecastError {
			t.Errorf("no forecast at all is off by %v", f.off)
		}
	}
}
