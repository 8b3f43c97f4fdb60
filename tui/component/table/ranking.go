package table

import "slices"

// ranking is the rows of a table that are to be ranked by texts, or by comparing
// them: a copy, so that it can be done beside the UI.
type ranking[R any] struct {
	slots []int32
	// rows are by their slots.
	rows  []R
	words words
	// pairs are in the order of the rows when it is done, and their keys the ranks.
	pairs [2][]pair
}

// ranking returns the present rows, in the memory of the last ranking.
func (t *Table[R, K]) ranking() *ranking[R] {
	r := t.beside.spare
	if r == nil {
		r = &ranking[R]{}
	}
	t.beside.spare = nil
	r.slots = append(r.slots[:0], t.given...)
	r.rows = room(r.rows, len(t.slots))
	for _, s := range r.slots {
		r.rows[s] = t.slots[s].row
	}
	return r
}

// run ranks the rows by a column.
func (r *ranking[R]) run(c *Column[R]) {
	pairs := r.pairs[0][:0]
	for _, s := range r.slots {
		pairs = append(pairs, pair{0, s})
	}
	r.pairs = [2][]pair{pairs, room(r.pairs[1], len(pairs))}
	differ := func(a, b int32) bool { return c.Compare(r.rows[a], r.rows[b]) != 0 }
	if c.Word != nil {
		r.words.take(r.slots, func(dst []byte, s int32) []byte { return c.Word(dst, r.rows[s]) })
		r.words.sort(pairs, r.pairs[1])
		differ = func(a, b int32) bool { return !r.words.equal(a, b) }
	} else {
		slices.SortStableFunc(pairs, func(a, b pair) int { return c.Compare(r.rows[a.slot], r.rows[b.slot]) })
	}
	rank := uint64(0)
	for i := range pairs {
		if i > 0 && differ(pairs[i-1].slot, pairs[i].slot) {
			rank++
		}
		pairs[i].key = rank
	}
}

// rank gives rows the ranks that were found.
func (t *Table[R, K]) rank(r *ranking[R]) {
	c := &t.opts.Columns[t.sortBy]
	descending := c.Descending != t.reversed
	for _, p := range r.pairs[0] {
		t.slots[p.slot].rank = p.key
		if descending {
			t.slots[p.slot].rank = ^p.key
		}
	}
	t.words, r.words = r.words, t.words
	t.stale = false
	clear(r.rows) // nothing that is gone is held
	t.beside.spare = r
}
