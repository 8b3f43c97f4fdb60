package session

import (
	"math"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// flow is what is remembered of a destination of an owner between ticks. It
// outlives the probe's rows for as long as the balancer may hold a port of it.
// There may be a million: what most of them have none of stands apart.
type flow struct {
	holder *holder
	moving *moving
	// card is what is to be said of the flow: which destination it is, and what
	// probes say of it now. Pictures share it unless it is loose.
	card *card
	// told is the start of the stream that told the flow last: rates are
	// counted within one.
	told start
	bits bits
}

// bits are what there is to know of a flow by yes and no.
type bits uint8

func (f *flow) is(b bits) bool { return f.bits&b != 0 }

func (f *flow) set(b bits, on bool) {
	if on {
		f.bits |= b
	} else {
		f.bits &^= b
	}
}

const (
	// hasRow means that a probe sees something of the flow.
	hasRow bits = 1 << iota
	// awake means that the flow is among those of its holder that are looked at
	// with each picture.
	awake
	// detailed means that the processes of the row are known.
	detailed
	// strange means that another stream tells the flow than its card was made
	// for.
	strange
	// loose means that no picture has the card, so that it may be written.
	loose
	// gone means that the flow was forgotten.
	gone
)

// edit returns the card, to be written to.
func (f *flow) edit() *card {
	if !f.is(loose) {
		mine := *f.card
		f.card = &mine
		f.set(loose, true)
	}
	return f.card
}

// start is one start of one of a node's streams: the stream's number, and
// which start of it.
type start uint32

const (
	// epochBits is how many bits of a start are its epoch: the others are
	// enough for maxNodeStreams.
	epochBits = 22
	maxEpoch  = 1<<epochBits - 1
)

func startOf(number int, epoch uint32) start {
	return start(uint32(number)<<epochBits | epoch&maxEpoch) //nolint:gosec // below maxNodeStreams
}

func (s start) epoch() uint32 { return uint32(s) & maxEpoch }

// stream is the one that told the flow last.
func (f *flow) stream() *stream { return f.holder.node.numbered[f.told>>epochBits] }

// moving is what only those flows have of which something happens: what was
// counted of late, and what is remembered of it. lives is replaced, never
// written: pictures share it.
type moving struct {
	opens, closes, fails rate
	held                 held
	waiting              *waiting
	trouble              *troubleRates
	lives                *Lives
	hist                 *history
	apart                *apart
}

// move returns what moves of the flow, to be written to.
func (f *flow) move() *moving {
	if f.moving == nil {
		f.moving = &moving{}
	}
	return f.moving
}

func (f *flow) held() *held {
	if f.moving == nil {
		return nil
	}
	return &f.moving.held
}

func (f *flow) hist() *history {
	if f.moving == nil {
		return nil
	}
	return f.moving.hist
}

// current reports whether what is remembered was counted by the stream as it
// stands, not before a gap.
func (f *flow) current() bool { return f.told == f.stream().start }

// ended counts the flows that a tick says have ended: over is the time that
// the tick covers, 0 for a full one; age is that of the owner, 0 when it is not
// known.
func (f *flow) ended(r *wire.Row, over, age time.Duration, now time.Time, t snat.Timers) {
	if over == 0 {
		if r.Closes == 0 {
			return
		}
		// What was found closed may be known already from before a gap.
		known, _ := f.held().at(now)
		if known == 0 {
			f.move().held.found(r.Closes, now, t.FIN, age)
			return
		}
		f.move().held.fin.add(r.Closes-min(r.Closes, count32(known)), now.Add(t.FIN))
		return
	}
	resets := min(r.Resets, r.Closes)
	if r.Closes > 0 {
		// They ended some time in the tick: in its middle, on the average. Of a
		// long one that is left out which the upper bound has no margin for.
		at := now.Add(-min(over, margin) / 2)
		f.move().held.fin.add(r.Closes-resets, at.Add(t.FIN))
		f.move().held.reset.add(resets, at.Add(t.Reset))
	}
	// An attempt that got no local port has sent nothing.
	if sent := r.Fails - min(r.Fails, r.NoPort); sent > 0 {
		refused := min(r.Refused, sent)
		f.move().held.gone.add(refused, now.Add(t.Reset))
		f.move().held.gone.add(sent-refused, now.Add(t.HalfOpen))
	}
}

func count32(n int) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// attempts notes how many attempts have no answer.
func (f *flow) attempts(now time.Time) {
	synSent := f.card.gauges().synSent
	if f.moving == nil || f.moving.waiting == nil {
		if synSent == 0 {
			return
		}
		f.move().waiting = &waiting{}
	}
	f.moving.waiting.note(synSent, now)
}

// idle reports whether nothing of the flow is left to remember.
func (f *flow) idle(now time.Time) bool {
	if f.is(hasRow) {
		return false
	}
	m := f.moving
	return m == nil || m.held.empty(now) && m.fails.stale(now) && m.opens.stale(now)
}

// tire lets go of what has come to its end, and reports whether the flow says
// the same from now on until something is told of it.
func (f *flow) tire(now time.Time) bool {
	if !f.is(hasRow) {
		return false // it is to be forgotten
	}
	m := f.moving
	if m == nil {
		return true
	}
	if m.held.empty(now) {
		m.held = held{}
	}
	if m.waiting != nil && m.waiting.over(now) {
		m.waiting = nil
	}
	st := f.stream()
	at := st.asOf(now)
	moves := !m.held.none() || m.waiting != nil || m.hist != nil
	for _, r := range []*rate{&m.opens, &m.closes, &m.fails} {
		moves = moves || f.current() && r.perSecond(at, st.counted) > 0
	}
	if m.trouble != nil && !moves && f.current() {
		moves = *m.trouble.perSecond(at, st.counted) != Trouble{}
	}
	if moves {
		return false
	}
	if !m.opens.stale(now) || !m.closes.stale(now) || !m.fails.stale(now) {
		return false
	}
	if m.lives == nil {
		f.moving = nil
		if m.apart != nil {
			f.moving = &moving{apart: m.apart}
		}
	}
	return true
}

// attach adds a row. Rates start anew with a stream's start: what was counted
// before a gap says nothing of after.
func (f *flow) attach(st *stream, id uint32) {
	f.seat(st, id)
	if f.told != st.start {
		f.told = st.start
		f.set(strange, true)
		if m := f.moving; m != nil {
			m.opens, m.closes, m.fails = rate{}, rate{}, rate{}
			m.trouble, m.lives = nil, nil
		}
	}
}

// finer counts what only collectors that see every event tell.
func (f *flow) finer(r *wire.Row, over time.Duration, now time.Time) {
	if troubled(r) {
		if f.move().trouble == nil {
			f.moving.trouble = &troubleRates{}
		}
		f.moving.trouble.add(r, over, now)
	}
	if len(r.Lives) > 0 {
		f.move().lives = f.move().lives.with(r.Lives)
	}
}

// count counts what a tick says has happened.
func (f *flow) count(r *wire.Row, over time.Duration, now time.Time) {
	if r.Opens|r.Closes|r.Fails != 0 {
		m := f.move()
		m.opens.add(r.Opens, over, now)
		m.closes.add(r.Closes, over, now)
		m.fails.add(r.Fails, over, now)
	}
	f.finer(r, over, now)
}
