package app

import (
	"fmt"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/format"
)

// notice is a message to the operator that stays until the next key.
type notice struct {
	text string
	bad  bool
}

// keyPressed gives a key to whom it concerns: first to whatever is typed,
// then to the root, then to the overlay or the page.
func (m *Model) keyPressed(msg tea.KeyPressMsg) tea.Cmd {
	g := m.keys.Global
	if key.Matches(msg, g.Interrupt) {
		return tea.Quit
	}
	m.notice, m.welcome = notice{}, false
	if key.Matches(msg, g.Suspend) {
		return m.suspend()
	}
	if m.prompt != promptNone {
		return m.typed(msg)
	}
	if cmd, ok := m.bookKey(msg); ok {
		return cmd
	}
	if cmd, ok := m.columnsKey(msg); ok {
		return cmd
	}
	switch {
	case m.replayKey(msg):
	case m.turnKey(msg):
	case key.Matches(msg, g.Quit):
		return tea.Quit
	case key.Matches(msg, g.Capture):
		m.captureKey()
	case key.Matches(msg, g.Record):
		return m.record()
	case key.Matches(msg, g.Back):
		m.back()
	case key.Matches(msg, g.Help):
		m.toggle(overlayHelp)
	case key.Matches(msg, g.Know):
		m.toggle(overlayKnow)
	case key.Matches(msg, g.Freeze):
		m.freeze()
	case key.Matches(msg, g.Copy):
		return m.copy()
	case key.Matches(msg, g.Ticket):
		return m.saveTicket()
	case key.Matches(msg, g.GoTo):
		m.ask(promptGoTo, "")
	case key.Matches(msg, g.Split) && m.overlay == overlayNone:
		m.toggleSplit()
	case key.Matches(msg, m.keys.Table.NextPane) && m.overlay == overlayNone && m.panes().on:
		m.inPane = !m.inPane
	case key.Matches(msg, g.Palette):
		m.openPalette()
	case key.Matches(msg, g.Nodes):
		m.goStep(stepNodes)
	case key.Matches(msg, g.Pods):
		m.goStep(stepPods)
	case key.Matches(msg, g.Connections):
		m.goStep(stepDests)
	case key.Matches(msg, g.Cause), key.Matches(msg, g.Diagnose):
		m.goStep(stepCause)
	case key.Matches(msg, g.Proof):
		m.goStep(stepProof)
	case key.Matches(msg, g.Baseline):
		m.setBaseline()
	case m.overlay != overlayNone:
		return m.sheet.Update(msg)
	case key.Matches(msg, g.Open):
		m.drillDown()
	case key.Matches(msg, g.Filter) && m.step == stepCause:
		m.notice = notice{text: "There are no rows to filter here."}
	case key.Matches(msg, g.Filter):
		m.ask(promptFilter, m.current().Filter())
	default:
		return m.current().Update(msg)
	}
	return nil
}

// back closes what is open, innermost first: overlay, filter, page.
func (m *Model) back() {
	switch {
	case m.overlay != overlayNone:
		m.overlay = overlayNone
	case m.capturing != nil && !m.capturing.stopping:
		m.stopCapture()
	case m.current().Filter() != "":
		m.current().SetFilter("")
	case m.inPane:
		m.inPane = false
	case m.step == stepBook:
		m.enter(m.beforeBook)
	case m.step == stepProof:
		m.enter(m.beforeProof)
	case m.step == stepCause:
		m.enter(m.origin)
	case m.isTurned():
		m.popTurn()
	case m.step == stepDests && m.via != stepPods:
		m.enter(m.via)
	case m.step > stepNodes:
		m.goStep(m.step - 1)
	default:
		m.notice = notice{text: "This is the first page; q quits."}
	}
}

// speak is the sentence at the foot of the page, or what is more urgent.
func (m *Model) speak(width int) string {
	switch {
	case m.notice.text == "" && m.capturing != nil:
		return format.Cut(sanitize.Text(m.captureSentence()), width)
	case m.notice.text == "":
		if s := m.progressSentence(width); s != "" {
			return s
		}
		if m.overlay == overlayColumns {
			return format.Cut(m.columnSentence(), width)
		}
		return m.current().Sentence(width)
	}
	return format.Cut(sanitize.Text(m.notice.text), width)
}

// voice is the look of what is spoken.
func (m *Model) voice(line string) string {
	switch {
	case m.notice.text == "" && m.capturing != nil:
		return m.theme.Notice.Render(line)
	case m.notice.text == "":
		return line
	case m.notice.bad:
		return m.theme.Bad.Render(line)
	default:
		return m.theme.Notice.Render(line)
	}
}

// filtered says what a filter does to the rows of the page.
func (m *Model) filtered() string {
	p := m.current()
	if p.Filter() == "" {
		return ""
	}
	shown, total, loose := p.Rows()
	s := fmt.Sprintf("%s of %s", format.Count(shown), format.Count(total))
	if loose {
		s += " (loosely)"
	}
	return s
}
