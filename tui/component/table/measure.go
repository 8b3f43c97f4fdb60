package table

import "github.com/snattop/snattop/tui/format"

// sample is how many rows from the top are measured besides those on the
// screen: a table of so many looks the same wherever its window stands.
const sample = 256

// widths are how wide the contents of columns are known to be. Between two
// settlings they only grow, so that columns do not move while one reads.
type widths struct {
	cells []int
}

func (w *widths) of(column int) int {
	if column < len(w.cells) {
		return w.cells[column]
	}
	return 0
}

func (w *widths) forget() { clear(w.cells) }

// measure looks at the rows that decide about widths: whether a filter lets
// them through or not, so that columns stay while one types.
func (t *Table[R, K]) measure() {
	t.measureRows(t.given[:min(sample, len(t.given))])
	if len(t.given) > sample {
		t.measureRows(t.order[:min(sample, len(t.order))])
	}
	t.measureWindow()
}

// measureWindow looks at the rows on the screen, when those are not of the
// sample.
func (t *Table[R, K]) measureWindow() {
	if from, to := max(t.offset, sample), min(t.offset+t.body(), len(t.order)); from < to {
		t.measureRows(t.order[from:to])
	}
}

func (t *Table[R, K]) measureRows(slots []int32) {
	if len(t.widths.cells) < len(t.opts.Columns) {
		t.widths.cells = make([]int, len(t.opts.Columns))
	}
	for i := range t.opts.Columns {
		c := &t.opts.Columns[i]
		if c.Text == nil || t.absent(i) {
			continue
		}
		w := t.widths.cells[i]
		for _, s := range slots {
			if c.Max > 0 && w >= c.Max {
				break
			}
			w = max(w, format.Width(c.Text(t.slots[s].row)))
		}
		if w > t.widths.cells[i] {
			t.widths.cells[i], t.dirty = w, true
		}
	}
}
