package table

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// Update moves, scrolls and sorts. Mouse messages are relative to the table.
func (t *Table[R, K]) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		t.key(msg)
	case tea.MouseClickMsg:
		t.click(msg.Mouse())
	case tea.MouseWheelMsg:
		t.wheel(msg.Mouse())
	default:
		return nil
	}
	t.home = t.offset == 0
	return nil
}

func (t *Table[R, K]) key(msg tea.KeyPressMsg) {
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
		t.choose(len(t.order) - 1)
	case key.Matches(msg, order.SortLeft):
		t.sortBeside(-1)
	case key.Matches(msg, order.SortRight):
		t.sortBeside(1)
	case key.Matches(msg, order.Reverse):
		t.sortOn(t.sortBy, !t.reversed)
	}
}

func (t *Table[R, K]) click(m tea.Mouse) {
	if m.Button != tea.MouseLeft || m.X < 0 || m.X >= t.width || m.Y < 0 || m.Y >= t.height {
		return
	}
	if m.Y > 0 {
		if i := t.offset + m.Y - 1; i < len(t.order) {
			t.choose(i)
		}
		return
	}
	for _, p := range t.columns() {
		if m.X >= p.x-p.gap && m.X < p.x+p.width && t.opts.Columns[p.column].orders() {
			t.sortOn(p.column, p.column == t.sortBy && !t.reversed)
			return
		}
	}
}

// wheel scrolls the window; the cursor goes along only when it must.
func (t *Table[R, K]) wheel(m tea.Mouse) {
	const lines = 3
	if m.Button == tea.MouseWheelUp {
		t.offset -= lines
	} else if m.Button == tea.MouseWheelDown {
		t.offset += lines
	}
	t.offset = max(0, min(t.offset, len(t.order)-t.body()))
	t.choose(max(t.offset, min(t.cursor, t.offset+t.body()-1)))
}

// choose moves the cursor because somebody wanted it there.
func (t *Table[R, K]) choose(i int) {
	t.moveTo(i)
	t.chosen = true
}

// moveTo puts the cursor on a shown row and scrolls as little as needed.
func (t *Table[R, K]) moveTo(i int) {
	t.cursor = max(0, min(i, len(t.order)-1))
	if row, ok := t.Selected(); ok {
		t.cursorKey = t.opts.Key(row)
	}
	t.clamp()
}

// clamp keeps the window within the rows and the cursor within the window.
func (t *Table[R, K]) clamp() {
	body := t.body()
	t.offset = max(t.offset, t.cursor-body+1)
	t.offset = min(t.offset, t.cursor, len(t.order)-body)
	t.offset = max(t.offset, 0)
}

// body is the number of rows that fit on the screen, at least one.
func (t *Table[R, K]) body() int { return max(1, t.height-1) }
