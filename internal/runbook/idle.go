package runbook

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// oldEnough is the time after which a connection that was open then must be
// known to have been silent for a minute, if nobody uses it.
const oldEnough = 65 * time.Second

// idle says which share of an owner's older connections has carried nothing
// for a minute or more; ok is false when that cannot be said. It looks at the
// connections that have been open for longer than a minute: a younger one
// proves nothing. A collector that has begun anew knows of no silence before.
func (s *scene) idle(c *session.Counts) (silent, old int, share float64, ok bool) {
	if c.Silent == nil {
		return 0, 0, 0, false
	}
	silent = c.Silent.Sum()
	const steps = int(oldEnough / session.TrendStep)
	if n := len(c.OpenTrend); n >= steps && s.n.LastTick.Sub(s.n.CountedSince) >= oldEnough {
		// Those that were open then and those that are open now: what closed in
		// between is not old.
		old = min(c.OpenTrend[n-steps], c.Open)
		for _, v := range c.OpenTrend[n-steps:] {
			old = min(old, v)
		}
	}
	switch {
	case old >= leastRise:
		return silent, old, min(float64(silent)/float64(old), 1), true
	case c.Open >= leastRise && float64(silent) >= half*float64(c.Open):
		// It was silent before anybody looked.
		return silent, c.Open, float64(silent) / float64(c.Open), true
	default:
		return silent, old, 0, false
	}
}
