package table

import (
	"cmp"
	"slices"

	"github.com/snattop/snattop/tui/format"
)

// placed is a column that has found its place on the screen.
type placed struct {
	column int
	// x is where the cells begin, gap the empty cells before it.
	x, gap, width int
}

// marker is the width of the cursor's mark at the left edge.
const marker = 1

// columns returns the layout, made anew only when rows or width have changed.
func (t *Table[R, K]) columns() []placed {
	if !t.dirty {
		return t.layout
	}
	t.dirty = false
	gap := 1
	if t.width >= 100 {
		gap = 2
	}
	t.layout = t.fitting(gap)
	t.widen(gap)
	x := marker
	for i := range t.layout {
		p := &t.layout[i]
		if i > 0 {
			p.gap = gap
		}
		p.x = x + p.gap
		x = p.x + p.width
	}
	return t.layout
}

// dispensable is the priority from which a column is worth less than the
// contents of others, as Table.priority counts.
const dispensable = 4

// fitting chooses the columns: those that matter with the width that their
// contents need, then as many of the dispensable ones as there is room for,
// in order of priority. When even the first do not fit they get their minimum
// widths, and the least important are dropped.
func (t *Table[R, K]) fitting(gap int) []placed {
	cols := t.opts.Columns
	width := make([]int, len(cols)) // 0: not shown
	used := marker - gap
	for i, c := range cols {
		if t.priority(i) < dispensable && !t.absent(i) {
			width[i] = c.Min
			if c.Soft > c.Min {
				width[i] = min(t.natural(i), c.Soft)
			}
			used += width[i] + gap
		}
	}
	if used > t.width {
		used = t.squeeze(width, used, gap)
	}
	for _, i := range t.byPriority() {
		if c := cols[i]; t.priority(i) >= dispensable && !t.absent(i) && used+c.Min+gap <= t.width {
			width[i] = c.Min
			used += c.Min + gap
		}
	}
	out := make([]placed, 0, len(cols))
	for i, w := range width {
		if w > 0 {
			out = append(out, placed{column: i, width: w})
		}
	}
	return out
}

// squeeze makes the chosen columns fit: first they get their minimum widths,
// from the left, as far as needed; then the least important are dropped; what
// is left then gives way from the right.
func (t *Table[R, K]) squeeze(width []int, used, gap int) int {
	for i, c := range t.opts.Columns {
		if used > t.width && width[i] > c.Min {
			cut := min(width[i]-c.Min, used-t.width)
			width[i] -= cut
			used -= cut
		}
	}
	order := t.byPriority()
	for n := len(order) - 1; n >= 0 && used > t.width; n-- {
		if i := order[n]; width[i] > 0 && t.priority(i) > 0 {
			used -= width[i] + gap
			width[i] = 0
		}
	}
	for i := len(width) - 1; i >= 0 && used > t.width; i-- {
		cut := min(max(0, width[i]-1), used-t.width)
		width[i] -= cut
		used -= cut
	}
	return used
}

// byPriority is the columns' indexes, the most important first.
func (t *Table[R, K]) byPriority() []int {
	order := make([]int, len(t.opts.Columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(t.priority(a), t.priority(b))
	})
	return order
}

// widen hands out the width beyond the minimum: first what contents need, in
// turn, then what is left to the columns that have a weight.
func (t *Table[R, K]) widen(gap int) {
	room := t.width - marker + gap
	for _, p := range t.layout {
		room -= p.width + gap
	}
	if room <= 0 {
		return
	}
	want := make([]int, len(t.layout))
	for i, p := range t.layout {
		want[i] = t.natural(p.column)
	}
	for gave := true; gave && room > 0; {
		gave = false
		for i := range t.layout {
			if room > 0 && t.layout[i].width < want[i] {
				t.layout[i].width++
				room--
				gave = true
			}
		}
	}
	for gave := true; gave && room > 0; {
		gave = false
		for i := range t.layout {
			c := t.opts.Columns[t.layout[i].column]
			for n := 0; n < c.Weight && room > 0 && (c.Max == 0 || t.layout[i].width < c.Max); n++ {
				t.layout[i].width++
				room--
				gave = true
			}
		}
	}
}

// natural is the width that a column's title and contents need.
func (t *Table[R, K]) natural(column int) int {
	c := &t.opts.Columns[column]
	w := max(c.Min, format.Width(c.Title))
	if !c.Right {
		w = max(w, format.Width(c.Title)+1) // room for the mark of the order
	}
	w = max(w, t.widths.of(column))
	if c.Max > 0 {
		w = min(w, c.Max)
	}
	return w
}
