package page

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// later is a crowded picture whose nodes have ticked once more some time later.
func later(d time.Duration) *session.Snapshot {
	s := tuitest.Crowded()
	s.Time = s.Time.Add(d)
	for _, n := range s.Nodes {
		n.LastTick = n.LastTick.Add(d)
	}
	return s
}

// asks diagnoses the crowded node of a picture as a page does.
func asks(d *Doctor, s *session.Snapshot) (found, pending bool) {
	got, pending := Picture{Snap: s, Doctor: d}.Diagnose(s.Node(tuitest.SickNode))
	a, ok := got.Main()
	return ok && a.Cause == runbook.Leak, pending
}

// work runs what the doctor has to do, and reports whether there was anything.
func work(t *testing.T, d *Doctor, s *session.Snapshot) bool {
	t.Helper()
	cmd := d.Work(s, s.Node(tuitest.SickNode))
	if cmd == nil {
		return false
	}
	if d.Work(s, s.Node(tuitest.SickNode)) != nil {
		t.Error("it is diagnosed twice at a time")
	}
	if node, rest, ok := d.Told(cmd()); !ok || node != tuitest.SickNode || rest == nil {
		t.Errorf("the answer is about %q (%v)", node, ok)
	}
	return true
}

func TestCrowdedNodeIsDiagnosedBeside(t *testing.T) {
	t.Parallel()
	d := &Doctor{}
	first := later(0)
	if found, pending := asks(d, first); found || !pending {
		t.Fatalf("before the work: found %v, pending %v", found, pending)
	}
	if !work(t, d, first) {
		t.Fatal("there is nothing to do for a node that nobody has diagnosed")
	}
	if found, pending := asks(d, first); !found || pending {
		t.Fatalf("after it: found %v, pending %v", found, pending)
	}
	if work(t, d, first) {
		t.Error("the same node of the same picture is diagnosed again")
	}

	next := later(time.Second)
	if found, pending := asks(d, next); !found || pending {
		t.Errorf("a second later: found %v, pending %v", found, pending)
	}
	if work(t, d, next) {
		t.Error("it does not rest after the work")
	}
	d.Told(soundMsg{tuitest.SickNode})
	if !work(t, d, next) {
		t.Error("a new picture is not diagnosed after the rest")
	}
	if _, _, ok := d.Told(tea.KeyPressMsg{}); ok {
		t.Error("it takes a key for an answer")
	}
}

// What is too old, of another node or of a later time says nothing.
func TestWhatDoesNotStandIn(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*session.Snapshot{
		"four seconds later":    later(4 * time.Second),
		"a second before":       later(-time.Second),
		"a crowded one besides": renamed(later(time.Second)),
	} {
		d := &Doctor{}
		work(t, d, later(0))
		n := s.Nodes[0]
		got, pending := Picture{Snap: s, Doctor: d}.Diagnose(n)
		if _, found := got.Main(); found || !pending {
			t.Errorf("%s: found %v, pending %v", name, found, pending)
		}
		if d.Work(s, n) == nil {
			t.Errorf("%s: there is nothing to do", name)
		}
	}
}

// renamed calls the first, crowded node of a picture by another name.
func renamed(s *session.Snapshot) *session.Snapshot {
	s.Nodes[0].Name = "another"
	return s
}

func TestSmallNodesAndThosePatientlyWaitedFor(t *testing.T) {
	t.Parallel()
	d := &Doctor{}
	s := tuitest.Sick()
	if found, pending := asks(d, s); !found || pending {
		t.Errorf("a small node: found %v, pending %v", found, pending)
	}
	if d.Work(s, s.Node(tuitest.SickNode), nil) != nil {
		t.Error("a small node is diagnosed beside the UI")
	}
	for name, d := range map[string]*Doctor{"one that waits": {Waits: true}, "none": nil} {
		s := tuitest.Crowded()
		if found, pending := asks(d, s); !found || pending {
			t.Errorf("%s: found %v, pending %v", name, found, pending)
		}
		if d.Work(s, s.Node(tuitest.SickNode)) != nil {
			t.Errorf("%s has work beside the UI", name)
		}
	}
}

// A diagnosis holds the picture that it was made of.
func TestWhatIsNotSeenIsForgotten(t *testing.T) {
	t.Parallel()
	d := &Doctor{}
	work(t, d, later(0))
	next := later(time.Second)
	asks(d, next)
	d.Work(next, next.Node(tuitest.SeenNode))
	if len(d.told) != 0 {
		t.Errorf("%d diagnoses are held of what nobody sees", len(d.told))
	}
}
