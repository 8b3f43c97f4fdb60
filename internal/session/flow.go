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
	// What follows is nil until there is any: most destinations have none of
	// it. lives is replaced, never written: pictures share it.
	held    *held
	waiting *waiting
	trouble *troubleRates
	lives   *Lives
	hist    *history
}

// gauges are numbers of sockets. silent is nil when none is.
type gauges struct {
	established, closing, synSent, timeWait uint32
	silent                                  *Silence
}

// silence adds up what the rows say; none is what all share that have none.
func (f *flow) silence(none *Silence) *Silence {
	out := none
	for _, r := range f.rows {
		if r.silent == nil {
			continue
		}
		if out == none {
			out = &Silence{}
		}
		out.add(r.silent)
	}
	return out
}

// hold returns what is held of the flow, to be added to.
func (f *flow) hold() *held {
	if f.held == nil {
		f.held = &held{}
	}
	return f.held
}

// ended counts the flows that a tick says have ended: over is the time that
// the tick covers, 0 for a full one; age is that of the owner, 0 when it is not
// known.
func (f *flow) ended(r *wire.Row, over, age time.Duration, now time.Time, t snat.Timers) {
	if over == 0 {
		if r.Closes == 0 {
			return
		}
		// What was found closed may be known already from before a gap.
		known, _ := f.held.at(now)
		if known == 0 {
			f.hold().found(r.Closes, now, t.FIN, age)
			return
		}
		f.hold().fin.add(r.Closes-min(r.Closes, count32(known)), now.Add(t.FIN))
		return
	}
	resets := min(r.Resets, r.Closes)
	if r.Closes > 0 {
		// They ended some time in the tick: in its middle, on the average. Of a
		// long one that is left out which the upper bound has no margin for.
		at := now.Add(-min(over, margin) / 2)
		f.hold().fin.add(r.Closes-resets, at.Add(t.FIN))
		f.hold().reset.add(resets, at.Add(t.Reset))
	}
	// An attempt that got no local port has sent nothing.
	if sent := r.Fails - min(r.Fails, r.NoPort); sent > 0 {
		refused := min(r.Refused, sent)
		f.hold().gone.add(refused, now.Add(t.Reset))
		f.hold().gone.add(sent-refused, now.Add(t.HalfOpen))
	}
}

func count32(n int) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// attempts notes how many attempts have no answer.
func (f *flow) attempts(now time.Time) {
	_, _, synSent, _ := f.gauges()
	if f.waiting == nil {
		if synSent == 0 {
			return
		}
		f.waiting = &waiting{}
	}
	f.waiting.note(count32(synSent), now)
}

// waiting tells attempts that stay without an answer from those that are on
// their way: it is the least number of them over the last ticks.
type waiting struct {
	since     time.Time
	was, is   uint32
	attempted uint32
}

// waitStep is the time over which the least is looked for, twice. A SYN is
// sent again after a second (RFC 6298, section 2.1), so what is without an
// answer for two steps has gone unheard once. It is a little less than a tick,
// which may come early.
const waitStep = 900 * time.Millisecond

// note says that so many attempts have no answer now.
func (w *waiting) note(attempts uint32, now time.Time) {
	w.roll(now)
	w.attempted = attempts
	w.is = min(w.is, attempts)
}

func (w *waiting) roll(now time.Time) {
	switch age := now.Sub(w.since); {
	case age >= 2*waitStep:
		w.was, w.is, w.since = w.attempted, w.attempted, now
	case age >= waitStep:
		w.was, w.is, w.since = w.is, w.attempted, now
	}
}

// at returns the attempts that wait. Looking changes nothing: what is known
// later does not depend on who has looked.
func (w *waiting) at(now time.Time) int {
	if w == nil {
		return 0
	}
	then := *w
	then.roll(now)
	return int(min(then.was, then.is))
}

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
	return len(f.rows) == 0 && f.held.empty(now) &&
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
