package app

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/component/palette"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/page"
)

// Columns are the columns of tables as the operator wants them.
type Columns struct {
	// Chosen are those of the last time. Problem says why they could not be read.
	Chosen  page.Choices
	Problem string
	// Keep keeps them for the next time; what it tells is shown. It runs outside of
	// the UI's own goroutine, once at a time. When nil, they are forgotten.
	Keep func(page.Choices) (told string, err error)
}

// welcomeColumns shows the columns of the last time, or says why not.
func (m *Model) welcomeColumns() {
	m.chooseColumns(m.opts.Columns.Chosen)
	if why := m.opts.Columns.Problem; why != "" {
		m.notice = notice{text: why, bad: true}
	}
}

func (m *Model) chooseColumns(c page.Choices) {
	m.choices = c
	for _, p := range append(m.pages(), m.peekPods, m.peekDests) {
		if can, ok := p.(page.Chooser); ok {
			can.Choose(c)
		}
	}
}

// columns are those of the table that has the keys; none where there is no
// table.
func (m *Model) columns() page.Columns {
	if p, ok := m.current().(page.Chooser); ok {
		return p.Columns()
	}
	return page.Columns{}
}

// columnsKey takes the key that lists the columns and, while they are listed,
// those that change them.
func (m *Model) columnsKey(msg tea.KeyPressMsg) (cmd tea.Cmd, taken bool) {
	g, move := m.keys.Global, m.keys.Move
	open := m.overlay == overlayColumns
	switch {
	case key.Matches(msg, m.keys.Table.Columns):
		m.toggleColumns()
	case open && key.Matches(msg, g.Freeze, g.Open):
		return m.changeColumn(), true
	case open && key.Matches(msg, move.Up, move.Down, move.PageUp, move.PageDown, move.Top, move.Bottom):
		return m.palette.Update(msg), true
	default:
		return nil, false
	}
	return nil, true
}

// toggleColumns lists the columns, or closes the list.
func (m *Model) toggleColumns() {
	switch {
	case m.overlay == overlayColumns:
		m.overlay = overlayNone
	case len(m.columns().Items) == 0:
		m.notice = notice{text: "There are no columns to choose from here."}
	default:
		m.overlay = overlayColumns
		m.palette = palette.NewList(m.keys, m.theme, "Columns of "+m.columns().Title)
		m.listColumns()
	}
}

// leastPreview is how many lines of the table are kept in sight above its
// columns, where there is room.
const leastPreview = 6

// preview is how many lines of the table are above the list of its columns.
func (m *Model) preview(height int) int {
	return max(height-m.palette.Len()-1, min(leastPreview, height/3))
}

// listColumns lists the columns as they stand on the screen.
func (m *Model) listColumns() {
	var items []palette.Item
	for _, c := range m.columns().Items {
		it := palette.Item{Name: sanitize.Text(c.Name), Kind: string(c.Choice)}
		switch {
		case c.Fixed:
			it.Kind = string(table.Always)
		case c.Choice == table.Hidden:
			it.Quiet = true
		case c.Empty:
			it.Key, it.Quiet = "empty", true
		case !c.Shown:
			it.Key, it.Quiet = "no room", true
		}
		items = append(items, it)
	}
	m.palette.SetItems(append(items, palette.Item{Name: "all of them as they were at first", Kind: "reset"}))
	_, height := m.bodyAt()
	m.palette.SetSize(m.width, height-m.preview(height))
}

// columnsView draws the table's first lines, so that it is seen what a choice
// does, and the list below.
func (m *Model) columnsView(height int) string {
	lines := strings.Split(m.pageView(), "\n")
	from := m.columns().Line
	if p := m.panes(); p.on && !p.beside && m.inPane {
		from += p.main + 1
	}
	from = min(from, len(lines))
	lines = lines[from:]
	for len(lines) < height {
		lines = append(lines, "")
	}
	return strings.Join(append(lines[:m.preview(height):m.preview(height)], m.palette.View()), "\n")
}

// changeColumn gives the column under the cursor its next choice.
func (m *Model) changeColumn() tea.Cmd {
	c, at := m.columns(), m.palette.Cursor()
	switch {
	case at >= len(c.Items):
		m.chooseColumns(m.choices.Without(c.Of))
	case c.Items[at].Fixed:
		m.notice = notice{text: sanitize.Text(c.Items[at].Name) + " says what a row is, and stays."}
		return nil
	default:
		m.chooseColumns(m.choices.With(c.Of, c.Items[at].ID, c.Items[at].Choice.Next()))
	}
	m.listColumns()
	return m.keepColumns()
}

