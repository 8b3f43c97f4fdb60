package table

import "time"

// How the order settles. While the operator acts nothing moves but what they
// move. A pause begins when they have not touched anything for rest; in it the
// order settles, and from then on at most once in calm, so that a row that is
// read stays where it is and what is worst is on top within a few seconds.
const (
	rest = 2 * time.Second
	calm = 3 * time.Second
	// away is for how long nobody has touched anything when the top of the table
	// is worth more than the line on which the cursor stands.
	away = 30 * time.Second
)

// pace is when the order may settle.
type pace struct {
	now, touched, settled time.Time
	// restless means that the order on the screen is not that of the rows.
	restless bool
}

// SetTime says what time it is for the operator and when they last touched
// anything, and lets the order settle if this is a pause. Without a time the
// order settles with every SetRows.
func (t *Table[R, K]) SetTime(now, touched time.Time) {
	t.now, t.touched = now, touched
	if t.restless && t.mayRest() {
		t.Settle()
	}
}

func (p *pace) mayRest() bool {
	return p.now.IsZero() || p.past(p.touched, rest) && p.past(p.settled, calm)
}

// past reports whether d has passed since a moment; a clock that was set back
// holds nothing up.
func (p *pace) past(since time.Time, d time.Duration) bool {
	gone := p.now.Sub(since)
	return gone < 0 || gone >= d
}

// Settling reports whether the order on the screen is to change at the next
// pause.
func (t *Table[R, K]) Settling() bool { return t.restless }

// Settle puts every row in its place at once, for what the operator asked for.
// The cursor stays on its row, and that row on its line of the screen.
func (t *Table[R, K]) Settle() {
	if t.later() {
		return
	}
	t.arrange()
	t.follow(t.cursor)
}

// unsettled reports whether arranging would change anything: whether rows wait,
// have gone, match no more, or stand where they should not.
func (t *Table[R, K]) unsettled() bool {
	t.ghosts = 0
	// Texts that have changed are not compared one by one.
	misplaced := t.stale && t.opts.Columns[t.sortBy].Word != nil
	kept := 0
	for i, s := range t.order {
		switch {
		case !t.lives(s):
			t.ghosts++
			continue
		case !t.slots[s].hit:
			misplaced = true
		default:
			kept++
		}
		misplaced = misplaced || i > 0 && t.lives(t.order[i-1]) && t.less(s, t.order[i-1])
	}
	return misplaced || t.ghosts > 0 || t.hits > kept
}

// follow puts the cursor back on the row of its key after the rows have been
// arranged anew; without such a row it goes to fallback.
func (t *Table[R, K]) follow(fallback int) {
	if len(t.order) == 0 {
		t.cursor, t.offset = 0, 0
		return // the key stays: the row may come back
	}
	if !t.chosen {
		t.moveTo(0)
		return
	}
	line := t.cursor - t.offset
	at := -1
	if slot, ok := t.byKey[t.cursorKey]; ok {
		at = t.placeOf(slot)
	}
	switch {
	case at < 0:
		t.moveTo(fallback)
		return
	case t.home && at < t.body() && t.past(t.touched, away):
		t.offset = 0 // what has become worst is seen
	default:
		t.offset = at - line
	}
	t.moveTo(at)
}

// placeOf returns where a slot stands in the order, -1 if nowhere.
func (t *Table[R, K]) placeOf(slot int32) int {
	for i, s := range t.order {
		if s == slot {
			return i
		}
	}
	return -1
}
