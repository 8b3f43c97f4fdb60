package table

import (
	"slices"
	"strings"

	"github.com/sahilm/fuzzy"
)

// arrange filters and sorts the rows into shown. The order of the rows as
// they were given breaks ties.
func (t *Table[R]) arrange() {
	t.shown = t.shown[:0]
	t.fuzzy = false
	if strings.TrimSpace(t.filter) == "" {
		for i := range t.rows {
			t.shown = append(t.shown, i)
		}
	} else {
		t.match()
	}
	if t.sortBy < 0 {
		if t.reversed {
			slices.Reverse(t.shown)
		}
		return
	}
	c := t.opts.Columns[t.sortBy]
	descending := c.Descending != t.reversed
	slices.SortStableFunc(t.shown, func(a, b int) int {
		d := c.Compare(t.rows[a], t.rows[b])
		if descending {
			return -d
		}
		return d
	})
}

// match fills shown with the rows that hold every word of the filter; when
// there are none, with those that hold its letters in order.
func (t *Table[R]) match() {
	words := strings.Fields(strings.ToLower(t.filter))
	texts := make([]string, len(t.rows))
	for i, r := range t.rows {
		texts[i] = t.searchable(r)
		low, all := strings.ToLower(texts[i]), true
		for _, w := range words {
			all = all && strings.Contains(low, w)
		}
		if all {
			t.shown = append(t.shown, i)
		}
	}
	if len(t.shown) > 0 {
		return
	}
	for _, m := range fuzzy.Find(strings.Join(words, ""), texts) {
		t.shown = append(t.shown, m.Index)
	}
	slices.Sort(t.shown)
	t.fuzzy = len(t.shown) > 0
}

// searchable is the text of a row that a filter looks at: words, not numbers.
func (t *Table[R]) searchable(r R) string {
	var b strings.Builder
	for _, c := range t.opts.Columns {
		if c.Text == nil || c.Right {
			continue
		}
		b.WriteString(c.Text(r))
		b.WriteByte(' ')
	}
	if t.opts.Span != nil {
		if _, text, _, ok := t.opts.Span(r); ok {
			b.WriteString(text)
		}
	}
	return b.String()
}

// sortOn orders by a column. Without one, reversing turns the rows' own
// order. A cursor on the first row stays on the first row, since whoever
// changes the order there asks what comes first now; elsewhere it follows the
// row it stands on.
func (t *Table[R]) sortOn(column int, reversed bool) {
	t.sortBy, t.reversed = column, reversed
	t.arrange()
	if t.cursor == 0 {
		t.moveTo(0)
		return
	}
	t.follow(0)
}

// sortBeside orders by the next visible column that can order, to the left or
// to the right.
func (t *Table[R]) sortBeside(step int) {
	var can []int
	at := -1
	for _, p := range t.columns() {
		if t.opts.Columns[p.column].Compare == nil {
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
