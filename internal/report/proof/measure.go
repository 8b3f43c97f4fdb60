package proof

import (
	"math"

	"github.com/snattop/snattop/internal/report"
)

// measure is one number of one subject on one side, and what its noise is made
// of. Measures of the parts of a subject add up.
type measure struct {
	// point is the number at the end of the window; known is false where it
	// was not seen.
	point float64
	known bool
	// level means that the rest is known of every part.
	level bool
	mean  float64
	// variance is of the swing that was seen, with the parts taken as
	// independent; excess is the part of it beyond chance, as a standard
	// deviation, with the parts taken to swing together, as the pods of a
	// workload do. Each is the larger one in one of the two cases.
	variance, excess float64
	// seconds is for how long it was watched: of several parts, the mean
	// weighted by their size, each counted as five minutes at most, so that one
	// old part does not hide that the others are young.
	seconds, weight float64
	// turnover is the connections a second that were replaced.
	turnover      float64
	turnoverKnown bool
	// unwatched is how many more ports may be held by connections that closed
	// before the watch began.
	unwatched float64
}

// lightest is the weight of a part that holds nothing.
const lightest = 1e-3

// longest is for how long a part counts as watched at most, where several are
// averaged.
const longest = 300.0

// gaugeOf reads a number of connections or ports that turn over with opens;
// point stands in where there is no level.
func gaugeOf(l *report.Level, point *int, opens measure) measure {
	m := measure{turnover: opens.mean, turnoverKnown: opens.level}
	if point != nil {
		m.point, m.known = float64(*point), true
	}
	m.read(l)
	if m.level {
		m.excess = excess(l.SD, l.Mean)
	}
	return m
}

// rateOf reads events a second.
func rateOf(l *report.Level, point *float64) measure {
	var m measure
	if point != nil {
		m.point, m.known = *point, true
	}
	m.read(l)
	if m.level {
		m.excess = excess(l.SD, l.Mean/beat.Seconds())
	}
	return m
}

func (m *measure) read(l *report.Level) {
	m.mean = m.point
	if l == nil {
		return
	}
	m.known = true
	m.level, m.mean, m.variance, m.seconds = true, l.Mean, l.SD*l.SD, l.Seconds
	m.weight = max(l.Mean, lightest)
}

// momentary makes a level of the number as it is now.
func (m *measure) momentary(seconds float64) {
	if !m.known || seconds <= 0 {
		return
	}
	m.level, m.mean, m.variance, m.seconds, m.weight = true, m.point, m.point, seconds, max(m.point, lightest)
}

// add counts another part in.
func (m *measure) add(o measure) {
	m.point += o.point
	m.known = m.known && o.known
	m.level = m.level && o.level
	m.mean += o.mean
	m.variance += o.variance
	m.excess += o.excess
	m.turnover += o.turnover
	m.turnoverKnown = m.turnoverKnown && o.turnoverKnown
	m.unwatched += o.unwatched
	if w := m.weight + o.weight; w > 0 {
		m.seconds = (min(m.seconds, longest)*m.weight + min(o.seconds, longest)*o.weight) / w
		m.weight = w
	}
}

// value is the measure as it is shown.
func (m *measure) value() *Value {
	if !m.known {
		return nil
	}
	if !m.level {
		return &Value{Mean: round(m.mean)}
	}
	v := &struct { // one piece of memory, of which there may be very many
		Value
		sd, seconds float64
	}{sd: round(max(math.Sqrt(m.variance), m.excess)), seconds: round(m.seconds)}
	v.Value = Value{Mean: round(m.mean), SD: &v.sd, Seconds: &v.seconds, Unwatched: round(m.unwatched)}
	return &v.Value
}

// round keeps two decimals, as the report does.
func round(f float64) float64 { return math.Round(f*100) / 100 }
