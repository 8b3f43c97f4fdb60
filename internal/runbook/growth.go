package runbook

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// What makes a growth a growth. These are snattop's own.
const (
	// leastSteps is how many steps of a trend a growth takes at least: a pool
	// that fills itself does so in one or two.
	leastSteps = 4
	// growthParts is into how many parts a growth is cut at the most; in
	// risingShare of them something must be reached that was not before. A
	// number that swings about a level does so in few.
	growthParts = 6
	risingShare = 0.8
	// backShare of what it rises a growth may fall on its way.
	backShare = 0.4
	// setback is the share of what was reached by which a growth may fall.
	setback = 0.1
	// leastRise is the least number of connections that a growth is made of.
	leastRise = 8
)

// growth is how a number has gone up over a trend, since it last fell.
type growth struct {
	from, to int
	// took is the time from the first rise to the last; stood how long it has
	// not risen since.
	took, stood time.Duration
	// sustained means that it rose steadily for long enough to be no step.
	sustained bool
}

// perSecond is the speed of the growth.
func (g growth) perSecond() float64 {
	if g.took <= 0 {
		return 0
	}
	return float64(g.to-g.from) / g.took.Seconds()
}

// stopped reports whether the growth has come to an end.
func (g growth) stopped() bool { return g.stood >= stoppedAfter }

// stoppedAfter is for how long nothing must rise to call a growth ended.
const stoppedAfter = 30 * time.Second

// grown reads a trend, oldest value first.
func grown(trend []int) growth {
	// A restart makes everything before it another story.
	start, reached := 0, 0
	for i, v := range trend {
		if float64(v) < float64(reached)*(1-setback) && reached-v >= leastRise {
			start, reached = i, 0
		}
		reached = max(reached, v)
	}
	trend = trend[start:]
	if len(trend) == 0 {
		return growth{}
	}
	first, last, high := -1, -1, trend[0]
	for i, v := range trend {
		if v > high {
			if first < 0 {
				first = i - 1
			}
			last, high = i, v
		}
	}
	if first < 0 {
		return growth{from: high, to: high, stood: session.TrendStep * time.Duration(len(trend)-1)}
	}
	g := growth{
		from: trend[first], to: high,
		took:  session.TrendStep * time.Duration(last-first),
		stood: session.TrendStep * time.Duration(len(trend)-1-last),
	}
	g.sustained = last-first >= leastSteps && g.to-g.from >= leastRise && rises(trend[first:last+1])
	return g
}

// rises reports whether a trend hardly falls, and nearly every part of it
// reaches what none before it did.
func rises(trend []int) bool {
	up, down := 0, 0
	for i := 1; i < len(trend); i++ {
		up += max(trend[i]-trend[i-1], 0)
		down += max(trend[i-1]-trend[i], 0)
	}
	if float64(down) > backShare*float64(up) {
		return false
	}
	parts := min(growthParts, len(trend)-1)
	high, rising := trend[0], 0
	for p := range parts {
		reached := high
		for _, v := range trend[1+p*(len(trend)-1)/parts : 1+(p+1)*(len(trend)-1)/parts] {
			reached = max(reached, v)
		}
		if reached > high {
			rising++
		}
		high = reached
	}
	return float64(rising) >= risingShare*float64(parts)
}
