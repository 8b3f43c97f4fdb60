package app

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/component/stepper"
	"github.com/snattop/snattop/tui/page"
)

// crumbLine is the line of the way to the page.
const crumbLine = 2

// mouse hands a click or a turn of the wheel to what is under the pointer.
func (m *Model) mouse(msg tea.Msg) tea.Cmd {
	mm, ok := msg.(tea.MouseMsg)
	if !ok || m.tooSmall() {
		return nil
	}
	at := mm.Mouse()
	click, clicked := msg.(tea.MouseClickMsg)
	clicked = clicked && click.Button == tea.MouseLeft
	top, height := m.bodyAt()
	if clicked {
		m.welcome = false
	}
	switch {
	case at.Y >= top && at.Y < top+height:
		return m.mouseOnBody(msg, at.Y-top, top, clicked)
	case !clicked:
	case at.Y == stepperLine:
		if s := stepper.Hit(at.X); s >= 0 {
			m.goStep(step(s))
			return nil
		}
		return m.bookAt(at.X)
	case at.Y == crumbLine:
		m.goCrumb(page.TrailHit(m.current().Crumbs(), m.trailRoom(), at.X-1))
	case at.Y == m.height-1 && m.prompt == promptNone:
		for _, s := range m.keySpans() {
			if at.X >= s.from && at.X < s.to {
				return m.keyPressed(pressOf(s.key))
			}
		}
	}
	return nil
}

// mouseOnBody hands a message to what is between head and foot; y is counted
// from there.
func (m *Model) mouseOnBody(msg tea.Msg, y, top int, clicked bool) tea.Cmd {
	msg = component.Shift(msg, 0, top)
	switch {
	case m.overlay == overlayPalette && clicked:
		if it, ok := m.palette.At(y); ok {
			return m.choose(it)
		}
		return nil
	case m.overlay == overlayPalette:
		return m.palette.Update(msg)
	case m.overlay == overlayColumns:
		return m.mouseOnColumns(msg, y, clicked)
	case m.overlay != overlayNone:
		return m.sheet.Update(msg)
	case !clicked:
		return m.mouseOnPage(msg, false)
	}
	m.notice = notice{}
	before := m.clickedRow
	cmd := m.mouseOnPage(msg, true)
	m.clickedRow = clickedRow{m.step, m.rowKey(), y}
	if before == m.clickedRow && before.row != "" && y > 0 {
		m.clickedRow = clickedRow{}
		m.drillDown() // the second click on a row
	}
	return cmd
}

// clickedRow is a row that was clicked: on which page, which, on which line.
type clickedRow struct {
	step step
	row  string
	y    int
}

// rowKey names the row under the cursor where enter opens it; else it is "".
func (m *Model) rowKey() string {
	switch {
	case m.isTurned():
		if r := m.turn.Selected(); r != nil {
			return "row " + r.Key
		}
	case m.inPane && m.step == stepNodes:
		if o := m.peekPods.Selected(); o != nil {
			return "pane " + string(o.Key)
		}
	case m.inPane:
		if d := m.peekDests.Selected(); d != nil {
			return "pane " + d.Dest.String()
		}
	case m.step == stepNodes:
		if n := m.nodes.Selected(); n != nil {
			return n.Name
		}
	case m.step == stepPods:
		if o := m.pods.Selected(); o != nil {
			return string(o.Key)
		}
	}
	return ""
}

// goCrumb goes to a part of the way to the page, counted from its beginning.
func (m *Model) goCrumb(i int) {
	crumbs := m.current().Crumbs()
	if i < 0 || i >= len(crumbs)-1 || m.step == stepBook {
		return // beside it, or where one is already
	}
	m.overlay, m.prompt = overlayNone, promptNone
	scope, within := rollup.Scope{}, 0
	switch {
	case m.isTurned():
		scope = m.turn.Subject().Scope
		within = len(scope.Within)
	case m.step == stepPods, m.step == stepDests:
		scope.Node = m.subject()
	case m.step == stepCause:
		scope.Node, scope.Owner = m.cause.Subject()
	}
	outer := len(crumbs) - 1 - within // what the page is about without its turns
	switch {
	case i == 0:
		m.turns = nil
		m.enter(stepNodes)
	case i >= outer && within > 0:
		for len(m.turns) > 1 && len(m.turns[len(m.turns)-1].subject.Scope.Within) > i-outer+1 {
			m.turns = m.turns[:len(m.turns)-1]
		}
		m.enter(m.step)
	case i == 1 && scope.Node != "":
		m.nodes.Select(scope.Node)
		m.openNode(scope.Node)
	case i == 2 && scope.Owner != "":
		m.untilStep(stepDests)
		if o := m.ownerOf(scope.Node, scope.Owner); o != nil {
			m.openOwner(scope.Node, o)
		}
	}
}

// keySpan is where a key stands on the line of keys.
type keySpan struct {
	key      key.Binding
	from, to int
}

// bookAt opens the runbook that is named at a column of the stepper's line.
func (m *Model) bookAt(x int) tea.Cmd {
	names, _ := m.otherBooks()
	if names == "" || x < m.width-ansi.StringWidth(names) {
		return nil
	}
	at := m.width - ansi.StringWidth(names)
	for _, b := range m.bookNames() {
		w := ansi.StringWidth(b.key.Help().Key + " " + b.name)
		if x >= at && x < at+w {
			return m.openBook(b.name, b.key)
		}
		at += w + 2
	}
	return nil
}
