// Package table is a windowed table: it lays out and draws only the rows that
// are on the screen, whatever their number, and nothing in it jumps.
//
// What a cell says is current at once. Where a row stands is not: rows keep
// their places while the operator acts, and the order settles in the pauses
// (see Table.SetTime). Until then a row that is new waits, and one that is gone
// stays as a ghost. What the operator asks for, another order or a filter, is
// done at once.
//
// A row is known by its key from one SetRows to the next, and what has been
// worked out about it is kept: no work but the look at each row grows with
// their number, and nothing that is allocated does. A table that may have very
// many rows spreads that work over frames; see Options.Spread.
package table

import (
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/theme"
)

// Column describes one column over rows of type R.
type Column[R any] struct {
	// ID names the column; Title heads it, Short does where Title is too wide.
	ID, Title, Short string
	// Name is what it is called where columns are listed; empty is Title.
	Name string
	// Min is the width below which the column is not shown; Max the width
	// that it never exceeds (0: no limit). Soft is a width up to which the
	// contents are worth more than columns of priority 3 and above.
	Min, Soft, Max int
	// Weight is the share of the width that is left when every column has
	// what its content needs. Columns of weight 0 take none.
	Weight int
	// Priority decides who stays on a narrow screen: the highest number goes
	// first; columns of priority 0 are never dropped.
	Priority int
	// Absent, when it answers true, leaves the column out: none of the rows
	// has anything in it. nil is never.
	Absent func() bool
	// Right aligns right, as numbers are.
	Right bool
	// Middle cuts long text in its middle.
	Middle bool
	// Text is the cell as plain text: what is measured, filtered and copied.
	Text func(row R) string
	// Draw draws the cell for a width; nil draws Text.
	Draw func(row R, width int) string
	// Look is the style of a cell drawn from Text; nil is plain.
	Look func(row R) theme.Style
	// Number, Word or Compare orders rows by the column: by a number, by what
	// is appended to dst, byte by byte, or by comparing two. Without any it
	// cannot order. Compare is the slowest where there are many rows.
	Number  func(row R) float64
	Word    func(dst []byte, row R) []byte
	Compare func(a, b R) int
	// Descending is the order that a first sort by the column gives.
	Descending bool
}

func (c *Column[R]) absent() bool { return c.Absent != nil && c.Absent() }

// orders reports whether rows can be ordered by the column.
func (c *Column[R]) orders() bool { return c.Number != nil || c.Word != nil || c.Compare != nil }

// Options are a table's fixed parts.
type Options[R any, K comparable] struct {
	Columns []Column[R]
	// Key identifies a row for as long as it lives.
	Key func(row R) K
	// Span, when it answers true, replaces the cells from the named column to
	// the right edge by one text.
	Span func(row R) (column, text string, look theme.Style, ok bool)
	// Terms are those of a filter that the rows have, and Match reports whether
	// they hold for one.
	Terms filter.Terms
	Match func(row R, f *filter.Filter) bool
	// Sort is the ID of the column that orders the rows at first.
	Sort string
	// Spread spreads what costs a look at each of many rows over frames, and ranks
	// texts beside the UI: whoever has the table asks it for Work. The Word and
	// Compare of its columns look at nothing but rows, which do not change.
	Spread bool
	Keys   *keys.Map
}

// Table is the model. The zero value is of no use; see New.
type Table[R any, K comparable] struct {
	opts  Options[R, K]
	theme *theme.Theme

	memory[R, K]
	pace
	sorter
	sieve
	beside[R]
	intake intake[R, K]

	// order is the slots on the screen and beyond it, ghosts among them.
	order    []int32
	sortBy   int
	reversed bool

	cursor    int
	cursorKey K
	offset    int
	// chosen means that somebody put the cursor where it is. Until then it
	// stays on the first row, whichever that becomes: worst first.
	chosen bool
	// home means that the window stood at the top when the operator last acted.
	home bool

	width, height int
	focused       bool
	empty         string

	// choices are what the operator wants of columns, by their numbers.
	choices []Choice

	layout []placed
	// dirty means that the layout must be made again.
	dirty  bool
	widths widths
}

// New returns a table without rows.
func New[R any, K comparable](opts Options[R, K], th *theme.Theme) *Table[R, K] {
	t := &Table[R, K]{opts: opts, theme: th, sortBy: -1, focused: true, dirty: true, home: true}
	t.slice = sliced
	t.memory.begin()
	if opts.Keys == nil {
		t.opts.Keys = keys.Default()
	}
	for i, c := range opts.Columns {
		if c.ID == opts.Sort {
			t.sortBy = i
		}
	}
	return t
}

