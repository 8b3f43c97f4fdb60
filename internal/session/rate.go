package session

import (
	"math"
	"time"
)

// rateMemory is the time constant of the rates: long enough to be read, short
// enough to follow.
const rateMemory = 5 * time.Second

// rate is an exponentially weighted mean of events a second.
type rate struct {
	weighted float64
	at       moment
}

// settled is the share of a steady rate that its mean shows after a time.
func settled(after time.Duration) float64 {
	return -math.Expm1(-after.Seconds() / rateMemory.Seconds())
}

// add counts n events that were spread over the time that ended now.
func (r *rate) add(n uint32, over time.Duration, now time.Time) {
	if n == 0 {
		return
	}
	r.decay(momentOf(now))
	r.weighted += float64(n) / over.Seconds() * settled(over)
}

func (r *rate) decay(now moment) {
	if dt := r.at.since(now); r.at != 0 && dt > 0 {
		r.weighted *= 1 - settled(dt)
	}
	r.at = now
}

// perSecond reads the rate as it was at a time. counted is for how long events
// have been counted: a mean that has not run long is corrected for it, so that
// the first figures are already right.
func (r *rate) perSecond(at time.Time, counted time.Duration) float64 {
	if r.weighted == 0 || counted <= 0 {
		return 0
	}
	w := r.weighted / settled(counted)
	if dt := r.at.since(momentOf(at)); dt > 0 {
		w *= 1 - settled(dt)
	}
	if w < 0.005 { // below what any page shows
		return 0
	}
	return w
}

// stale reports whether nothing was counted for so long that the rate says
// nothing any more.
func (r *rate) stale(now time.Time) bool {
	return r.at == 0 || r.at.since(momentOf(now)) > 2*rateMemory
}
