package page

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
)

// Doctor diagnoses nodes for the pages, each once for a picture. A crowded node
// takes longer than a key may wait: it is diagnosed beside the UI, and until the
// answer is there the one before stands in for it. A nil Doctor diagnoses
// whatever it is asked, every time.
type Doctor struct {
	// Waits means that even a crowded node is diagnosed at once, because nothing
	// is drawn again when an answer comes.
	Waits bool
	// told is what was found last, at most one of a node.
	told []told
	busy bool
}

// told is a diagnosis, and what of.
type told struct {
	snap      *session.Snapshot
	node      *session.Node
	diagnosis *runbook.Diagnosis
	// beside means that it was made beside the UI, rests that it is too soon to
	// make it anew.
	beside, rests bool
}

const (
	// standsFor is for how many intervals of its node a diagnosis stands in for
	// that of a newer picture, and atLeast where the intervals are short.
	standsFor, atLeast = 3, 3 * time.Second
	// restFor is how many times as long as it took a node is not diagnosed again,
	// up to its interval, while there is a diagnosis that stands in.
	restFor = 4
)

type (
	// diagnosedMsg is a diagnosis that was made beside the UI, and how long that
	// took.
	diagnosedMsg struct {
		told
		took time.Duration
	}
	// soundMsg says that a node may be diagnosed again.
	soundMsg struct{ node string }
)

// Diagnose looks for the causes on a node of the picture. pending means that it
// is still being looked into, and that nothing stands in for that: then nothing
// is known in what is returned.
func (p Picture) Diagnose(n *session.Node) (d *runbook.Diagnosis, pending bool) {
	return p.Doctor.of(p.Snap, n)
}

// Waits reports whether everything about the picture is found at once, however
// long it takes, because nothing is drawn again when an answer comes.
func (p Picture) Waits() bool { return p.Doctor == nil || p.Doctor.Waits }

func (d *Doctor) of(snap *session.Snapshot, n *session.Node) (found *runbook.Diagnosis, pending bool) {
	if d == nil || n == nil {
		return runbook.Diagnose(snap, n), false
	}
	t := d.last(n.Name)
	switch {
	case t != nil && (t.snap == snap && t.node == n || t.beside && t.stands(n)):
		return t.diagnosis, false
	case !d.Waits && Crowded(ManyDests, n):
		return &runbook.Diagnosis{}, true
	}
	found = runbook.Diagnose(snap, n)
	d.keep(told{snap: snap, node: n, diagnosis: found})
	return found, false
}

func (d *Doctor) last(node string) *told {
	for i := range d.told {
		if d.told[i].node.Name == node {
			return &d.told[i]
		}
	}
	return nil
}

func (d *Doctor) keep(t told) {
	if was := d.last(t.node.Name); was != nil {
		*was = t
		return
	}
	d.told = append(d.told, t)
}

// stands reports whether the diagnosis is of the node's last few ticks.
func (t *told) stands(n *session.Node) bool {
	age := n.LastTick.Sub(t.node.LastTick)
	return age >= 0 && age <= max(standsFor*n.Interval, atLeast)
}

// holds reports whether another diagnosis would find the same.
func (t *told) holds(snap *session.Snapshot, n *session.Node) bool {
	return t.node == n && (t.snap == snap ||
		t.snap.Cloud == snap.Cloud && t.snap.Cluster == snap.Cluster && t.snap.Timers == snap.Timers && len(t.snap.Nodes) == len(snap.Nodes))
}

// Work returns a command that diagnoses one of the nodes that are on the screen
// beside the UI, the first that lacks it; nil when none does. What was found of
// others is forgotten: it would keep the picture that it was found in.
func (d *Doctor) Work(snap *session.Snapshot, seen ...*session.Node) tea.Cmd {
	if d == nil {
		return nil
	}
	d.told = slices.DeleteFunc(d.told, func(t told) bool {
		return t.snap != snap && !slices.ContainsFunc(seen, func(n *session.Node) bool { return n != nil && n.Name == t.node.Name })
	})
	if d.busy || d.Waits {
		return nil
	}
	for _, n := range seen {
		if n == nil || !Crowded(ManyDests, n) {
			continue
		}
		if t := d.last(n.Name); t != nil && (t.holds(snap, n) || t.rests && t.stands(n)) {
			continue
		}
		d.busy = true
		return func() tea.Msg {
			began := time.Now()
			found := runbook.Diagnose(snap, n)
			return diagnosedMsg{told{snap: snap, node: n, diagnosis: found, beside: true}, time.Since(began)}
		}
	}
	return nil
}

// Told takes what Work has come to: node is the one that was diagnosed. ok is
// false when the message is another's.
func (d *Doctor) Told(msg tea.Msg) (node string, cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case diagnosedMsg:
		d.busy = false
		msg.rests = true
		d.keep(msg.told)
		name := msg.node.Name
		rest := restFor * msg.took
		if msg.node.Interval > 0 {
			rest = min(rest, msg.node.Interval)
		}
		return name, tea.Tick(rest, func(time.Time) tea.Msg { return soundMsg{name} }), true
	case soundMsg:
		if t := d.last(msg.node); t != nil {
			t.rests = false
		}
		return "", nil, true
	default:
		return "", nil, false
	}
}