// SetTheme changes the looks.
func (t *Table[R, K]) SetTheme(th *theme.Theme) { t.theme = th }

// SetSize says how much room there is; the first line is the heading.
func (t *Table[R, K]) SetSize(width, height int) {
	if width == t.width && height == t.height {
		return
	}
	t.width, t.height, t.dirty = width, height, true
	t.clamp()
}

// SetFocused says whether the table has the keys.
func (t *Table[R, K]) SetFocused(on bool) { t.focused = on }

// SetEmpty says what to show when there are no rows at all.
func (t *Table[R, K]) SetEmpty(text string) { t.empty = text }

// SetRows replaces the rows, which stay the caller's. Cells are current from
// here on; the order is when it may settle. Of many rows in a table that spreads
// its work they are when Work has come to its end, and until then the slice of
// rows must not change.
func (t *Table[R, K]) SetRows(rows []R) {
	switch {
	case !t.spreads() || len(rows) <= t.slice:
	case t.intake.on:
		t.intake.then, t.intake.waiting = rows, true
		return
	default:
		t.begin(rows)
		return
	}
	t.remember(rows)
	t.dirty = true
	t.restless = t.unsettled()
	if t.restless && (len(t.order) == 0 || len(rows) == 0 || t.mayRest()) {
		t.Settle()
		return
	}
	t.measure()
}

// SetFilter keeps only the rows that match; see package filter. What cannot be
// read keeps all of them; FilterProblem says why.
func (t *Table[R, K]) SetFilter(text string) {
	if text == t.filter {
		return
	}
	t.setFilter(text, t.opts.Terms)
	t.sift(true)
	t.arrange()
	t.follow(0)
}

// Filter returns the filter.
func (t *Table[R, K]) Filter() string { return t.filter }

// FilterProblem is what is wrong with the filter, nil when nothing is.
func (t *Table[R, K]) FilterProblem() error { return t.problem }

// Terms are those that a filter of the table may hold.
func (t *Table[R, K]) Terms() filter.Terms { return t.opts.Terms }

// Fuzzy reports whether the filter matched nothing as it stands, so that the
// rows shown match it loosely.
func (t *Table[R, K]) Fuzzy() bool { return t.loose }

// Count returns how many rows are shown and how many there are.
func (t *Table[R, K]) Count() (shown, total int) {
	return len(t.order) - t.ghosts, len(t.given)
}

// Window returns the first and the last row on the screen, from 1.
func (t *Table[R, K]) Window() (first, last int) {
	if len(t.order) == 0 {
		return 0, 0
	}
	return t.offset + 1, min(t.offset+t.body(), len(t.order))
}

// Selected returns the row under the cursor. Of a ghost it is what was last
// known.
func (t *Table[R, K]) Selected() (row R, ok bool) {
	if t.cursor < 0 || t.cursor >= len(t.order) {
		return row, false
	}
	return t.slots[t.order[t.cursor]].row, true
}

// Select puts the cursor on the row with a key and reports whether it is
// shown. For one that waits for its place the order settles.
func (t *Table[R, K]) Select(rowKey K) bool {
	slot, ok := t.byKey[rowKey]
	if !ok {
		return false
	}
	at := t.placeOf(slot)
	if at < 0 && t.restless {
		t.Settle()
		at = t.placeOf(slot)
	}
	if at < 0 {
		return false
	}
	t.choose(at)
	return true
}

// Reset forgets cursor, scroll, filter and rows, for a table that shows another
// thing from now on.
func (t *Table[R, K]) Reset() {
	var none K
	t.cursor, t.cursorKey, t.offset, t.chosen, t.home = 0, none, 0, false, true
	t.setFilter("", t.opts.Terms)
	t.memory.begin()
	t.intake = intake[R, K]{}
	t.beside.reset()
	t.order, t.restless, t.ghosts = t.order[:0], false, 0
	t.widths, t.dirty = widths{}, true
}

// SortedBy returns the title of the column that orders the rows.
func (t *Table[R, K]) SortedBy() (title string, descending bool) {
	if t.sortBy < 0 {
		return "", false
	}
	c := t.opts.Columns[t.sortBy]
	return c.Title, c.Descending != t.reversed
}
