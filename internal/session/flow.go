package session

import (
	"math"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// flowKey is one destination of one owner.
type flowKey struct {
	owner Key
	dest  snat.Dest
}

// flow is what is remembered of a destination between ticks. It outlives the
// probe's row for as long as the balancer may hold a port of it.
type flow struct {
	key                                     flowKey
	established, closing, synSent, timeWait uint32
	processes                               []wire.Process
	detailed                                bool
	opens, closes, fails                    rate
	cooling                                 coolingRing
}

func (f *flow) live() bool { return f.established+f.closing+f.synSent+f.timeWait > 0 }

// setGauges takes a row's gauges and, when it has them, its processes.
func (f *flow) setGauges(r *wire.Row) {
	f.established, f.closing, f.synSent, f.timeWait = r.Established, r.Closing, r.SynSent, r.TimeWait
	if r.Detailed {
		f.detailed, f.processes = true, r.Processes
	}
}

// silence says that the probe no longer sees anything of the flow.
func (f *flow) silence() {
	f.established, f.closing, f.synSent, f.timeWait = 0, 0, 0, 0
	f.processes = nil
}

// rateMemory is the time constant of the rates: long enough to be read, short
// enough to follow.
const rateMemory = 5 * time.Second

// rate is an exponentially weighted mean of events a second.
type rate struct {
	weighted float64
	at       time.Time
}

// add counts n events that happened up to now.
func (r *rate) add(n uint32, now time.Time) {
	if n == 0 {
		return
	}
	r.decay(now)
	r.weighted += float64(n) / rateMemory.Seconds()
}

func (r *rate) decay(now time.Time) {
	if dt := now.Sub(r.at); !r.at.IsZero() && dt > 0 {
		r.weighted *= math.Exp(-dt.Seconds() / rateMemory.Seconds())
	}
	r.at = now
}

// perSecond reads the rate. since is when events began to be counted: a mean
// that has not run long is corrected for it, so that the first figures are
// already right.
func (r *rate) perSecond(now, since time.Time) float64 {
	if r.weighted == 0 {
		return 0
	}
	w := r.weighted
	if dt := now.Sub(r.at); dt > 0 {
		w *= math.Exp(-dt.Seconds() / rateMemory.Seconds())
	}
	if age := now.Sub(since); age > 0 {
		w /= 1 - math.Exp(-age.Seconds()/rateMemory.Seconds())
	}
	if w < 0.005 { // below what any page shows
		return 0
	}
	return w
}

// coolingStep is the width of a cooling bucket: closes are forgotten at most
// that much too late.
const coolingStep = 2 * time.Second

// coolingRing remembers when flows closed, for as long as a balancer may hold
// their ports.
type coolingRing struct {
	buckets []coolingBucket
	total   int
}

type coolingBucket struct {
	until time.Time
	n     uint32
}

// add counts n closes at now; their ports are held for hold.
func (c *coolingRing) add(n uint32, now time.Time, hold time.Duration) {
	if n == 0 {
		return
	}
	until := now.Add(hold).Truncate(coolingStep).Add(coolingStep)
	c.total += int(n)
	if last := len(c.buckets) - 1; last >= 0 && c.buckets[last].until.Equal(until) {
		c.buckets[last].n += n
		return
	}
	c.buckets = append(c.buckets, coolingBucket{until, n})
}

// at returns the number of ports still held, and forgets the others.
func (c *coolingRing) at(now time.Time) int {
	i := 0
	for i < len(c.buckets) && !c.buckets[i].until.After(now) {
		c.total -= int(c.buckets[i].n)
		i++
	}
	if i > 0 {
		c.buckets = append(c.buckets[:0], c.buckets[i:]...)
	}
	return c.total
}
