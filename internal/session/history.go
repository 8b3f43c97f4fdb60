package session

import "time"

// worthRemembering is from how many flows on a destination has a history.
const worthRemembering = 16

// history is how numbers have stood over the last minutes.
type history struct {
	standing
	ports, open, opens, fails level
	trend                     trend
}

// note takes the numbers as they stand.
func (h *history) note(ports, open int, opens, fails float64, now time.Time) {
	at := momentOf(now)
	if h.began == 0 {
		h.began = at
	} else if share := fresh(h.at, at); share > 0 {
		for _, l := range h.all() {
			l.fold(share)
		}
		h.weight = h.weight*(1-share) + share
	}
	h.ports.value, h.open.value, h.opens.value, h.fails.value = float64(ports), float64(open), opens, fails
	h.at = at
	h.trend.note(open, at)
}

func (h *history) all() [4]*level { return [4]*level{&h.ports, &h.open, &h.opens, &h.fails} }

// levels returns what is known now. Looking changes nothing.
func (h *history) levels(now time.Time) Levels {
	if h.began == 0 {
		return Levels{}
	}
	at := momentOf(now)
	over := h.over(at)
	of := func(l level) Level { return h.swing(l, at).level(over) }
	return Levels{Ports: of(h.ports), Open: of(h.open), Opens: of(h.opens), Fails: of(h.fails)}
}

// past is what a picture holds of a destination's history.
type past struct {
	over               time.Duration
	open, opens, fails swing
	trend              packed
}

// past returns what is known now.
func (h *history) past(now time.Time) *past {
	p := &past{trend: h.trend.values}
	if h.began != 0 {
		at := momentOf(now)
		p.over, p.open, p.opens, p.fails = h.over(at), h.swing(h.open, at), h.swing(h.opens, at), h.swing(h.fails, at)
	}
	return p
}

// levels are those of a destination.
func (p *past) levels() *Levels {
	return &Levels{Open: p.open.level(p.over), Opens: p.opens.level(p.over), Fails: p.fails.level(p.over)}
}

// growth is by how many a second the number of open flows grows, 0 when it
// does not grow by more than it swings.
func (h *history) growth(e *events) float64 {
	var room [trendLength]int
	if slope, ok := growthOf(h.trend.values.appendTo(room[:0])); ok {
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
// The counts may have the trend of the picture before, which is taken again if
// it still holds.
func (h *history) tell(c *Counts, now time.Time, note bool) {
	if note {
		h.note(c.Ports.Estimate, c.Open, c.OpensPerSecond, c.FailedPerSecond, now)
	}
	c.Levels, c.OpenTrend = h.levels(now), h.trend.values.unpack(c.OpenTrend)
}
