package app

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/turn"
)

// turned is a page that was turned, or drilled into while it was.
type turned struct {
	step    step
	subject turn.Subject
	// row is the key of the row to come back to.
	row string
}

// isTurned reports whether the page that is seen is a turned one.
func (m *Model) isTurned() bool { return len(m.turns) > 0 && m.turns[len(m.turns)-1].step == m.step }

// turnKey takes the keys that turn a page.
func (m *Model) turnKey(msg tea.KeyPressMsg) (taken bool) {
	t := m.keys.Table
	var by int
	switch {
	case m.step > stepDests || m.overlay != overlayNone:
		return false
	case key.Matches(msg, t.Turn):
		by = 1
	case key.Matches(msg, t.TurnBack):
		by = -1
	default:
		return m.isTurned() && m.turnedWithout(msg)
	}
	m.turnBy(by)
	return true
}

// turnedWithout says why a key of other tables does nothing on a turned one.
func (m *Model) turnedWithout(msg tea.KeyPressMsg) (taken bool) {
	switch g := m.keys.Global; {
	case key.Matches(msg, g.Public, g.Eligible):
		m.notice = notice{text: "A turned table's ports, OPEN and TRYING are of what takes a SNAT port already; ALL FLOWS has the rest as well."}
	case key.Matches(msg, g.Split, m.keys.Table.NextPane):
		m.notice = notice{text: "A turned table has one pane: a row is a sum over many places. enter goes on to what it is the sum of."}
	default:
		return false
	}
	return true
}

// turnBy shows the page's connections by the next side, or the one before.
func (m *Model) turnBy(by int) {
	subject, drilled := turn.Subject{By: m.native(), Scope: m.scope(), Owner: m.dests.Title()}, false
	if m.isTurned() {
		subject = m.turns[len(m.turns)-1].subject
		drilled = len(subject.Scope.Within) > 0
	}
	sides := sidesOf(m.step, subject.Scope)
	at := slices.Index(sides, subject.By)
	subject.By = sides[(at+by+len(sides))%len(sides)]
	if m.isTurned() {
		m.turns = m.turns[:len(m.turns)-1]
	}
	if !drilled && subject.By == m.native() {
		m.enter(m.step) // all the way round: the page as it was
		return
	}
	m.pushTurn(turned{step: m.step, subject: subject})
}

// native is what the rows of a page are that is not turned.
func (m *Model) native() rollup.By {
	switch m.step {
	case stepPods:
		return rollup.Pod
	case stepDests:
		return rollup.Dest
	case stepNodes, stepCause, stepProof, stepBook:
	}
	return rollup.Node
}

// scope is what the page that is seen is about.
func (m *Model) scope() rollup.Scope {
	switch m.step {
	case stepPods:
		return rollup.Scope{Node: m.pods.NodeName()}
	case stepDests:
		node, owner := m.dests.Subject()
		return rollup.Scope{Node: node, Owner: owner}
	case stepNodes, stepCause, stepProof, stepBook:
	}
	return rollup.Scope{}
}

// sidesOf are the sides that say something on a page, in the order in which
// the key goes through them.
func sidesOf(at step, scope rollup.Scope) []rollup.By {
	all := []rollup.By{rollup.Node, rollup.Pod, rollup.Workload, rollup.Namespace, rollup.Dest, rollup.Process, rollup.Container}
	switch at {
	case stepPods:
		all = all[1:]
	case stepDests:
		return []rollup.By{rollup.Dest, rollup.Process, rollup.Container}
	case stepNodes, stepCause, stepProof, stepBook:
	}
	return slices.DeleteFunc(all, func(by rollup.By) bool {
		return slices.ContainsFunc(scope.Within, func(m rollup.Member) bool {
			return m.By == by || m.By == rollup.Workload && by == rollup.Namespace
		})
	})
}

// pushTurn shows a turned page.
func (m *Model) pushTurn(t turned) {
	m.turns = append(m.turns, t)
	m.enter(t.step)
}

// popTurn goes back from a turned page to what it was before the last
// drill-down, or to the page as it is without turning.
func (m *Model) popTurn() {
	m.turns = m.turns[:len(m.turns)-1]
	m.enter(m.step)
}

