// Package table is a windowed table: it lays out and draws only the rows that
// are on the screen, whatever their number, and keeps the cursor on the row it
// stands on while the numbers around it change.
//
// Sorting and filtering happen when rows, order or filter change, never while
// drawing.
package table

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/theme"
)

// Column describes one column over rows of type R.
type Column[R any] struct {
	// ID names the column; Title heads it, Short does where Title is too wide.
	ID, Title, Short string
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
	// Compare orders rows by the column; nil means that it cannot.
	Compare func(a, b R) int
	// Descending is the order that a first sort by the column gives.
	Descending bool
}

func (c *Column[R]) absent() bool { return c.Absent != nil && c.Absent() }

// Options are a table's fixed parts.
type Options[R any] struct {
	Columns []Column[R]
	// Key identifies a row for as long as it lives.
	Key func(row R) string
	// Span, when it answers true, replaces the cells from the named column to
	// the right edge by one text.
	Span func(row R) (column, text string, look theme.Style, ok bool)
	// Sort is the ID of the column that orders the rows at first.
	Sort string
	Keys *keys.Map
}

// Table is the model. The zero value is of no use; see New.
type Table[R any] struct {
	opts  Options[R]
	theme *theme.Theme

	rows []R
	// shown indexes rows, filtered and sorted.
	shown []int
	fuzzy bool

	filter   string
	sortBy   int
	reversed bool

	cursor    int
	cursorKey string
	offset    int
	// chosen means that somebody put the cursor where it is. Until then it
	// stays on the first row, whichever that becomes: worst first.
	chosen bool

	width, height int
	focused       bool
	empty         string

	layout []placed
	// dirty means that the layout must be made again.
	dirty bool
}

// New returns a table without rows.
func New[R any](opts Options[R], th *theme.Theme) *Table[R] {
	t := &Table[R]{opts: opts, theme: th, sortBy: -1, focused: true, dirty: true}
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
func (t *Table[R]) SetTheme(th *theme.Theme) { t.theme = th }

// SetSize says how much room there is; the first line is the heading.
func (t *Table[R]) SetSize(width, height int) {
	if width == t.width && height == t.height {
		return
	}
	t.width, t.height, t.dirty = width, height, true
	t.clamp()
}

// SetFocused says whether the table has the keys.
func (t *Table[R]) SetFocused(on bool) { t.focused = on }

// SetEmpty says what to show when there are no rows at all.
func (t *Table[R]) SetEmpty(text string) { t.empty = text }

// SetRows replaces the rows. The cursor stays on the row of its key; when
// that is gone it stays at its place. A window that stands at the top stays
// there, so that what has become worst is seen; one that was scrolled moves
// with the cursor's row, so that this row does not move on the screen.
func (t *Table[R]) SetRows(rows []R) {
	t.rows, t.dirty = rows, true
	t.arrange()
	t.follow(t.cursor)
}

// SetFilter keeps only the rows that match.
func (t *Table[R]) SetFilter(filter string) {
	if filter == t.filter {
		return
	}
	t.filter = filter
	t.arrange()
	t.follow(0)
}

// Filter returns the filter.
func (t *Table[R]) Filter() string { return t.filter }

// Fuzzy reports whether the filter matched nothing as it stands, so that the
// rows shown match it loosely.
func (t *Table[R]) Fuzzy() bool { return t.fuzzy }

// Count returns how many rows are shown and how many there are.
func (t *Table[R]) Count() (shown, total int) { return len(t.shown), len(t.rows) }

// Window returns the first and the last row on the screen, from 1.
func (t *Table[R]) Window() (first, last int) {
	if len(t.shown) == 0 {
		return 0, 0
	}
	return t.offset + 1, min(t.offset+t.body(), len(t.shown))
}

// Selected returns the row under the cursor.
func (t *Table[R]) Selected() (row R, ok bool) {
	if t.cursor < 0 || t.cursor >= len(t.shown) {
		return row, false
	}
	return t.rows[t.shown[t.cursor]], true
}

// Select puts the cursor on the row with a key and reports whether it is
// shown.
func (t *Table[R]) Select(rowKey string) bool {
	for i, r := range t.shown {
		if t.opts.Key(t.rows[r]) == rowKey {
			t.moveTo(i)
			t.chosen = true
			return true
		}
	}
	return false
}

// Reset forgets cursor, scroll and filter, for a table that shows another
// thing from now on.
func (t *Table[R]) Reset() {
	t.cursor, t.cursorKey, t.offset, t.filter, t.rows, t.shown = 0, "", 0, "", nil, nil
	t.chosen = false
	t.dirty = true
}

// SortedBy returns the title of the column that orders the rows.
func (t *Table[R]) SortedBy() (title string, descending bool) {
	if t.sortBy < 0 {
		return "", false
	}
	c := t.opts.Columns[t.sortBy]
	return c.Title, c.Descending != t.reversed
}

// Update moves, scrolls and sorts. Mouse messages are relative to the table.
func (t *Table[R]) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		t.key(msg)
	case tea.MouseClickMsg:
		t.click(msg.Mouse())
	case tea.MouseWheelMsg:
		t.wheel(msg.Mouse())
	}
	return nil
}

