package snat_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		loads  []snat.Load
		budget int
		want   snat.Ports
	}{
		"nothing":                      {nil, 1024, snat.Ports{}},
		"a full block, and SYNs wait":  {[]snat.Load{{Open: 128, Attempting: 12}}, 128, snat.Ports{Min: 128, Estimate: 128, Max: 140}},
		"destinations share ports":     {[]snat.Load{{Open: 100}, {Open: 90}, {Open: 10}}, 1024, snat.Ports{Min: 100, Estimate: 100, Max: 200}},
		"cooling counts for one":       {[]snat.Load{{Open: 100, Cooling: 20}, {Open: 110}}, 1024, snat.Ports{Min: 110, Estimate: 120, Max: 230}},
		"the budget caps cooling":      {[]snat.Load{{Open: 100, Cooling: 900}}, 128, snat.Ports{Min: 100, Estimate: 128, Max: 1000}},
		"no budget caps nothing":       {[]snat.Load{{Open: 100, Cooling: 900}}, 0, snat.Ports{Min: 100, Estimate: 1000, Max: 1000}},
		"a negative budget is none":    {[]snat.Load{{Open: 1, Cooling: 9}}, -8, snat.Ports{Min: 1, Estimate: 10, Max: 10}},
		"a stale budget hides no flow": {[]snat.Load{{Open: 200}}, 128, snat.Ports{Min: 200, Estimate: 200, Max: 200}},
		"SYNs alone use no port yet":   {[]snat.Load{{Attempting: 7}}, 128, snat.Ports{Max: 7}},
		"silent for too long":          {[]snat.Load{{Open: 100, Lost: 60, Cooling: 5}}, 128, snat.Ports{Min: 40, Estimate: 45, Max: 105}},
		"perhaps silent for too long":  {[]snat.Load{{Open: 100, Lost: 10, Doubtful: 50}}, 128, snat.Ports{Min: 40, Estimate: 90, Max: 100}},
		"attempts that were given up":  {[]snat.Load{{Open: 1, Abandoned: 30}}, 128, snat.Ports{Min: 1, Estimate: 1, Max: 31}},
		"cooling alone":                {[]snat.Load{{Cooling: 7}}, 128, snat.Ports{Estimate: 7, Max: 7}},
	} {
		if got := snat.Bounds(c.loads, c.budget); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func loads(t *rapid.T, label string) []snat.Load {
	n := rapid.IntRange(0, 3000)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) snat.Load {
		l := snat.Load{Open: n.Draw(t, "open"), Attempting: n.Draw(t, "attempting"), Abandoned: n.Draw(t, "abandoned"), Cooling: n.Draw(t, "cooling")}
		l.Lost = rapid.IntRange(0, l.Open).Draw(t, "lost")
		l.Doubtful = rapid.IntRange(0, l.Open-l.Lost).Draw(t, "doubtful")
		return l
	}), 0, 12).Draw(t, label)
}

func TestBoundsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := loads(t, "loads")
		budget := rapid.SampledFrom([]int{0, -1, 8, 64, 128, 1024, 64_000}).Draw(t, "budget")
		p := snat.Bounds(list, budget)
		if p.Min < 0 || p.Min > p.Estimate || p.Estimate > p.Max {
			t.Fatalf("%+v: the bounds cross", p)
		}
		if budget > 0 && p.Estimate > max(budget, p.Min) {
			t.Fatalf("%+v: the estimate is above the budget of %d", p, budget)
		}
		if len(list) > 0 {
			mixed := rapid.Permutation(list).Draw(t, "mixed")
			if q := snat.Bounds(mixed, budget); q != p {
				t.Fatalf("another order gives %+v instead of %+v", q, p)
			}
			// One more flow of any kind never lowers a bound.
			more := append([]snat.Load{}, list...)
			i := rapid.IntRange(0, len(more)-1).Draw(t, "which")
			more[i] = more[i].Add(rapid.SampledFrom([]snat.Load{{Open: 1}, {Attempting: 1}, {Abandoned: 1}, {Cooling: 1}}).Draw(t, "what"))
			q := snat.Bounds(more, budget)
			if q.Min < p.Min || q.Estimate < p.Estimate || q.Max < p.Max {
				t.Fatalf("one more flow turned %+v into %+v", p, q)
			}
		}
	})
}

func TestLoadAdd(t *testing.T) {
	t.Parallel()
	got := snat.Load{Open: 1, Attempting: 2, Cooling: 3, Lost: 4, Doubtful: 5, Abandoned: 6}.Add(
		snat.Load{Open: 10, Attempting: 20, Cooling: 30, Lost: 40, Doubtful: 50, Abandoned: 60})
	if want := (snat.Load{Open: 11, Attempting: 22, Cooling: 33, Lost: 44, Doubtful: 55, Abandoned: 66}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for d, want := range map[snat.Dest]string{
		{Protocol: snat.TCP, IP: netip.MustParseAddr("20.60.1.9"), Port: 443}:  "20.60.1.9:443 tcp",
		{Protocol: snat.UDP, IP: netip.MustParseAddr("2001:db8::1"), Port: 53}: "[2001:db8::1]:53 udp",
		{Protocol: 132, IP: netip.MustParseAddr("1.1.1.1"), Port: 1}:           "1.1.1.1:1 proto-132",
	} {
		if d.String() != want {
			t.Errorf("%q, want %q", d.String(), want)
		}
	}
}
