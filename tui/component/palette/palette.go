// Package palette is a list of everything that can be done or gone to, which
// narrows down as one types.
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
	// Key is what does the same without the list; may be empty.
	Key string
	// Do is what choosing it does.
	Do func() tea.Cmd
}

// Model is the list with what has been typed.
type Model struct {
	keys  *keys.Map
	theme *theme.Theme
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

// New returns a list.
func New(km *keys.Map, th *theme.Theme, items []Item) *Model {
	m := &Model{keys: km, theme: th, items: items, text: make([]string, len(items))}
	for i, it := range items {
		m.text[i] = strings.ToLower(it.Name + " " + it.Kind)
	}
	m.Match("")
	return m
}

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
	i := m.offset + y - 1
	if y < 1 || y >= m.height || i >= len(m.shown) {
		return Item{}, false
	}
	return m.items[m.shown[i]], true
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

// Update moves the cursor. Letters are text here.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch move := m.keys.Move; {
		case msg.Text != "":
		case key.Matches(msg, move.Up):
			m.move(-1)
		case key.Matches(msg, move.Down):
			m.move(1)
		case key.Matches(msg, move.PageUp):
			m.move(-m.body())
		case key.Matches(msg, move.PageDown):
			m.move(m.body())
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
	if m.loose {
		count += " (loosely)"
	}
	rule := m.theme.Rule.Render(" ── ") + m.theme.Strong.Render("Everything that can be done, or gone to") + " "
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

// kindWidth and keyWidth are those of the columns beside the names.
const kindWidth, keyWidth = 10, 8

func (m *Model) line(it Item, selected bool) string {
	name := max(8, m.width-kindWidth-keyWidth-3)
	text := m.theme.Dim.Render(format.Left(it.Kind, kindWidth)) + format.Left(format.CutMiddle(it.Name, name), name) +
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
	leave.SetHelp(leave.Help().Key, "close")
	move.SetHelp("↑↓", "choose")
	return []key.Binding{open, move, leave}
}

// FullHelp is ShortHelp: there is nothing more.
func (m *Model) FullHelp() [][]key.Binding { return [][]key.Binding{m.ShortHelp()} }
