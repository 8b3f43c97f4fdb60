package snat

import (
	"math"
	"slices"
	"time"
)

// Horizon is how far a forecast looks: what is further away is no news.
const Horizon = 24 * time.Hour

// Release is a number of held ports that become free at the same time.
type Release struct {
	In    time.Duration
	Ports int
}

// Flux is what moves the ports of one destination.
type Flux struct {
	// Held is the number of ports now.
	Held int
	// Opens and Closes are connections a second, taken as steady.
	Opens, Closes float64
	// Hold is how long a port is held after its connection has closed.
	Hold time.Duration
	// Releases are the ports among Held that are known to become free.
	Releases []Release
}

// FullIn returns after which time the budget is used up if it goes on like
// this; ok is false when it is not within the Horizon. A leak grows until it
// is full; churn grows for one hold time and stays there, which is not full as
// long as that fits.
func (f Flux) FullIn(budget int) (in time.Duration, ok bool) {
	held, at := float64(f.Held), time.Duration(0)
	// until returns when the budget is reached at a steady growth.
	until := func(growth float64, end time.Duration) (time.Duration, bool) {
		missing := float64(budget) - held
		if missing <= 0 {
			return at, true
		}
		seconds := missing / growth
		if growth <= 0 || math.IsNaN(seconds) || seconds >= (end-at).Seconds() {
			return 0, false
		}
		return at + time.Duration(seconds*float64(time.Second)), true
	}
	releases := slices.Clone(f.Releases)
	slices.SortFunc(releases, func(a, b Release) int { return int(a.In - b.In) })
	// What closes from now on is held for the hold time; what was closed
	// before becomes free until then.
	for _, r := range append(releases, Release{In: f.Hold}) {
		end := min(max(r.In, at), f.Hold)
		if in, ok := until(f.Opens, end); ok {
			return in, true
		}
		held = max(held+f.Opens*(end-at).Seconds()-float64(r.Ports), 0)
		at = end
	}
	return until(f.Opens-f.Closes, Horizon)
}