// untilStep forgets how pages were turned from a step on: they will be about
// something else.
func (m *Model) untilStep(s step) {
	for len(m.turns) > 0 && m.turns[len(m.turns)-1].step >= s {
		m.turns = m.turns[:len(m.turns)-1]
	}
}

// showTurn makes the turned page the one of the top of the stack.
func (m *Model) showTurn() {
	if top := m.turns[len(m.turns)-1]; !top.subject.Equal(m.turn.Subject()) {
		m.turn.Open(top.subject, top.row)
	}
}

// keepRow remembers the row under the cursor, to come back to.
func (m *Model) keepRow() {
	if r := m.turn.Selected(); r != nil && m.isTurned() {
		m.turns[len(m.turns)-1].row = r.Key
	}
}

// drillTurned opens the row of a turned page: what the row is the sum of, until
// that is a pod.
func (m *Model) drillTurned() {
	r := m.turn.Selected()
	if r == nil {
		m.notice = notice{text: "There is nothing to open."}
		return
	}
	top := m.turns[len(m.turns)-1]
	by := top.subject.By
	m.keepRow()
	switch {
	case r.Missing == rollup.NotAsked && r.Owners > 1:
		m.notice = notice{text: "These are of several pods: t turns the table to pods; page ③ of a pod asks for its processes."}
	case by == rollup.Node && len(top.subject.Scope.Within) == 0:
		m.nodes.Select(r.Node.Name)
		m.openNode(r.Node.Name)
	case m.step == stepDests:
		m.notice = notice{text: "There is nothing below this row; x tells what it is the sum of."}
	case by == rollup.Pod || by.Detail():
		m.visit(r)
	default:
		next := top.subject
		next.By = rollup.Pod
		next.Scope.Within = append(slices.Clone(next.Scope.Within), r.Member(by))
		m.pushTurn(turned{step: m.step, subject: next})
	}
}

// visit opens the connections of the owner that has most of a row, and remembers
// the way back.
func (m *Model) visit(r *rollup.Row) {
	from := m.step
	within := m.turns[len(m.turns)-1].subject.Scope.Within
	m.nodes.Select(r.Node.Name)
	m.pods.Open(m.pic, r.Node.Name)
	m.pods.Select(r.Owner.Key)
	m.openOwner(r.Node.Name, r.Owner)
	m.via = from
	for _, w := range within {
		if w.By != rollup.Dest {
			continue
		}
		for _, d := range r.Owner.Dests() {
			if d.Dest == w.Dest {
				m.dests.Select(d)
			}
		}
	}
}

// turnedTo is goStep from a turned page, forward: to the pods of the node that
// has most of the row, or to the connections of the pod that has.
func (m *Model) turnedTo(to step) {
	r := m.turn.Selected()
	if r == nil || r.Node == nil {
		m.notice = notice{text: "There is nothing to open."}
		return
	}
	m.keepRow()
	if to == stepDests {
		m.visit(r)
		return
	}
	m.nodes.Select(r.Node.Name)
	m.openNode(r.Node.Name)
	m.pods.Select(r.Owner.Key)
}

// causeOfTurned makes page ④ about the row of a turned page: about the pod that
// has most of it, unless it is about nodes.
func (m *Model) causeOfTurned() bool {
	r := m.turn.Selected()
	if r == nil || r.Node == nil {
		m.notice = notice{text: "There is no row to speak of."}
		return false
	}
	m.keepRow()
	switch m.turn.Subject().By {
	case rollup.Node, rollup.Namespace:
		m.cause.Open(r.Node.Name, "", "")
	case rollup.Pod, rollup.Workload, rollup.Dest, rollup.Process, rollup.Container:
		m.cause.Open(r.Node.Name, r.Owner.Key, sanitize.Text(r.Owner.Title()))
	}
	return true
}

// onTurned is the node and the owner under the cursor of a turned page, the
// owner only where the row is of one alone.
func (m *Model) onTurned() (node string, owner *session.Owner) {
	r := m.turn.Selected()
	if r == nil || r.Node == nil {
		return m.turn.Subject().Scope.Node, nil
	}
	if r.Owners == 1 {
		owner = r.Owner
	}
	return r.Node.Name, owner
}
