package session

import (
	"time"
)

// worthRemembering is from how many flows on a destination has a history.
const worthRemembering = 8

// history is how numbers have stood over the last minutes.
type history struct {
	ports, open, opens, fails level
	trend                     trend
}

// note takes the numbers as they stand.
func (h *history) note(ports, open int, opens, fails float64, now time.Time) {
	h.ports.note(float64(ports), now)
	h.open.note(float64(open), now)
	h.opens.note(opens, now)
	h.fails.note(fails, now)
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
	t.values = append(fresh, value)
}