func (t *Table[R]) key(msg tea.KeyPressMsg) {
	move, order := t.opts.Keys.Move, t.opts.Keys.Table
	page := max(1, t.body()-1)
	switch {
	case key.Matches(msg, move.Up):
		t.choose(t.cursor - 1)
	case key.Matches(msg, move.Down):
		t.choose(t.cursor + 1)
	case key.Matches(msg, move.PageUp):
		t.choose(t.cursor - page)
	case key.Matches(msg, move.PageDown):
		t.choose(t.cursor + page)
	case key.Matches(msg, move.Top):
		t.choose(0)
		t.chosen = false // the top is a place, not a row
	case key.Matches(msg, move.Bottom):
		t.choose(len(t.shown) - 1)
	case key.Matches(msg, order.SortLeft):
		t.sortBeside(-1)
	case key.Matches(msg, order.SortRight):
		t.sortBeside(1)
	case key.Matches(msg, order.Reverse):
		t.sortOn(t.sortBy, !t.reversed)
	}
}

func (t *Table[R]) click(m tea.Mouse) {
	if m.Button != tea.MouseLeft || m.X < 0 || m.X >= t.width || m.Y < 0 || m.Y >= t.height {
		return
	}
	if m.Y > 0 {
		if i := t.offset + m.Y - 1; i < len(t.shown) {
			t.choose(i)
		}
		return
	}
	for _, p := range t.columns() {
		if m.X >= p.x-p.gap && m.X < p.x+p.width && t.opts.Columns[p.column].Compare != nil {
			t.sortOn(p.column, p.column == t.sortBy && !t.reversed)
			return
		}
	}
}

// wheel scrolls the window; the cursor goes along only when it must.
func (t *Table[R]) wheel(m tea.Mouse) {
	const lines = 3
	if m.Button == tea.MouseWheelUp {
		t.offset -= lines
	} else if m.Button == tea.MouseWheelDown {
		t.offset += lines
	}
	t.offset = max(0, min(t.offset, len(t.shown)-t.body()))
	t.choose(max(t.offset, min(t.cursor, t.offset+t.body()-1)))
}

// choose moves the cursor because somebody wanted it there.
func (t *Table[R]) choose(i int) {
	t.moveTo(i)
	t.chosen = true
}

// moveTo puts the cursor on a shown row and scrolls as little as needed.
func (t *Table[R]) moveTo(i int) {
	t.cursor = max(0, min(i, len(t.shown)-1))
	if row, ok := t.Selected(); ok {
		t.cursorKey = t.opts.Key(row)
	}
	t.clamp()
}

// follow puts the cursor back on the row of its key after the rows have been
// arranged anew; without such a row it goes to fallback.
func (t *Table[R]) follow(fallback int) {
	if len(t.shown) == 0 {
		t.cursor, t.offset = 0, 0
		return // the key stays: the row may come back
	}
	if !t.chosen {
		t.moveTo(0)
		return
	}
	at := slices.IndexFunc(t.shown, func(r int) bool { return t.opts.Key(t.rows[r]) == t.cursorKey })
	if at < 0 {
		t.moveTo(fallback)
		return
	}
	if t.offset > 0 {
		t.offset += at - t.cursor
	}
	t.moveTo(at)
}

// clamp keeps the window within the rows and the cursor within the window.
func (t *Table[R]) clamp() {
	body := t.body()
	t.offset = max(t.offset, t.cursor-body+1)
	t.offset = min(t.offset, t.cursor, len(t.shown)-body)
	t.offset = max(t.offset, 0)
}

// body is the number of rows that fit on the screen, at least one.
func (t *Table[R]) body() int { return max(1, t.height-1) }
