package session

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// coolingRing remembers until when ports are held of flows that have ended.
type coolingRing struct {
	// buckets are in the order of their end.
	buckets []coolingBucket
	total   int
}

type coolingBucket struct {
	until int64 // Unix seconds
	n     uint32
}

// coolingStep is the width of a bucket. A hold ends at the nearest step, so
// that the sum is right on the average.
const coolingStep = time.Second // until counts in it

// add counts n ports that are held until then.
func (c *coolingRing) add(n uint32, until time.Time) {
	if n == 0 {
		return
	}
	at := until.Round(coolingStep).Unix()
	c.total += int(n)
	i := len(c.buckets)
	for i > 0 && c.buckets[i-1].until > at {
		i--
	}
	if i > 0 && c.buckets[i-1].until == at {
		c.buckets[i-1].n += n
		return
	}
	c.buckets = slices.Insert(c.buckets, i, coolingBucket{at, n})
}

// at returns the number of ports still held, and forgets the others.
func (c *coolingRing) at(now time.Time) int {
	i, then := 0, now.Unix()
	for i < len(c.buckets) && c.buckets[i].until <= then {
		c.total -= int(c.buckets[i].n)
		i++
	}
	if i > 0 {
		c.buckets = append(c.buckets[:0], c.buckets[i:]...)
	}
	return c.total
}

// releases lists when the ports become free.
func (c *coolingRing) releases(now time.Time) []snat.Release {
	out := make([]snat.Release, 0, len(c.buckets))
	for _, b := range c.buckets {
		out = append(out, snat.Release{In: max(time.Unix(b.until, 0).Sub(now), 0), Ports: int(b.n)})
	}
	return out
}

// held is what the balancer may still hold for flows that have ended. Most
// destinations have nothing of it.
type held struct {
	// fin and reset are flows that ended in order and by a reset; gone are
	// attempts that ended without a connection.
	fin, reset, gone coolingRing
}

// margin is how much longer a port may be held than the timers say, for the
// upper bound: the balancer saw the end later than the node, and a tick tells
// of it later still.
const margin = 2 * time.Second

// cooling returns the ports held for closed flows, and those that may be held
// beyond that.
func (h *held) at(now time.Time) (cooling, doubtful int) {
	if h == nil {
		return 0, 0
	}
	// The rings keep what has just ended for as long as the margin.
	kept := h.fin.at(now.Add(-margin)) + h.reset.at(now.Add(-margin))
	cooling = h.fin.after(now) + h.reset.after(now)
	return cooling, kept - cooling + h.gone.at(now.Add(-margin))
}

// after counts the ports that are held beyond a time, without forgetting any.
func (c *coolingRing) after(now time.Time) int {
	n, then := c.total, now.Unix()
	for _, b := range c.buckets {
		if b.until > then {
			break
		}
		n -= int(b.n)
	}
	return n
}

// empty reports whether nothing is held any more.
func (h *held) empty(now time.Time) bool {
	if h == nil {
		return true
	}
	cooling, doubtful := h.at(now)
	return cooling+doubtful == 0
}

// found enters closes that a probe found when it began. They are sockets in
// TIME_WAIT, which the kernel keeps for a minute (include/net/tcp.h,
// TCP_TIMEWAIT_LEN), so they are taken to have happened evenly over the last
// one; and a load that closed n in a minute has closed as many in the minutes
// before, as far back as the hold reaches and the load is old. An age of zero
// is not known.
func (h *held) found(n uint32, now time.Time, hold, age time.Duration) {
	shown, reach := time.Minute, hold
	if age > 0 {
		shown, reach = min(shown, age), min(reach, age)
	}
	if n == 0 || hold <= 0 {
		return
	}
	// Evenly over the time in which they will be released.
	const parts = 24
	total := float64(n) * reach.Seconds() / shown.Seconds()
	given := 0.0
	for i := range parts {
		share := total*float64(i+1)/parts - given
		whole := uint32(share + 0.5)
		given += float64(whole)
		h.fin.add(whole, now.Add(hold-reach+reach*time.Duration(2*i+1)/(2*parts)))
	}
}
