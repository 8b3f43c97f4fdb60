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

// number returns what ranks a row by a number; nil where the order is another.
func (t *Table[R, K]) number() func(R) uint64 {
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
// Numbers have been looked at when the rows were taken in.
func (t *Table[R, K]) rate() {
	t.stale = false
	if t.sortBy < 0 {
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
	case c.Word != nil:
		t.stale = !t.words.same(t.given, func(dst []byte, s int32) []byte { return c.Word(dst, t.slots[s].row) })
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
	if t.stale {
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
	t.restless, t.settled, t.dirty = false, t.now, true
	t.widths.forget()
	t.measure()
}

// rankAll ranks rows by texts or by comparing them.
func (t *Table[R, K]) rankAll() {
	t.stale = false
	c := &t.opts.Columns[t.sortBy]
	descending := c.Descending != t.reversed
	pairs := t.pairs[0][:0]
	for _, s := range t.given {
		pairs = append(pairs, pair{0, s})
	}
	t.pairs[0] = pairs
	t.pairs[1] = slices.Grow(t.pairs[1][:0], len(pairs))[:len(pairs)]
	if c.Word != nil {
		t.words.sort(pairs, t.pairs[1])
	} else {
		slices.SortStableFunc(pairs, func(a, b pair) int { return c.Compare(t.slots[a.slot].row, t.slots[b.slot].row) })
	}
	rank := uint64(0)
	for i, p := range pairs {
		if i > 0 {
			var differ bool
			if c.Word != nil {
				differ = !t.words.equal(pairs[i-1].slot, p.slot)
			} else {
				differ = c.Compare(t.slots[pairs[i-1].slot].row, t.slots[p.slot].row) != 0
			}
			if differ {
				rank++
			}
		}
		t.slots[p.slot].rank = rank
		if descending {
			t.slots[p.slot].rank = ^rank
		}
	}
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
	t.words.forget()
	if number := t.number(); number != nil {
		for _, s := range t.given {
			t.slots[s].rank = number(t.slots[s].row)
		}
	}
	t.rate()
	t.settleOn()
}

// settleOn arranges rows in an order that the operator has asked for.
func (t *Table[R, K]) settleOn() {
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
