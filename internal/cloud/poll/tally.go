package poll

import (
	"math"
	"time"
)

// Grain is the length of the minutes that figures come in.
const Grain = time.Minute

// Tally adds up, minute by minute, what several series say of one thing. The
// zero value is empty.
type Tally struct {
	minutes map[int64]sum // by the minute's end, Unix seconds
}

type sum struct {
	value  float64
	series int
}

// Add takes one value of one series for the minute that ends at end. Values
// that no count can have (negative, not a number, beyond an int32) are left
// out: they say nothing.
func (t *Tally) Add(end time.Time, value float64) {
	if math.IsNaN(value) || value < 0 || value > math.MaxInt32 || end.IsZero() {
		return
	}
	if t.minutes == nil {
		t.minutes = map[int64]sum{}
	}
	at := end.Round(Grain).Unix()
	s := t.minutes[at]
	t.minutes[at] = sum{value: s.value + value, series: s.series + 1}
}

// Newest is the newest minute's sum and end; false when there is no minute at
// all. A minute for which fewer series have spoken than for the one before is
// still filling up, and the one before is taken.
func (t *Tally) Newest() (value int, end time.Time, ok bool) {
	newest := int64(math.MinInt64)
	for at := range t.minutes {
		newest = max(newest, at)
	}
	s, ok := t.minutes[newest]
	if !ok {
		return 0, time.Time{}, false
	}
	before := newest - int64(Grain/time.Second)
	if b, there := t.minutes[before]; there && b.series > s.series {
		newest, s = before, b
	}
	return int(math.Round(min(s.value, math.MaxInt32))), time.Unix(newest, 0).UTC(), true
}
