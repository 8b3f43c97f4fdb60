// Package palette is a list of everything that can be done or gone to, which
// narrows down as one types, and a short list of another kind, in which keys are
// keys.
package palette

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/sahilm/fuzzy"

	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/theme"
)

// Item is one thing to choose. Name and Kind are searched.
type Item struct {
	Name string
	// Kind says what it is: "command", "node".
	Kind string
	// Key stands at the right: what does the same without the list; may be empty.
	Key string
	// Quiet draws the name dim.
	Quiet bool
	// Do is what choosing it does.
	Do func() tea.Cmd
}

// Model is the list with what has been typed.
type Model struct {
	keys  *keys.Map
	theme *theme.Theme
	title string
	// typed means that letters are text, which narrows the list down.
	typed bool
	items []Item
	// text is what is searched: an item's name and kind, in lower case.
	text []string
	// shown are the indexes of the items that match, best first.
	shown []int
	loose bool

	cursor, offset int
	width, height  int
}

var _ component.Component = (*Model)(nil)

// New returns a list that narrows down as one types.
func New(km *keys.Map, th *theme.Theme, items []Item) *Model {
	m := &Model{keys: km, theme: th, title: "Everything that can be done, or gone to", typed: true}
	m.SetItems(items)
	return m
}

// NewList returns a list that is all there is to see.
func NewList(km *keys.Map, th *theme.Theme, title string) *Model {
	return &Model{keys: km, theme: th, title: title}
}

// SetItems replaces the items. In a list that is not typed into, the cursor
// stays where it is.
func (m *Model) SetItems(items []Item) {
	cursor, offset := m.cursor, m.offset
	m.items, m.text = items, make([]string, len(items))
	for i, it := range items {
		m.text[i] = strings.ToLower(it.Name + " " + it.Kind)
	}
	m.Match("")
	if !m.typed {
		m.cursor, m.offset = cursor, offset
		m.move(0)
	}
}

// Len is how many items there are.
func (m *Model) Len() int { return len(m.items) }

// Cursor is the number of the item under the cursor, from 0, of those that are
// shown.
func (m *Model) Cursor() int { return m.cursor }

// Choose puts the cursor on an item that is shown.
func (m *Model) Choose(i int) { m.move(i - m.cursor) }

// Match keeps the items that hold every word, in their order; where there are
// none, those that hold the letters in order, best first.
func (m *Model) Match(typed string) {
	m.shown, m.loose, m.cursor, m.offset = m.shown[:0], false, 0, 0
	words := strings.Fields(strings.ToLower(typed))
	for i, text := range m.text {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			m.shown = append(m.shown, i)
		}
	}
	if len(m.shown) > 0 || len(words) == 0 {
		m.preferred(words)
		return
	}
	for _, hit := range fuzzy.Find(strings.Join(words, ""), m.text) {
		m.shown = append(m.shown, hit.Index)
	}
	m.loose = len(m.shown) > 0
}

// preferred puts items first whose name begins with what was typed.
func (m *Model) preferred(words []string) {
	begin := strings.Join(words, " ")
	slices.SortStableFunc(m.shown, func(a, b int) int { return m.rank(a, begin) - m.rank(b, begin) })
}

func (m *Model) rank(i int, begin string) int {
	if strings.HasPrefix(m.text[i], begin) {
		return 0
	}
	return 1
}

// Selected returns the item under the cursor.
func (m *Model) Selected() (Item, bool) {
	if m.cursor >= len(m.shown) {
		return Item{}, false
	}
	return m.items[m.shown[m.cursor]], true
}

// At returns the item on a line of the list, whose first line is a title.
func (m *Model) At(y int) (Item, bool) {
	i, ok := m.Hit(y)
	if !ok {
		return Item{}, false
	}
	return m.items[m.shown[i]], true
}

// Hit returns the number of that item, as Choose counts.
func (m *Model) Hit(y int) (i int, ok bool) {
	i = m.offset + y - 1
	return i, y >= 1 && y < m.height && i < len(m.shown)
}

// SetTheme changes the looks.
func (m *Model) SetTheme(th *theme.Theme) { m.theme = th }

