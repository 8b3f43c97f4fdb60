package snat_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

func TestFullIn(t *testing.T) {
	t.Parallel()
	steady := func(n int, hold time.Duration) (out []snat.Release) {
		for i := range n {
			out = append(out, snat.Release{In: hold * time.Duration(i+1) / time.Duration(n), Ports: 1})
		}
		return out
	}
	for name, c := range map[string]struct {
		flux   snat.Flux
		budget int
		want   time.Duration
		never  bool
	}{
		"a leak":                    {flux: snat.Flux{Held: 24, Opens: 20, Hold: time.Minute}, budget: 1024, want: 50 * time.Second},
		"a slow leak":               {flux: snat.Flux{Held: 24, Opens: 0.5, Hold: 4 * time.Minute}, budget: 1024, want: 2000 * time.Second},
		"a leak beyond the horizon": {flux: snat.Flux{Opens: 0.001, Hold: time.Minute}, budget: 1024, never: true},
		"full already":              {flux: snat.Flux{Held: 1024, Hold: time.Minute}, budget: 1024},
		"nothing moves":             {flux: snat.Flux{Held: 100, Hold: time.Minute}, budget: 1024, never: true},
		"churn that fits": {
			flux:   snat.Flux{Held: 600, Opens: 10, Closes: 10, Hold: time.Minute, Releases: steady(600, time.Minute)},
			budget: 1024, never: true,
		},
		"churn that has just begun and will fit":     {flux: snat.Flux{Held: 0, Opens: 10, Closes: 10, Hold: time.Minute}, budget: 1024, never: true},
		"churn that has just begun and will not fit": {flux: snat.Flux{Held: 0, Opens: 20, Closes: 20, Hold: time.Minute}, budget: 1024, want: 51200 * time.Millisecond},
		"a slow leak beneath churn": {
			flux:   snat.Flux{Held: 600, Opens: 10, Closes: 9, Hold: time.Minute, Releases: steady(540, time.Minute)},
			budget: 1024, want: 60*time.Second + 364*time.Second,
		},
		"what is released in time makes room": {
			flux:   snat.Flux{Held: 1000, Opens: 1, Hold: time.Minute, Releases: []snat.Release{{In: 10 * time.Second, Ports: 500}}},
			budget: 1024, want: 524 * time.Second,
		},
		"what is released too late does not": {
			flux:   snat.Flux{Held: 1000, Opens: 1, Hold: time.Minute, Releases: []snat.Release{{In: 30 * time.Second, Ports: 500}}},
			budget: 1024, want: 24 * time.Second,
		},
	} {
		got, ok := c.flux.FullIn(c.budget)
		if ok == c.never || math.Abs((got-c.want).Seconds()) > 1 {
			t.Errorf("%s: %s %t, want %s %t", name, got, ok, c.want, !c.never)
		}
	}
}

// A forecast agrees with living through it second by second.
func TestFullInLivedThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := snat.Flux{
			Opens: float64(rapid.IntRange(0, 40).Draw(t, "opens")), Closes: float64(rapid.IntRange(0, 40).Draw(t, "closes")),
			Hold: time.Duration(rapid.IntRange(1, 240).Draw(t, "hold")) * time.Second,
		}
		free := rapid.SliceOfN(rapid.IntRange(1, int(f.Hold.Seconds())), 0, 200).Draw(t, "releases")
		f.Held = len(free) + rapid.IntRange(0, 500).Draw(t, "open")
		for _, s := range free {
			f.Releases = append(f.Releases, snat.Release{In: time.Duration(s) * time.Second, Ports: 1})
		}
		budget := rapid.IntRange(64, 2048).Draw(t, "budget")
		got, ok := f.FullIn(budget)

		held, peak, never := float64(f.Held), 0.0, true
		second := 0
		for ; second < 3600; second++ {
			if held >= float64(budget) {
				never = false
				break
			}
			held += f.Opens
			peak = max(peak, held) // within the second, before anything is released
			for _, s := range free {
				if s == second+1 {
					held--
				}
			}
			if second >= int(f.Hold.Seconds()) {
				held -= f.Closes
			}
			held = max(held, 0)
		}
		switch {
		case never && ok && got < 3590*time.Second && peak < float64(budget):
			t.Fatalf("full in %s, and an hour passes without", got)
		case !never && !ok:
			t.Fatalf("never, and it is full after %d s", second)
		case !never && peak < float64(budget)+f.Opens && math.Abs(got.Seconds()-float64(second)) > 2+float64(second)/20:
			t.Fatalf("full in %s, and it is after %d s", got, second)
		}
	})
}
