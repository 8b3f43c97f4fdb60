package table

import tea "charm.land/bubbletea/v2"

// beside is what a large table does beside the keys.
type beside[R any] struct {
	// slice is how many rows a frame takes in.
	slice int
	// called means that a frame for the next slice, or for the order to settle in,
	// is on its way.
	called bool
	// due means that the order may settle in a frame of its own.
	due bool
	// lacking means that the rows are to be ranked, busy that they are being. asked
	// means that it was the operator who asked for it.
	lacking, busy, asked bool
	// number says which order a ranking is of, so that a late one is not taken for
	// another.
	number int
	// fresh are the slots that were taken since a ranking began.
	fresh []int32
	// spare is the memory of the last ranking.
	spare *ranking[R]
}

// reset forgets what was to be done: it was of other rows, or another order.
func (b *beside[R]) reset() {
	b.number++
	b.due, b.lacking, b.asked = false, false, false
}

// born notes a slot that a ranking under way does not know.
func (b *beside[R]) born(slot int32) {
	if b.busy {
		b.fresh = append(b.fresh, slot)
	}
}

type (
	// frameMsg brings the next frame of a table; of is the table.
	frameMsg struct{ of any }
	// rankedMsg brings what was ranked beside the UI.
	rankedMsg[R any, K comparable] struct {
		of      *Table[R, K]
		ranking *ranking[R]
		number  int
	}
)

// spreads reports whether there are so many rows that work on all of them is
// spread over frames. Rows that have no place on the screen to keep, because
// there were none or they are of another time, are shown at once.
func (t *Table[R, K]) spreads() bool {
	return t.opts.Spread && len(t.given) > t.slice && len(t.order) > 0 && !t.now.IsZero()
}

// later leaves an order that has to be ranked to the work beside the keys.
func (t *Table[R, K]) later() bool {
	if !t.stale || !t.spreads() {
		return false
	}
	t.lacking, t.restless = true, true
	return true
}

// Work returns the command that brings the next frame of what is spread over
// several, or ranks rows beside the UI; nil when there is nothing to do. It is
// asked for after whatever happens to the table, while that is seen.
func (t *Table[R, K]) Work() tea.Cmd {
	var frame, ranked tea.Cmd
	if !t.called && (t.intake.on || t.due) {
		t.called = true
		frame = func() tea.Msg { return frameMsg{t} }
	}
	if t.lacking && !t.busy {
		t.busy, t.fresh = true, t.fresh[:0]
		r, number, c := t.ranking(), t.number, t.opts.Columns[t.sortBy]
		ranked = func() tea.Msg {
			r.run(&c)
			return rankedMsg[R, K]{t, r, number}
		}
	}
	return tea.Batch(frame, ranked) // nil of two that are
}

// Worked takes what Work has come to; false is that the message is another's.
func (t *Table[R, K]) Worked(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case frameMsg:
		if msg.of != any(t) {
			return false
		}
		t.called = false
		t.frame()
		return true
	case rankedMsg[R, K]:
		if msg.of != t {
			return false
		}
		t.ranked(msg)
		return true
	default:
		return false
	}
}

// frame does what fits into one.
func (t *Table[R, K]) frame() {
	switch in := &t.intake; {
	case in.on:
		t.takeIn(t.slice)
		if in.at < len(in.rows) {
			return
		}
		then, waiting := in.then, in.waiting
		t.commit()
		t.dirty = true
		t.restless = t.unsettled()
		t.due = t.restless
		t.measure()
		if waiting {
			t.begin(then)
		}
	case t.due:
		t.due = false
		if t.restless && t.mayRest() {
			t.Settle()
		}
	}
}

// ranked takes over the ranks that were found beside the UI.
func (t *Table[R, K]) ranked(msg rankedMsg[R, K]) {
	t.busy = false
	if msg.number != t.number {
		t.spare = msg.ranking
		return
	}
	t.lacking = false
	t.rank(msg.ranking)
	more := false // rows have come since it began; they stand at the end
	for _, s := range t.fresh {
		t.slots[s].rank, more = last, more || t.lives(s)
	}
	t.again()
	switch {
	case t.asked:
		t.settleOn()
	case t.mayRest():
		t.Settle()
	}
	if more {
		t.stale, t.restless = true, true
	}
}
