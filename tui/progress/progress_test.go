package progress_test

import (
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/progress"
)

func at(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }

func TestNothingShortIsShown(t *testing.T) {
	t.Parallel()
	var tr progress.Tracker
	job := progress.Job{Name: "ticket"}
	tr.Look(at(0), []progress.Job{job})
	if got := tr.Shown(at(299)); len(got) != 0 || !tr.Young(at(299)) {
		t.Errorf("shown after 299 ms: %+v", got)
	}
	if got := tr.Shown(at(300)); len(got) != 1 || tr.Young(at(300)) || got[0].Percent() != -1 || got[0].Known {
		t.Errorf("shown after 300 ms: %+v", got)
	}
	tr.Look(at(400), nil)
	tr.Look(at(500), []progress.Job{job}) // another of the same name
	if got := tr.Shown(at(799)); len(got) != 0 {
		t.Errorf("the second one is shown after 299 ms: %+v", got)
	}
}

func TestHowLongStill(t *testing.T) {
	t.Parallel()
	var tr progress.Tracker
	look := func(ms, done int) progress.Shown {
		tr.Look(at(ms), []progress.Job{{Name: "nodes", Done: done, Total: 24}})
		return tr.Shown(at(ms + 1000))[0]
	}
	if s := look(0, 4); s.Known || s.Percent() != 16 {
		t.Errorf("before anything has come of it: %+v", s)
	}
	// 10 of the 20 that were to do in 5 s: as long again.
	if s := look(4000, 14); !s.Known || s.Left != 5*time.Second {
		t.Errorf("half done: %+v, want 5 s left", s)
	}
	if s := look(9000, 24); s.Known || s.Percent() != 100 {
		t.Errorf("all done: %+v", s)
	}
}

func nodes(states ...session.State) *session.Snapshot {
	s := &session.Snapshot{}
	for i, st := range states {
		s.Nodes = append(s.Nodes, &session.Node{Name: string(rune('a' + i)), State: st, Progress: "image"})
	}
	return s
}

func TestReach(t *testing.T) {
	t.Parallel()
	var r progress.Reach
	r.Look(at(0), nodes(session.StateConnecting, session.StateConnecting, session.StateWaiting, session.StateDenied))
	r.Look(at(6000), nodes(session.StateStreaming, session.StateConnecting, session.StateConnecting, session.StateDenied))
	snap := nodes(session.StateStreaming, session.StateConnecting, session.StateConnecting, session.StateDenied)
	r.Look(at(8000), snap)
	j, ok := r.Job(snap)
	if want := (progress.Job{Name: "reaching nodes", Done: 2, Total: 4, Note: "b: image"}); !ok || j != want {
		t.Errorf("%+v, want %+v", j, want)
	}
	for node, want := range map[string]struct {
		on, left time.Duration
		known    bool
	}{
		"a": {0, 0, false},
		"b": {8 * time.Second, -2 * time.Second, false}, // longer than the other: nobody knows
		"c": {2 * time.Second, 4 * time.Second, true},
	} {
		if on, left, known := r.Of(node); on != want.on || left != want.left || known != want.known {
			t.Errorf("%s: %v, %v, %v, want %+v", node, on, left, known, want)
		}
	}
	all := nodes(session.StateStreaming, session.StateUnreachable, session.StateStreaming, session.StateDenied)
	all.Nodes = append(all.Nodes, &session.Node{Name: "z", State: session.StateWaiting, LeftOut: true})
	if j, ok := r.Job(all); ok || j.Total != 4 {
		t.Errorf("all are reached or refused, and yet: %+v", j)
	}
	if _, _, known := (*progress.Reach)(nil).Of("a"); known {
		t.Error("nobody knows, and yet it is known")
	}
}
