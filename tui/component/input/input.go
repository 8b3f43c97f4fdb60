// Package input is one line of text being typed.
package input

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

// longest bounds what is kept of a paste: no name, address or sensible filter
// is longer.
const longest = 512

// Model is the line. The zero value is empty and ready.
type Model struct {
	Label string
	Hint  string
	text  string
}

// Value is what has been typed.
func (m *Model) Value() string { return m.text }

// Set replaces what has been typed.
func (m *Model) Set(text string) {
	m.text = ""
	m.insert(text)
}

// Update takes keys and pastes and reports whether it had a use for them.
func (m *Model) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		m.insert(firstLine(msg.Content))
		return true
	case tea.KeyPressMsg:
		switch msg.String() {
		case "backspace", "ctrl+h":
			if w := ansi.StringWidth(m.text); w > 0 {
				m.dropLast()
			}
			return true
		case "ctrl+u":
			m.text = ""
			return true
		case "ctrl+w":
			m.text = strings.TrimRight(m.text, " ")
			m.text = m.text[:strings.LastIndex(m.text, " ")+1]
			return true
		}
		if msg.Text != "" && msg.Mod&(tea.ModCtrl|tea.ModAlt) == 0 {
			m.insert(msg.Text)
			return true
		}
	}
	return false
}

func (m *Model) insert(text string) {
	text = sanitize.Text(text)
	for _, r := range text {
		if len(m.text)+len(string(r)) > longest {
			return
		}
		m.text += string(r)
	}
}

// dropLast takes back the last character, as a reader counts characters.
func (m *Model) dropLast() {
	runes := []rune(m.text)
	was := ansi.StringWidth(m.text)
	for len(runes) > 0 {
		runes = runes[:len(runes)-1]
		if ansi.StringWidth(string(runes)) < was {
			break
		}
	}
	m.text = string(runes)
}

// firstLine is what a paste is taken for: its first line that holds anything.
func firstLine(s string) string {
	for _, line := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// View draws the line in exactly width cells and says where the cursor is.
// Of a long text the end is shown.
func (m *Model) View(th *theme.Theme, width int) (line string, cursor int) {
	label := " " + m.Label
	room := max(1, width-ansi.StringWidth(label)-1)
	text := m.text
	if w := ansi.StringWidth(text); w > room {
		text = ansi.TruncateLeft(text, w-room+1, format.Ellipsis)
	}
	cursor = min(ansi.StringWidth(label)+ansi.StringWidth(text), max(0, width-1))
	line = th.Accent.Render(label) + text
	if m.Hint != "" {
		line = format.Ends(line+" ", th.Dim.Render(m.Hint)+" ", width)
		if ansi.StringWidth(label+text)+ansi.StringWidth(m.Hint)+4 > width {
			line = th.Accent.Render(label) + text
		}
	}
	return format.Left(line, width), cursor
}
