package app

import (
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
)

// drillDown opens what is under the cursor.
func (m *Model) drillDown() {
	switch m.step {
	case stepNodes:
		n := m.nodes.Selected()
		if n == nil {
			m.notice = notice{text: "There is no node to open."}
			return
		}
		m.nodes.Select(n.Name) // esc comes back to it, wherever it stands then
		m.openNode(n.Name)
	case stepPods:
		o := m.pods.Selected()
		if o == nil {
			m.notice = notice{text: "There is no pod to open."}
			return
		}
		m.pods.Select(o.Key)
		m.openOwner(m.pods.NodeName(), o)
	case stepDests:
		m.notice = notice{text: "There is nothing below a connection; x tells how it is known."}
	}
}

// goStep goes to a step of the runbook. Forward it opens what the cursor is
// on, as enter would.
func (m *Model) goStep(to step) {
	m.overlay, m.prompt = overlayNone, promptNone
	for m.step > to {
		m.enter(m.step - 1)
	}
	for m.step < to {
		before := m.step
		m.drillDown()
		if m.step == before {
			return
		}
	}
}

func (m *Model) openNode(name string) {
	m.pods.Open(name)
	m.enter(stepPods)
}

func (m *Model) openOwner(node string, o *session.Owner) {
	m.dests.Open(node, o.Key, sanitize.Text(o.Title()))
	m.enter(stepDests)
}

// enter makes a page the one that is seen. Processes are asked for while the
// destinations of a pod are on the screen, and for no longer.
func (m *Model) enter(to step) {
	m.step = to
	if to != stepDests {
		m.blur()
		return
	}
	node, owner := m.dests.Subject()
	m.view.FocusOn(node, owner)
	m.focused = true
	if m.ended {
		m.look() // nobody will say that there is something new
	}
}

// blur takes back the wish for processes.
func (m *Model) blur() {
	if m.focused {
		m.focused = false
		m.view.FocusOn("", "")
	}
}
