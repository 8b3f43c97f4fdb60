package recording

import (
	"testing"

	"github.com/snattop/snattop/internal/session"
)

// A recording made before probes counted events still plays; what it does not
// tell is not known.
func TestRecordingFromBeforeEvents(t *testing.T) {
	t.Parallel()
	p, err := Open("testdata/before-events.snattop", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(session.Options{})
	if err := s.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	n := s.Snapshot().Node("n1")
	if n == nil || n.Collector != "diag" || len(n.Owners) != 1 || n.Open == 0 || !n.Counting() {
		t.Fatalf("%+v", n)
	}
	if d := n.Owners[0].Dests()[0]; d.Trouble != nil || d.Lives != nil || d.OpensPerSecond == 0 {
		t.Errorf("%+v", d)
	}
	if n.Trouble != nil || n.Lives != nil || len(n.Handovers) != 0 || len(n.Tracked) != 0 || n.ProbeCPU != 0 {
		t.Errorf("%+v", n)
	}
}

// What is told anew is played as it was told.
func TestEventsArePlayed(t *testing.T) {
	t.Parallel()
	s := session.New(session.Options{})
	if err := s.Run(t.Context(), &script{events: seen()}); err != nil {
		t.Fatal(err)
	}
	live := s.Snapshot()
	s = session.New(session.Options{})
	if err := play(record(t, seen()), s); err != nil {
		t.Fatal(err)
	}
	played := s.Snapshot()
	for name, pic := range map[string]*session.Snapshot{"live": live, "played": played} {
		n := pic.Node("n1")
		if len(n.Handovers) != 1 || n.Handovers[0].To != "ebpf" || n.Handovers[0].Reason != "netlink: no buffer space" {
			t.Errorf("%s: %+v", name, n.Handovers)
		}
		d := n.Owners[0].Dests()[0]
		if d.Trouble == nil || d.Trouble.NoPort == 0 || d.Lives.Ended() != 3 || n.ProbeCPU == 0 {
			t.Errorf("%s: %+v %v, %g ms", name, d.Trouble, d.Lives, n.ProbeCPU)
		}
	}
}

// seen is a sample up to its events, which only a collector sees that counts.
func seen() []session.Event {
	events := sample()[:8]
	for i := range events {
		if t := events[i].Tick; t != nil && t.Collector != "" {
			t.Collector = "ebpf"
			t.Owners, t.Rows = events[i-1].Tick.Owners, events[i-1].Tick.Rows
		}
	}
	return events
}
