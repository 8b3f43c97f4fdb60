package app

import (
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/page"
)

// atWork are the pages on the screen that have work beside the keys.
func (m *Model) atWork() []page.Worker {
	switch {
	case m.isTurned():
		return []page.Worker{m.turn}
	case m.step == stepDests:
		return []page.Worker{m.dests}
	case m.step == stepPods && m.panes().on:
		return []page.Worker{m.peekDests}
	case m.step == stepProof:
		return []page.Worker{m.proof}
	default:
		return nil
	}
}

// patient is the node whose causes are on the screen; nil when those of none
// are.
func (m *Model) patient() *session.Node {
	switch {
	case m.isTurned():
		return nil
	case m.step == stepNodes:
		return m.nodes.Selected()
	case m.step == stepPods:
		return m.pods.Node()
	case m.step == stepDests:
		return m.dests.Node()
	case m.step == stepCause:
		return m.cause.Node()
	default:
		return nil
	}
}

// diagnosed shows what was found on a node beside the UI.
func (m *Model) diagnosed(node string) {
	if node == "" {
		return
	}
	m.pods.Diagnosed(node)
	m.peekPods.Diagnosed(node)
	m.cause.Diagnosed(node)
	if m.step == stepCause && !m.focused {
		m.focus() // the main cause says whose processes help
	}
	if m.overlay == overlayKnow {
		m.writeKnow()
	}
}
