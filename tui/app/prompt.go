package app

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/component/input"
)

// promptKind is what is being typed.
type promptKind int

const (
	promptNone promptKind = iota
	promptFilter
	promptGoTo
	promptCapture
)

// ask opens a prompt in place of the line of keys.
func (m *Model) ask(kind promptKind, text string) {
	m.prompt = kind
	m.line = input.Model{Label: "/ ", Hint: "enter keeps · esc clears"}
	if kind == promptGoTo {
		m.overlay = overlayNone
		m.line = input.Model{Label: "go to: ", Hint: "node, its IP, pod, or address:port"}
	}
	m.line.Set(text)
}

// typed takes a key while a prompt is open. What the line has no use for, such
// as the arrows, still moves the cursor of the page.
func (m *Model) typed(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Prompt.Cancel):
		if m.prompt == promptFilter {
			m.current().SetFilter("")
		}
		m.prompt = promptNone
		return nil
	case key.Matches(msg, m.keys.Prompt.Accept):
		kind := m.prompt
		m.prompt = promptNone
		switch kind {
		case promptGoTo:
			m.goTo(m.line.Value())
		case promptCapture:
			return m.startCapture(m.line.Value())
		case promptNone, promptFilter:
		}
		return nil
	case m.line.Update(msg):
		m.retyped()
		return nil
	case msg.Text != "":
		return nil
	default:
		return m.current().Update(msg)
	}
}

// retyped filters as one types.
func (m *Model) retyped() {
	if m.prompt == promptFilter {
		m.current().SetFilter(m.line.Value())
	}
}

// pasted takes a paste: into the open prompt, else as a place to go to.
func (m *Model) pasted(msg tea.PasteMsg) tea.Cmd {
	m.notice = notice{}
	if m.prompt == promptNone {
		m.ask(promptGoTo, "")
	}
	m.line.Update(msg)
	m.retyped()
	return nil
}
