package session

import (
	"math"
	"slices"
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
// probe's rows for as long as the balancer may hold a port of it.
type flow struct {
	key flowKey
	// rows are what probes say of the flow now. One as a rule; but two owners
	// of a stream may turn out to be one of ours, and then they add up.
	rows []*streamRow
	// stream told the flow last, and epoch is which of its starts: rates are
	// counted within one.
	stream               *stream
	epoch                uint32
	opens, closes, fails rate
	cooling              coolingRing
	// trouble and lives are nil until there is any: most collectors tell of
	// neither. lives is replaced, never written: pictures share it.
	trouble *troubleRates
	lives   *Lives
}

// gauges are numbers of sockets.
type gauges struct{ established, closing, synSent, timeWait uint32 }

// gauges adds up what the rows say.
func (f *flow) gauges() (established, closing, synSent, timeWait int) {
	for _, r := range f.rows {
		established += int(r.established)
		closing += int(r.closing)
		synSent += int(r.synSent)
		timeWait += int(r.timeWait)
	}
	return established, closing, synSent, timeWait
}

// idle reports whether nothing of the flow is left to remember.
func (f *flow) idle(now time.Time) bool {
	return len(f.rows) == 0 && f.cooling.at(now) == 0 &&
		now.Sub(f.fails.at) > 2*rateMemory && now.Sub(f.opens.at) > 2*rateMemory
}

// attach adds a row. Rates start anew with a stream's start: what was counted
// before a gap says nothing of after.
func (f *flow) attach(st *stream, r *streamRow) {
	f.rows = append(f.rows, r)
	if f.stream != st || f.epoch != st.epoch {
		f.stream, f.epoch = st, st.epoch
		f.opens, f.closes, f.fails = rate{}, rate{}, rate{}
		f.trouble, f.lives = nil, nil
	}
}

// current reports whether what is remembered was counted by the stream as it
// stands, not before a gap.
func (f *flow) current() bool { return f.epoch == f.stream.epoch }

// finer counts what only collectors that see every event tell.
func (f *flow) finer(r *wire.Row, over time.Duration, now time.Time) {
	if troubled(r) {
		if f.trouble == nil {
			f.trouble = &troubleRates{}
		}
		f.trouble.add(r, over, now)
	}
	if len(r.Lives) > 0 {
		f.lives = f.lives.with(r.Lives)
	}
}

// detach says that the probe no longer sees anything of a row.
func (f *flow) detach(r *streamRow) {
	if i := slices.Index(f.rows, r); i >= 0 {
		f.rows = slices.Delete(f.rows, i, i+1)
	}
}

// processes merges what the rows say of their processes; ok is false when no
// row has detail.
func (f *flow) processes() (list []wire.Process, ok bool) {
	for _, r := range f.rows {
		if r.detailed {
			list, ok = append(list, r.processes...), true
		}
	}
	return list, ok
}

// rateMemory is the time constant of the rates: long enough to be read, short
// enough to follow.
const rateMemory = 5 * time.Second

// rate is an exponentially weighted mean of events a second.
type rate struct {
	weighted float64
	at       time.Time
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
	r.decay(now)
	r.weighted += float64(n) / over.Seconds() * settled(over)
}

func (r *rate) decay(now time.Time) {
	if dt := now.Sub(r.at); !r.at.IsZero() && dt > 0 {
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
	if dt := at.Sub(r.at); dt > 0 {
		w *= 1 - settled(dt)
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