// SetSize says how much room there is.
func (m *Model) SetSize(width, height int) {
	m.width, m.height = width, height
	m.move(0)
}

func (m *Model) body() int { return max(1, m.height-1) }

func (m *Model) move(by int) {
	m.cursor = max(0, min(m.cursor+by, len(m.shown)-1))
	m.offset = max(m.offset, m.cursor-m.body()+1)
	m.offset = max(0, min(m.offset, m.cursor, len(m.shown)-m.body()))
}

// Update moves the cursor. Letters are text where the list is typed into.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch move := m.keys.Move; {
		case msg.Text != "" && m.typed:
		case key.Matches(msg, move.Up):
			m.move(-1)
		case key.Matches(msg, move.Down):
			m.move(1)
		case key.Matches(msg, move.PageUp):
			m.move(-m.body())
		case key.Matches(msg, move.PageDown):
			m.move(m.body())
		case m.typed: // the line that is typed has these keys
		case key.Matches(msg, move.Top):
			m.move(-len(m.shown))
		case key.Matches(msg, move.Bottom):
			m.move(len(m.shown))
		}
	case tea.MouseWheelMsg:
		const lines = 3
		if msg.Button == tea.MouseWheelUp {
			m.move(-lines)
		} else if msg.Button == tea.MouseWheelDown {
			m.move(lines)
		}
	}
	return nil
}

// View draws the items in the window, under a title.
func (m *Model) View() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	count := format.Count(len(m.shown)) + " of " + format.Count(len(m.items))
	if !m.typed {
		count = m.window()
	}
	if m.loose {
		count += " (loosely)"
	}
	rule := m.theme.Rule.Render(" ── ") + m.theme.Strong.Render(m.title) + " "
	room := m.width - ansi.StringWidth(count) - 2
	rule = format.Cut(rule, room)
	rule += m.theme.Rule.Render(strings.Repeat("─", max(0, room-ansi.StringWidth(rule))))
	out := []string{format.Left(rule+" "+m.theme.Dim.Render(count), m.width)}
	for i := m.offset; i < len(m.shown) && len(out) < m.height; i++ {
		out = append(out, m.line(m.items[m.shown[i]], i == m.cursor))
	}
	if len(m.shown) == 0 && len(out) < m.height {
		out = append(out, m.theme.Dim.Render(format.Left(" nothing is called so; enter searches every address", m.width)))
	}
	for len(out) < m.height {
		out = append(out, format.Spaces(m.width))
	}
	return strings.Join(out, "\n")
}

// window says which of the items are on the screen, when not all are.
func (m *Model) window() string {
	last := min(m.offset+m.body(), len(m.shown))
	if last-m.offset == len(m.shown) {
		return ""
	}
	return format.Count(m.offset+1) + "–" + format.Count(last) + " of " + format.Count(len(m.shown))
}

// kindWidth and keyWidth are those of the columns beside the names.
const kindWidth, keyWidth = 10, 8

func (m *Model) line(it Item, selected bool) string {
	name := max(8, m.width-kindWidth-keyWidth-3)
	called := format.Left(format.CutMiddle(it.Name, name), name)
	if it.Quiet {
		called = m.theme.Dim.Render(called)
	}
	text := m.theme.Dim.Render(format.Left(it.Kind, kindWidth)) + called +
		m.theme.Accent.Render(format.Right(it.Key, keyWidth))
	if selected {
		return m.theme.Selected.Over(format.Left(m.theme.Accent.Render("▌")+text, m.width))
	}
	return format.Left(" "+text, m.width)
}

// ShortHelp names the keys of the list.
func (m *Model) ShortHelp() []key.Binding {
	open, leave, move := m.keys.Prompt.Accept, m.keys.Prompt.Cancel, m.keys.Move.Down
	open.SetHelp(open.Help().Key, "run")
	if !m.typed {
		open = m.keys.Global.Freeze
		open.SetHelp(open.Help().Key, "change")
	}
	leave.SetHelp(leave.Help().Key, "close")
	move.SetHelp("↑↓", "choose")
	return []key.Binding{open, move, leave}
}

// FullHelp is ShortHelp: there is nothing more.
func (m *Model) FullHelp() [][]key.Binding { return [][]key.Binding{m.ShortHelp()} }
