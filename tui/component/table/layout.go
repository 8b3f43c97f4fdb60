package table

import (
	"github.com/charmbracelet/x/ansi"
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
func (t *Table[R]) columns() []placed {
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

// fitting drops columns, least important first, until the minimum widths fit.
func (t *Table[R]) fitting(gap int) []placed {
	out := make([]placed, 0, len(t.opts.Columns))
	used := marker - gap
	for i, c := range t.opts.Columns {
		out = append(out, placed{column: i, width: c.Min})
		used += c.Min + gap
	}
	for used > t.width {
		drop := -1
		for i, p := range out {
			prio := t.opts.Columns[p.column].Priority
			if prio > 0 && (drop < 0 || prio >= t.opts.Columns[out[drop].column].Priority) {
				drop = i
			}
		}
		if drop < 0 {
			break
		}
		used -= out[drop].width + gap
		out = append(out[:drop], out[drop+1:]...)
	}
	// What is left may still be too wide: the last columns give way.
	for i := len(out) - 1; i >= 0 && used > t.width; i-- {
		cut := min(out[i].width, used-t.width)
		out[i].width -= cut
		used -= cut
	}
	return out
}

// widen hands out the width beyond the minimum: first what contents need, in
// turn, then what is left to the columns that have a weight.
func (t *Table[R]) widen(gap int) {
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
func (t *Table[R]) natural(column int) int {
	c := t.opts.Columns[column]
	w := max(c.Min, ansi.StringWidth(c.Title))
	if !c.Right {
		w = max(w, ansi.StringWidth(c.Title)+1) // room for the mark of the order
	}
	if c.Text != nil {
		for _, r := range t.rows {
			w = max(w, textWidth(c.Text(r)))
			if c.Max > 0 && w >= c.Max {
				break
			}
		}
	}
	if c.Max > 0 {
		w = min(w, c.Max)
	}
	return w
}

// textWidth is ansi.StringWidth with a short way for printable ASCII.
func textWidth(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}
