package app

import (
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

// drillDown opens what is under the cursor.
func (m *Model) drillDown() {
	switch {
	case m.isTurned():
		m.drillTurned()
		return
	case m.inPane:
		m.drillPane()
		return
	}
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
		m.notice = notice{text: "There is nothing below a connection; x tells how it is known, d why it fails."}
	case stepCause:
		m.notice = notice{text: "y copies what is chosen; b freezes a baseline, and 5 compares with it once something was done."}
	case stepProof:
	case stepBook:
		m.toggle(overlayKnow)
	}
}

// goStep goes to a step of the runbook. Forward it opens what the cursor is
// on, as enter would.
func (m *Model) goStep(to step) {
	m.overlay, m.prompt = overlayNone, promptNone
	if m.step == stepBook {
		m.enter(m.beforeBook)
	}
	switch {
	case to == m.step:
		m.untilStep(to)
		m.enter(to)
		return
	case to == stepCause:
		m.openCause()
		return
	case to == stepProof:
		m.openProof()
		return
	case m.step > stepDests:
		m.enter(m.origin)
	}
	if m.isTurned() && m.step < to {
		m.turnedTo(to)
		return
	}
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
	m.untilStep(stepPods)
	m.pods.Open(m.pic, name)
	m.enter(stepPods)
}

func (m *Model) openOwner(node string, o *session.Owner) {
	m.untilStep(stepDests)
	m.via = stepPods
	m.dests.Open(m.pic, node, o.Key, sanitize.Text(o.Title()))
	m.enter(stepDests)
}

// openCause asks why the node under the cursor is as it is: of the pod, where
// the page is about pods. From the proof it goes back to what was asked before.
func (m *Model) openCause() {
	if m.isTurned() {
		if m.causeOfTurned() {
			m.origin = m.step
			m.enter(stepCause)
		}
		return
	}
	if m.inPane {
		node, o := m.inPaneOwner()
		if o == nil {
			m.notice = notice{text: "There is nothing to speak of."}
			return
		}
		m.cause.Open(node, o.Key, sanitize.Text(o.Title()))
		m.origin = m.step
		m.enter(stepCause)
		return
	}
	switch m.step {
	case stepNodes:
		n := m.nodes.Selected()
		if n == nil {
			m.notice = notice{text: "There is no node to speak of."}
			return
		}
		m.nodes.Select(n.Name)
		m.cause.Open(n.Name, "", "")
	case stepPods:
		m.cause.Open(m.pods.NodeName(), "", "")
		if o := m.pods.Selected(); o != nil {
			m.pods.Select(o.Key)
			m.cause.Open(m.pods.NodeName(), o.Key, o.Title())
		}
	case stepDests:
		node, owner := m.dests.Subject()
		m.cause.Open(node, owner, m.dests.Title())
	case stepCause:
		return
	case stepProof:
		if node, _ := m.cause.Subject(); node == "" {
			m.step = m.origin
			m.openCause()
			return
		}
		m.enter(stepCause)
		return
	case stepBook:
		return // goStep has left it
	}
	m.origin = m.step
	m.enter(stepCause)
}

// openProof compares now with the baseline.
func (m *Model) openProof() {
	if m.step < stepCause {
		m.origin = m.step
	}
	m.beforeProof = m.step
	m.enter(stepProof)
}

// setBaseline freezes the picture that is on the screen as what the proof
// compares with.
func (m *Model) setBaseline() {
	if m.pic.Snap.Time.IsZero() || len(m.pic.Snap.Nodes) == 0 {
		m.notice = notice{text: "There is no picture to freeze yet.", bad: true}
		return
	}
	again := ""
	if m.proof.HasBaseline() {
		again = " in place of the one before"
	}
	m.proof.SetBaseline(m.pic)
	m.notice = notice{text: "Baseline of " + format.Clock(m.pic.Snap.Time) + " frozen" + again + "; 5 compares with it."}
}

// enter makes a page the one that is seen. Processes are asked for while the
// destinations of a pod, or the cause that is about one, are on the screen, and
// for no longer.
func (m *Model) enter(to step) {
	m.step, m.inPane = to, false
	if to <= stepDests {
		m.untilStep(to + 1)
	}
	if m.isTurned() {
		m.showTurn()
	}
	m.catchUp()
	m.focus()
}

// focus asks for the processes that help on the page that is seen.
func (m *Model) focus() {
	var node string
	var owner session.Key
	switch m.step {
	case stepDests:
		node, owner = m.dests.Subject()
	case stepCause:
		node, owner = m.cause.Focus()
	case stepNodes, stepPods, stepProof, stepBook:
	}
	if owner == "" {
		m.blur()
		return
	}
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
