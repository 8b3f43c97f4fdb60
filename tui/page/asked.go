package page

import (
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
)

// Asked remembers the diagnosis that was asked for last: pages draw more often
// than pictures come.
type Asked struct {
	snap      *session.Snapshot
	node      *session.Node
	diagnosis *runbook.Diagnosis
}

// Diagnose looks for the causes on a node, once for each picture.
func (a *Asked) Diagnose(snap *session.Snapshot, n *session.Node) *runbook.Diagnosis {
	if a.diagnosis == nil || a.snap != snap || a.node != n {
		a.snap, a.node, a.diagnosis = snap, n, runbook.Diagnose(snap, n)
	}
	return a.diagnosis
}
