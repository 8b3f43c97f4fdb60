package runbook

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// oldEnough is the number of steps of a trend after which a connection that
// was open then must be silent for a minute, if nobody uses it.
const oldEnough = int(65 * time.Second / session.TrendStep)

// idle says which share of an owner's older connections has carried nothing
// for a minute or more; ok is false when that cannot be said. It looks at the
// connections that have been open for longer than a minute: a younger one
// proves nothing.
func idle(c *session.Counts) (silent, old int, share float64, ok bool) {
	if c.Silent == nil {
		return 0, 0, 0, false
	}
	silent = c.Silent.Sum()
	if n := len(c.OpenTrend); n >= oldEnough {
		// Those that were open then and those that are open now: what closed in
		// between is not old.
		old = min(c.OpenTrend[n-oldEnough], c.Open)
		for _, v := range c.OpenTrend[n-oldEnough:] {
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
