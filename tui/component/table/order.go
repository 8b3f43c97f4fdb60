package table

import (
	"math"
	"slices"
)

// sorter keeps what rows are ordered by. The order is that of rank, then that
// of the rows as they were given: two numbers, whatever the column.
type sorter struct {
	// stale means that ranks are not those of the rows: texts have changed, or
	// have never been ordered.
	stale bool
	words words
	pairs [2][]pair
}

// less orders two slots by what is known of them.
func (t *Table[R, K]) less(a, b int32) bool {
	if t.sortBy >= 0 && t.stale {
		c := &t.opts.Columns[t.sortBy]
		d := c.Compare(t.slots[a].row, t.slots[b].row)
		if c.Descending != t.reversed {
			d = -d
		}
		return d < 0 || d == 0 && t.slots[a].at < t.slots[b].at
	}
	x, y := &t.slots[a], &t.slots[b]
	if x.rank != y.rank {
		return x.rank < y.rank
	}
	return x.at < y.at
}

// last is the rank of a row that has none yet.
const last = math.MaxUint64

// word returns what writes the text that rows are ordered by; nil where the
// order is another.
func (t *Table[R, K]) word() func(dst []byte, row R) []byte {
	if t.sortBy < 0 {
		return nil
	}
	return t.opts.Columns[t.sortBy].Word
}

// numbered returns what ranks a row by a number; nil where the order is another.
func (t *Table[R, K]) numbered() func(R) uint64 {
	if t.sortBy < 0 || t.opts.Columns[t.sortBy].Number == nil {
		return nil
	}
	c := &t.opts.Columns[t.sortBy]
	if c.Descending != t.reversed {
		return func(r R) uint64 { return ^ascending(c.Number(r)) }
	}
	return func(r R) uint64 { return ascending(c.Number(r)) }
}

// rate ranks the rows that were given as far as that costs one look at each.
// Numbers have been looked at when the rows were taken in, and texts compared:
// same means that they are those that were ordered.
func (t *Table[R, K]) rate(same bool) {
	if t.sortBy < 0 {
		t.stale = false
		for i, s := range t.given {
			t.slots[s].rank = uint64(i)
			if t.reversed {
				t.slots[s].rank = ^uint64(i)
			}
		}
		return
	}
	switch c := &t.opts.Columns[t.sortBy]; {
	case c.Number != nil:
		t.stale = false
	case c.Word != nil:
		t.stale = t.stale || !same
	default:
		t.stale = true
	}
}

// ascending is a number whose order as an integer is that of f.
func ascending(f float64) uint64 {
	if math.IsNaN(f) {
		return 0
	}
	bits := math.Float64bits(f + 0) // -0 is 0
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

// arrange puts every row that matches in its place, and takes out those that
// are gone.
func (t *Table[R, K]) arrange() {
	t.bury()
	switch {
	case t.stale && t.spreads():
		t.lacking = true // until it is there they stand by what they stood by
	case t.stale:
		t.rankAll()
	}
	pairs := t.pairs[0][:0]
	for _, s := range t.given {
		if t.slots[s].hit {
			pairs = append(pairs, pair{t.slots[s].rank, s})
		}
	}
	t.pairs[0] = pairs
	t.pairs[1] = slices.Grow(t.pairs[1][:0], len(pairs))[:len(pairs)]
	sortPairs(pairs, t.pairs[1])
	t.order = t.order[:0]
	for _, p := range pairs {
		t.order = append(t.order, p.slot)
	}
	t.restless, t.settled, t.dirty = t.lacking, t.now, true
	t.widths.forget()
	t.measure()
}

// rankAll ranks rows by texts or by comparing them.
func (t *Table[R, K]) rankAll() {
	r := t.ranking()
	r.run(&t.opts.Columns[t.sortBy])
	t.rank(r)
}

// sortOn orders by a column. Without one, reversing turns the rows' own
// order. A cursor on the first row stays on the first row, since whoever
// changes the order there asks what comes first now; elsewhere it follows the
// row it stands on.
func (t *Table[R, K]) sortOn(column int, reversed bool) {
	if column >= 0 && column == t.sortBy && t.opts.Columns[column].Word != nil && !t.stale && reversed != t.reversed {
		t.reversed = reversed
		for _, s := range t.given { // the texts are in order already
			t.slots[s].rank = ^t.slots[s].rank
		}
		t.settleOn()
		return
	}
	t.sortBy, t.reversed = column, reversed
	t.beside.reset()
	t.words.forget()
	if number := t.numbered(); number != nil {
		for _, s := range t.given {
			t.slots[s].rank = number(t.slots[s].row)
		}
	}
	t.rate(false)
	t.again()
	t.settleOn()
}

// settleOn arranges rows in an order that the operator has asked for.
func (t *Table[R, K]) settleOn() {
	if t.later() {
		t.asked = true
		return
	}
	t.asked = false
	t.arrange()
	if t.cursor == 0 {
		t.moveTo(0)
		return
	}
	t.follow(0)
}

// sortBeside orders by the next visible column that can order, to the left or
// to the right.
func (t *Table[R, K]) sortBeside(step int) {
	var can []int
	at := -1
	for _, p := range t.columns() {
		if !t.opts.Columns[p.column].orders() {
			continue
		}
		if p.column == t.sortBy {
			at = len(can)
		}
		can = append(can, p.column)
	}
	if len(can) == 0 {
		return
	}
	switch {
	case at >= 0:
		at = (at + step + len(can)) % len(can)
	case step > 0:
		at = 0
	default:
		at = len(can) - 1
	}
	t.sortOn(can[at], false)
}
