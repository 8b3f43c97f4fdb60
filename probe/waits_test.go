package probe

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// waited is one connection of the model: it ends at a time.
type waited struct {
	until time.Time
	n     uint32
}

// The gauge is never more than what waits still, and less by no more than what
// ends within a second.
func TestWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w waits
		var model []waited
		now := time.Unix(1_790_000_000, 0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "later")) * time.Millisecond)
			for range rapid.IntRange(0, 3).Draw(t, "adds") {
				left := timeWaitLength
				if rapid.Bool().Draw(t, "found") {
					left = time.Duration(rapid.IntRange(0, 60).Draw(t, "left")) * time.Second
				}
				n := uint32(rapid.IntRange(0, 5).Draw(t, "n"))
				w.add(now.Add(left), n)
				model = append(model, waited{now.Add(left), n})
			}
			most, least := uint32(0), uint32(0)
			for _, m := range model {
				if m.until.After(now) {
					most += m.n
				}
				if m.until.After(now.Add(waitGrain)) {
					least += m.n
				}
			}
			if got := w.left(now); got > most || got < least {
				t.Fatalf("%d wait, should be %d to %d", got, least, most)
			}
			// As long as a minute has seconds, with what was found among it.
			if len(w.list) > 2*int(timeWaitLength/waitGrain)+2 {
				t.Fatalf("%d entries for a minute", len(w.list))
			}
			sound(t, &w)
		}
		if got := w.left(now.Add(2 * timeWaitLength)); got != 0 || w.list != nil {
			t.Fatalf("%d wait after all have ended: %v", got, w.list)
		}
	})
}

// sound wants the list in order, and its sum right.
func sound(t *rapid.T, w *waits) {
	sum := uint32(0)
	for i, e := range w.list {
		if e.n == 0 || i > 0 && e.at.Before(w.list[i-1].at) {
			t.Fatalf("the list is out of order: %v", w.list)
		}
		sum += e.n
	}
	if sum != w.n {
		t.Fatalf("%d wait, the list has %d", w.n, sum)
	}
}

// A clock that is set while we count makes no nonsense, and everything has gone
// when it is a minute past its latest time.
func TestWaitsWithAClockThatJumps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var w waits
		latest, all := time.Unix(1_790_000_000, 0), uint32(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now := time.Unix(1_790_000_000, 0).Add(time.Duration(rapid.IntRange(-86_400, 86_400).Draw(t, "clock")) * time.Second)
			if now.After(latest) {
				latest = now
			}
			w.add(now.Add(timeWaitLength), 1)
			all++
			if got := w.left(now); got > all || got < 1 {
				t.Fatalf("%d of %d wait", got, all)
			}
			sound(t, &w)
		}
		if got := w.left(latest.Add(timeWaitLength)); got != 0 {
			t.Fatalf("%d wait for ever", got)
		}
	})
}
