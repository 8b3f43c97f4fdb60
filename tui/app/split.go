package app

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
)

// From splitWidth columns on there is a pane with what is below the row under
// the cursor; from besideWidth on it stands beside the table, and before that
// beneath it, where there are splitHeight lines for both.
const splitWidth, besideWidth, splitHeight = 120, 180, 20

// panes is how the room of a page is divided.
type panes struct {
	// on means that there are two.
	on bool
	// beside means that the second is at the right, else it is below.
	beside bool
	// main is the width or the height of the first, rest that of the second
	// without the rule between them.
	main, rest int
}

// panes says how the page that is seen is divided. The share is fixed, so that
// nothing moves while rows come and go.
func (m *Model) panes() panes {
	_, height := m.bodyAt()
	switch {
	case m.unsplit || m.width < splitWidth || m.isTurned() || m.step != stepNodes && m.step != stepPods:
		return panes{}
	case m.width >= besideWidth:
		main := m.width * 3 / 5
		return panes{on: true, beside: true, main: main, rest: m.width - main - 2}
	case height >= splitHeight:
		main := height * 3 / 5
		return panes{on: true, main: main, rest: height - main - 1}
	default:
		return panes{}
	}
}

// pane is the page in the second pane.
func (m *Model) pane() page.Page {
	if m.step == stepPods {
		return m.peekDests
	}
	return m.peekPods
}

// main is the page that the step is about, whichever pane has the keys.
func (m *Model) main() page.Page {
	if m.step == stepPods {
		return m.pods
	}
	return m.nodes
}

// divide gives both panes their room, and shows what is below the row under the
// cursor; false is that there is one only. A pane that is not seen gets no
// pictures, and costs nothing.
func (m *Model) divide() bool {
	p := m.panes()
	if !p.on {
		m.inPane = false
		m.focusPanes()
		return false
	}
	_, height := m.bodyAt()
	if p.beside {
		m.main().SetSize(p.main, height)
		m.pane().SetSize(p.rest, height)
	} else {
		m.main().SetSize(m.width, p.main)
		m.pane().SetSize(m.width, p.rest)
	}
	m.followRow()
	m.focusPanes()
	return true
}

// followRow makes the pane about the row under the cursor.
func (m *Model) followRow() {
	if m.step == stepPods {
		node, key, title := m.pods.NodeName(), session.Key(""), ""
		if o := m.pods.Selected(); o != nil {
			key, title = o.Key, o.Title()
		}
		m.peekDests.Open(m.pic, node, key, title)
		return
	}
	name := ""
	if n := m.nodes.Selected(); n != nil {
		name = n.Name
	}
	m.peekPods.Open(m.pic, name)
}

// focusPanes shows which pane has the keys.
func (m *Model) focusPanes() {
	m.nodes.SetFocused(!m.inPane)
	m.pods.SetFocused(!m.inPane)
	m.peekPods.SetFocused(m.inPane)
	m.peekDests.SetFocused(m.inPane)
}

// splitView draws both panes.
func (m *Model) splitView(p panes) string {
	if !p.beside {
		title := m.theme.Rule.Render("──") + m.theme.Dim.Render(format.Cut(" "+m.paneTitle()+" ", m.width-4))
		title += m.theme.Rule.Render(strings.Repeat("─", max(0, m.width-ansi.StringWidth(title))))
		return m.main().View() + "\n" + title + "\n" + m.pane().View()
	}
	left, right := strings.Split(m.main().View(), "\n"), strings.Split(m.pane().View(), "\n")
	for i := range left {
		r := ""
		if i < len(right) {
			r = right[i]
		}
		left[i] += m.theme.Rule.Render("│") + " " + r
	}
	return strings.Join(left, "\n")
}

// paneTitle says what the second pane is about.
func (m *Model) paneTitle() string {
	if m.step == stepPods {
		return "connections of " + m.peekDests.Title()
	}
	return "pods of " + sanitize.Text(m.peekPods.NodeName())
}

// inSecond returns a mouse message as the second pane sees it, when that is
// where it points at.
func (p panes) inSecond(msg tea.Msg, at tea.Mouse) (tea.Msg, bool) {
	switch {
	case !p.on:
		return msg, false
	case p.beside:
		return component.Shift(msg, p.main+2, 0), at.X >= p.main
	default:
		return component.Shift(msg, 0, p.main+1), at.Y >= p.main
	}
}

// mouseOnPage hands a message to the pane that it points at; a click gives it
// the keys.
func (m *Model) mouseOnPage(msg tea.Msg, clicked bool) tea.Cmd {
	mm, ok := msg.(tea.MouseMsg)
	if !ok {
		return nil
	}
	p := m.panes()
	if !p.on {
		return m.current().Update(msg)
	}
	shifted, second := p.inSecond(msg, mm.Mouse())
	if clicked {
		m.inPane = second
	}
	if second {
		return m.pane().Update(shifted)
	}
	return m.main().Update(msg)
}

// drillPane opens what is under the cursor of the second pane.
func (m *Model) drillPane() {
	node, owner := m.inPaneOwner()
	if owner == nil {
		m.notice = notice{text: "There is nothing to open."}
		return
	}
	from, d := m.step, m.peekDests.Selected()
	if from == stepNodes {
		d = nil
	}
	m.nodes.Select(node)
	m.pods.Open(m.pic, node)
	m.pods.Select(owner.Key)
	m.openOwner(node, owner)
	m.via = from
	if d != nil {
		m.dests.Select(d)
	}
}

// inPaneOwner is the owner that the second pane is about, or under its cursor.
func (m *Model) inPaneOwner() (node string, owner *session.Owner) {
	if m.step == stepPods {
		return m.pods.NodeName(), m.pods.Selected()
	}
	return m.peekPods.NodeName(), m.peekPods.Selected()
}

// toggleSplit switches the second pane off and on.
func (m *Model) toggleSplit() {
	was := m.panes().on
	m.unsplit = !m.unsplit
	switch {
	case m.unsplit:
		m.inPane = false
	case !was && !m.panes().on && m.width < splitWidth:
		m.notice = notice{text: fmt.Sprintf("A second pane needs %d columns; this terminal has %d.", splitWidth, m.width)}
	case !m.panes().on:
		m.notice = notice{text: "There is no second pane here: pages ① and ② have one, of what is below the row."}
	}
}

// splitKeys are the keys of the second pane, where they do something.
func (m *Model) splitKeys() []key.Binding {
	switch p := m.panes(); {
	case p.on && m.step == stepPods && m.inPane: // its own page names tab
		return []key.Binding{m.keys.Global.Split}
	case p.on:
		return []key.Binding{m.keys.Table.NextPane, m.keys.Global.Split}
	case m.unsplit && !m.isTurned() && m.step <= stepPods && m.width >= splitWidth:
		return []key.Binding{m.keys.Global.Split}
	default:
		return nil
	}
}
