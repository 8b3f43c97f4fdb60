package session

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// coolingRing remembers until when ports are held of flows that have ended.
type coolingRing struct {
	kept *kept // nil is that nothing is held
}

// kept are the seconds in which ports are released, in order. Where ports are
// held for minutes a busy destination has hundreds of them, so all but the last
// are packed: how many, and how much later the next one is, as variable-length
// numbers.
type kept struct {
	// from is the end of the first bucket.
	from   int64
	packed []byte
	last   coolingBucket
	total  int
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
	if n != 0 {
		c.put(coolingBucket{until.Round(coolingStep).Unix(), n})
	}
}

func (c *coolingRing) put(b coolingBucket) {
	k := c.kept
	switch {
	case k == nil:
		c.kept = &kept{from: b.until, last: b, total: int(b.n)}
	case b.until > k.last.until:
		k.pack(b.until)
		k.last = b
		k.total += int(b.n)
	case b.until == k.last.until:
		k.total += k.last.join(b.n)
	default:
		k.insert(b)
	}
}

// pack puts the last bucket with the others, before the one of that end.
func (k *kept) pack(next int64) {
	var room [2 * binary.MaxVarintLen64]byte
	more := binary.AppendUvarint(room[:0], uint64(k.last.n))
	more = binary.AppendUvarint(more, uint64(next-k.last.until)) //nolint:gosec // it is later
	if len(k.packed)+len(more) > cap(k.packed) {
		// A quarter more at a time: there are many rings, and doubling wastes.
		k.packed = append(make([]byte, 0, len(k.packed)*5/4+2*len(more)), k.packed...)
	}
	k.packed = append(k.packed, more...)
}

// insert puts a bucket among those that end later.
func (k *kept) insert(b coolingBucket) {
	list := slices.AppendSeq(make([]coolingBucket, 0, 2+len(k.packed)/2), k.all())
	i, there := slices.BinarySearchFunc(list, b, func(a, b coolingBucket) int { return cmp.Compare(a.until, b.until) })
	if there {
		k.total += list[i].join(b.n)
	} else {
		list = slices.Insert(list, i, b)
		k.total += int(b.n)
	}
	*k = kept{from: list[0].until, last: list[0], total: k.total}
	for _, one := range list[1:] {
		k.pack(one.until)
		k.last = one
	}
}

// join adds to a bucket, and returns by how much it has grown: it has an end.
func (b *coolingBucket) join(n uint32) int {
	n = min(n, math.MaxUint32-b.n)
	b.n += n
	return int(n)
}

// next unpacks a bucket: how many, how much later the next one is, and what is
// behind it.
func next(packed []byte) (n uint32, gap int64, rest []byte) {
	many, i := binary.Uvarint(packed)
	far, j := binary.Uvarint(packed[i:])
	return uint32(many), int64(far), packed[i+j:] //nolint:gosec // as it was packed
}

// all goes through the buckets in the order of their ends.
func (k *kept) all() iter.Seq[coolingBucket] {
	return func(yield func(coolingBucket) bool) {
		if k == nil {
			return
		}
		at, packed := k.from, k.packed
		for len(packed) > 0 {
			n, gap, rest := next(packed)
			if !yield(coolingBucket{at, n}) {
				return
			}
			at, packed = at+gap, rest
		}
		yield(k.last)
	}
}

// at returns the number of ports still held, and forgets the others.
func (c *coolingRing) at(now time.Time) int {
	k, then := c.kept, now.Unix()
	if k == nil {
		return 0
	}
	if k.last.until <= then {
		c.kept = nil
		return 0
	}
	for k.from <= then {
		n, gap, rest := next(k.packed) // the last one ends later
		k.from, k.packed, k.total = k.from+gap, rest, k.total-int(n)
	}
	return k.total
}

// releases lists when the ports become free.
func (c *coolingRing) releases(now time.Time) []snat.Release {
	var out []snat.Release
	for b := range c.kept.all() {
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
	k, then := c.kept, now.Unix()
	if k == nil || k.last.until <= then {
		return 0
	}
	left, at, packed := k.total, k.from, k.packed
	for at <= then {
		n, gap, rest := next(packed) // the last one ends later
		left, at, packed = left-int(n), at+gap, rest
	}
	return left
}

// none reports whether nothing is remembered.
func (h *held) none() bool { return *h == held{} }

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
