package app

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/tuitest"
)

// TestOrderWaitsForThePause has a node run out of ports while keys are pressed.
func TestOrderWaitsForThePause(t *testing.T) {
	t.Parallel()
	picture := func(first, second int) *session.Snapshot {
		node := func(name string, ports int) *session.Node {
			return tuitest.Node(name, "10.0.0.1", 1024, tuitest.Owner(name, "shop", "pod-"+name, session.Workload{},
				tuitest.Load{Addr: "20.1.1.1:443", Established: ports, SynSent: max(0, ports-1000)}))
		}
		s := tuitest.Snapshot(1, node("one", first), node("two", second))
		if s.Nodes[0].Verdict.Rank() > s.Nodes[1].Verdict.Rank() {
			s.Nodes[0], s.Nodes[1] = s.Nodes[1], s.Nodes[0]
		}
		return s
	}
	clock := tuitest.NewClock()
	v := tuitest.NewView(picture(900, 100))
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	second := func() {
		clock.Advance(time.Second)
		m.Update(changedMsg{})
		m.Update(secondMsg{})
	}
	before := func(a, b string) bool {
		s := screen(m)
		return strings.Index(s, " "+a+" ") < strings.Index(s, " "+b+" ")
	}
	clock.Advance(time.Minute)
	press(m, "j")
	v.Set(picture(900, 1020))
	if v.Snapshot().Nodes[0].Verdict != snat.Exhausted {
		t.Fatal("the picture holds no exhausted node")
	}
	second()
	if !before("one", "two") || !strings.Contains(screen(m), "order waits") || !strings.Contains(screen(m), "exhausted") {
		t.Errorf("a second after a key the row has moved, or nothing is said:\n%s", screen(m))
	}
	second()
	if before("one", "two") || strings.Contains(screen(m), "order waits") {
		t.Errorf("after two seconds of rest the worst is not on top:\n%s", screen(m))
	}
	if n := m.nodes.Selected(); n == nil || n.Name != "two" {
		t.Error("the cursor has left its row")
	}
}
