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
	promptPalette
)

// ask opens a prompt in place of the line of keys.
func (m *Model) ask(kind promptKind, text string) {
	m.prompt = kind
	m.line = input.Model{Label: "/ ", Hint: "enter keeps · esc clears"}
	if kind == promptGoTo {
		m.overlay = overlayNone
		m.line = input.Model{Label: "go to: ", Hint: "node, its IP, pod, address:port, or a command"}
	}
	m.line.Set(text)
	m.hintFilter()
}

// typed takes a key while a prompt is open. What the line has no use for, such
// as the arrows, still moves the cursor of the page.
func (m *Model) typed(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Prompt.Cancel):
		if m.prompt == promptFilter {
			m.current().SetFilter("")
		}
		if m.prompt == promptPalette {
			m.closePalette()
		}
		m.prompt = promptNone
		return nil
	case m.prompt == promptPalette && key.Matches(msg, m.keys.Global.Palette):
		m.closePalette()
		return nil
	case m.prompt == promptFilter && key.Matches(msg, m.keys.Prompt.Accept) && m.filterProblem():
		return nil // until it is mended
	case key.Matches(msg, m.keys.Prompt.Accept):
		kind := m.prompt
		m.prompt = promptNone
		switch kind {
		case promptGoTo:
			return m.goTo(m.line.Value())
		case promptCapture:
			return m.startCapture(m.line.Value())
		case promptPalette:
			return m.chosen()
		case promptNone, promptFilter:
		}
		return nil
	case m.line.Update(msg):
		m.retyped()
		return nil
	case msg.Text != "":
		return nil
	case m.prompt == promptPalette:
		return m.palette.Update(msg)
	default:
		return m.current().Update(msg)
	}
}

// retyped filters as one types.
func (m *Model) retyped() {
	switch m.prompt {
	case promptFilter:
		m.current().SetFilter(m.line.Value())
		m.filterProblem()
		m.hintFilter()
	case promptPalette:
		m.palette.Match(m.line.Value())
	case promptNone, promptGoTo, promptCapture:
	}
}

// pasted takes a paste: into the open prompt, else as a place to go to.
func (m *Model) pasted(msg tea.PasteMsg) tea.Cmd {
	m.notice, m.welcome = notice{}, false
	if m.prompt == promptNone {
		m.ask(promptGoTo, "")
	}
	m.line.Update(msg)
	m.retyped()
	return nil
}