// mouseOnColumns takes what the mouse does below the table; a click changes a
// column.
func (m *Model) mouseOnColumns(msg tea.Msg, y int, clicked bool) tea.Cmd {
	if !clicked {
		return m.palette.Update(msg)
	}
	_, height := m.bodyAt()
	i, ok := m.palette.Hit(y - m.preview(height))
	if !ok {
		return nil
	}
	m.notice = notice{}
	m.palette.Choose(i)
	return m.changeColumn()
}

// columnSentence says what the choice of the column under the cursor means.
func (m *Model) columnSentence() string {
	c, at := m.columns(), m.palette.Cursor()
	if at >= len(c.Items) {
		return "All columns of " + c.Title + " by the room that there is, as they were at first."
	}
	it := c.Items[at]
	name := sanitize.Text(it.Name)
	if m.plain != nil {
		name = fmt.Sprintf("Column %d of %d, %s", at+1, len(c.Items), aloud.Label(name))
	}
	switch {
	case it.Fixed:
		return name + ": always. It says what a row is, and stays."
	case it.Choice == table.Hidden && m.plain != nil:
		return name + ": hidden. It is not said."
	case it.Choice == table.Hidden:
		return name + ": hidden, however much room there is."
	case it.Empty:
		return name + ": " + string(it.Choice) + ". There is nothing to show in it now."
	case m.plain != nil:
		return name + ": " + string(it.Choice) + ". It is said."
	case it.Choice == table.Always && it.Shown:
		return name + ": always. Columns that are not so make room for it."
	case it.Choice == table.Always:
		return name + ": always, and yet there is no room left for it."
	case it.Shown:
		return name + ": auto. It is shown while there is room."
	default:
		return name + ": auto. There is no room for it now; always makes some."
	}
}

// columns says the columns that there are to choose from.
func (p *plain) columns(m *Model) {
	c, at := m.columns(), m.palette.Cursor()
	p.line("Columns of " + c.Title + ". Space changes one: auto, always, hidden. Those that are hidden are not said.")
	p.line(aloud.Text(m.columnSentence()))
	for i, it := range c.Items {
		if i != at {
			p.line(aloud.Label(sanitize.Text(it.Name)) + ": " + string(it.Choice))
		}
	}
	p.keys(m)
}

// keeping is a keeping of choices that is under way.
type keeping struct {
	done chan columnsKept
	// gone is closed when nothing of it runs any more.
	gone chan struct{}
}

// columnsKept is its end.
type columnsKept struct {
	told string
	err  error
}

// keepColumns keeps the choices for the next time: at once, or when those before
// have been.
func (m *Model) keepColumns() tea.Cmd {
	keep, choices := m.opts.Columns.Keep, m.choices
	if keep == nil {
		return nil
	}
	if m.keeping != nil {
		m.unkept = true
		return nil
	}
	k := &keeping{done: make(chan columnsKept, 1), gone: make(chan struct{})}
	m.keeping, m.unkept = k, false
	go func() {
		defer close(k.gone)
		told, err := keep(choices)
		k.done <- columnsKept{told, err}
	}()
	closed := m.closed
	return func() tea.Msg {
		select {
		case kept := <-k.done:
			return kept
		case <-closed:
			return nil
		}
	}
}

// columnsKept says what has come of it, and goes on with what was chosen since.
func (m *Model) columnsKept(msg columnsKept) tea.Cmd {
	m.keeping = nil
	switch {
	case msg.err != nil:
		m.notice = notice{text: "The columns are so until snattop ends, and cannot be kept: " + msg.err.Error(), bad: true}
	case msg.told != "":
		m.notice = notice{text: msg.told}
	}
	if m.unkept {
		return m.keepColumns()
	}
	return nil
}

// leaveColumns waits until what was chosen last is kept.
func (m *Model) leaveColumns() {
	if m.keeping == nil {
		return
	}
	<-m.keeping.gone
	if m.unkept {
		_, _ = m.opts.Columns.Keep(m.choices) // whoever keeps them has the last word on errors
	}
}
