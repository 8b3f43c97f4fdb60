package session

import "time"

// worthRemembering is from how many flows on a destination has a history.
const worthRemembering = 16

// history is how numbers have stood over the last minutes.
type history struct {
	ports, open, opens, fails level
	trend                     trend
}

// note takes the numbers as they stand.
func (h *history) note(ports, open int, opens, fails float64, now time.Time) {
	share := fresh(h.open.at, now)
	h.ports.note(float64(ports), share, now)
	h.open.note(float64(open), share, now)
	h.opens.note(opens, share, now)
	h.fails.note(fails, share, now)
	h.trend.note(open, now)
}

// levels returns what is known now.
func (h *history) levels(now time.Time) Levels {
	return Levels{Ports: h.ports.level(now), Open: h.open.level(now), Opens: h.opens.level(now), Fails: h.fails.level(now)}
}

// trendLength is how many values a trend holds: five minutes.
const trendLength = int(5 * time.Minute / TrendStep)

// trend is a number over the last minutes, one value every TrendStep. What it
// holds is never written again: pictures share it.
type trend struct {
	values []int
	at     time.Time
}

// note adds a value when its time has come; while nobody looked the number
// stood where it was.
func (t *trend) note(value int, now time.Time) {
	steps := 1
	if !t.at.IsZero() {
		if steps = int(now.Sub(t.at) / TrendStep); steps < 1 {
			return
		}
		t.at = t.at.Add(time.Duration(steps) * TrendStep)
	} else {
		t.at = now
	}
	fresh := make([]int, 0, trendLength)
	steps = min(steps, trendLength)
	fresh = append(fresh, t.values[max(0, len(t.values)-trendLength+steps):]...)
	for range steps - 1 {
		fresh = append(fresh, t.values[len(t.values)-1])
	}
	fresh = append(fresh, value)
	t.values = fresh
}

// growth is by how many a second the number of open flows grows, 0 when it
// does not grow by more than it swings.
func (h *history) growth(e *events) float64 {
	if slope, ok := growthOf(h.trend.values); ok {
		return slope
	}
	return e.outrun() // too young for a trend
}

// outrun is by how many a second opens exceed closes now, 0 when by no more
// than events scatter that come as they like.
func (e *events) outrun() float64 {
	net := e.opens - e.closes
	if net < 3*root((e.opens+e.closes)/(2*rateMemory.Seconds())) {
		return 0
	}
	return net
}

// leastTrend is from how many values on a trend has a slope.
const leastTrend = 4

// growthOf returns the slope of a trend a second. It looks back as far as the
// slope has been the same: a trend whose newer half rises otherwise than its
// older one is cut in half.
func growthOf(values []int) (perSecond float64, ok bool) {
	if len(values) < leastTrend {
		return 0, false
	}
	for len(values) >= 2*leastTrend {
		older, newer := values[:len(values)/2], values[len(values)/2:]
		a, _ := slope(older)
		b, swing := slope(newer)
		if bend := a - b; max(bend, -bend)*float64(len(newer)) <= 3*(swing+1) {
			break
		}
		values = newer
	}
	s, swing := slope(values)
	if s*float64(len(values)) <= 2*swing+1 {
		return 0, true
	}
	return s / TrendStep.Seconds(), true
}

// slope fits a line by least squares: what it rises by from one value to the
// next, and how far the values swing around it.
func slope(values []int) (perStep, swing float64) {
	n := float64(len(values))
	if n < 2 {
		return 0, 0
	}
	var sumX, sumY, sumXX, sumXY float64
	for i, v := range values {
		x, y := float64(i), float64(v)
		sumX, sumY, sumXX, sumXY = sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	perStep = (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
	base := (sumY - perStep*sumX) / n
	var squares float64
	for i, v := range values {
		off := float64(v) - base - perStep*float64(i)
		squares += off * off
	}
	return perStep, root(squares / n)
}

// tell gives the counts their past, and notes them first where that is asked.
func (h *history) tell(c *Counts, now time.Time, note bool) {
	if note {
		h.note(c.Ports.Estimate, c.Open, c.OpensPerSecond, c.FailedPerSecond, now)
	}
	c.Levels, c.OpenTrend = h.levels(now), h.trend.values
}
