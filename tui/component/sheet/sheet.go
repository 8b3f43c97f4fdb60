// Package sheet is a text over a page: help, or the answer to "how do you
// know?". It scrolls.
package sheet

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/theme"
)

// Model is the text with its scroll position.
type Model struct {
	keys  *keys.Map
	theme *theme.Theme
	title string
	// content lays the text out for a width.
	content func(th *theme.Theme, width int) []string
	lines   []string
	offset  int

	width, height int
}

var _ component.Component = (*Model)(nil)

// New returns a sheet.
func New(km *keys.Map, th *theme.Theme) *Model { return &Model{keys: km, theme: th} }

// SetContent changes what is written on it; the scroll position stays.
func (m *Model) SetContent(title string, content func(th *theme.Theme, width int) []string) {
	m.title, m.content = title, content
	m.layout()
}

// SetTheme changes the looks.
func (m *Model) SetTheme(th *theme.Theme) {
	m.theme = th
	m.layout()
}

// SetSize says how much room there is.
func (m *Model) SetSize(width, height int) {
	if width != m.width || height != m.height {
		m.width, m.height = width, height
		m.layout()
	}
}

func (m *Model) layout() {
	m.lines = nil
	if m.content != nil && m.width > 0 {
		m.lines = m.content(m.theme, m.width-2)
	}
	m.scroll(0)
}

func (m *Model) body() int { return max(1, m.height-1) }

func (m *Model) scroll(by int) {
	m.offset = max(0, min(m.offset+by, len(m.lines)-m.body()))
}

// Update scrolls.
func (m *Model) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch move := m.keys.Move; {
		case key.Matches(msg, move.Up):
			m.scroll(-1)
		case key.Matches(msg, move.Down):
			m.scroll(1)
		case key.Matches(msg, move.PageUp):
			m.scroll(-m.body())
		case key.Matches(msg, move.PageDown):
			m.scroll(m.body())
		case key.Matches(msg, move.Top):
			m.scroll(-len(m.lines))
		case key.Matches(msg, move.Bottom):
			m.scroll(len(m.lines))
		}
	case tea.MouseWheelMsg:
		if msg.Button == tea.MouseWheelUp {
			m.scroll(-3)
		} else if msg.Button == tea.MouseWheelDown {
			m.scroll(3)
		}
	}
	return nil
}

// View draws the part of the text that is in the window, under its title.
func (m *Model) View() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	where := ""
	if len(m.lines) > m.body() {
		where = format.Count(m.offset+1) + "–" + format.Count(min(m.offset+m.body(), len(m.lines))) + " of " + format.Count(len(m.lines)) + " ↑↓"
	}
	rule := m.theme.Rule.Render(" ── ") + m.theme.Strong.Render(m.title) + " "
	room := m.width - ansi.StringWidth(where) - 2
	rule = format.Cut(rule, room)
	rule += m.theme.Rule.Render(strings.Repeat("─", max(0, room-ansi.StringWidth(rule))))
	out := []string{format.Left(rule+" "+m.theme.Dim.Render(where), m.width)}
	for i := m.offset; i < len(m.lines) && len(out) < m.height; i++ {
		out = append(out, format.Left(" "+m.lines[i], m.width))
	}
	for len(out) < m.height {
		out = append(out, format.Spaces(m.width))
	}
	return strings.Join(out, "\n")
}

// ShortHelp names the keys of the sheet.
func (m *Model) ShortHelp() []key.Binding {
	closeIt := m.keys.Global.Back
	closeIt.SetHelp(closeIt.Help().Key, "close")
	scroll := m.keys.Move.Down
	scroll.SetHelp("↑↓ pgdn", "scroll")
	return []key.Binding{closeIt, scroll}
}

// FullHelp is ShortHelp: there is nothing more.
func (m *Model) FullHelp() [][]key.Binding { return [][]key.Binding{m.ShortHelp()} }
