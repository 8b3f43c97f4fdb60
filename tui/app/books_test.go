package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/runbook"
	runbooks "github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/tui/tuitest"
)

// fakeBooks runs as the test says.
type fakeBooks struct {
	runs []string
	run  func(ctx context.Context, tell func(runbooks.Update)) error
}

func (f *fakeBooks) Checks(name string) []runbooks.Check {
	return []runbooks.Check{{ID: name + ".iptables", Title: "rules on 10250"}, {ID: name + ".agents", Title: "the tunnel's agents"}}
}

func (f *fakeBooks) Run(ctx context.Context, name string, tell func(runbooks.Update)) error {
	f.runs = append(f.runs, name)
	return f.run(ctx, tell)
}

func withBooks(f *fakeBooks, width, height int) *Model {
	m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, NoColor: true, Runbooks: f})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return m
}

func fn(code rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: code} }

// play runs what a key began to its end: the run itself, then its news.
func play(t *testing.T, m *Model, cmd tea.Cmd) {
	t.Helper()
	batch, ok := cmd().(tea.BatchMsg)
	if !ok || len(batch) != 2 {
		t.Fatalf("the key began %v", batch)
	}
	batch[1]()
	for listen := batch[0]; listen != nil; {
		_, listen = m.Update(listen())
	}
}

func sickTunnel(_ context.Context, tell func(runbooks.Update)) error {
	rules, agents := &runbooks.Check{ID: "tunnel.iptables"}, &runbooks.Check{ID: "tunnel.agents"}
	tell(runbooks.Update{Node: "node1", Note: "uploading the probe"})
	tell(runbooks.Update{Check: agents, Found: &runbooks.Step{ID: "tunnel.agents", Subject: "cluster", Verdict: runbooks.OK, Summary: "2 of 2 agents run."}})
	tell(runbooks.Update{Check: agents, Done: true})
	tell(runbooks.Update{Check: rules, Found: &runbooks.Step{ID: "tunnel.iptables", Subject: "node/node1", Verdict: runbooks.OK, Summary: "No rule is in the way."}})
	tell(runbooks.Update{Check: rules, Found: &runbooks.Step{
		ID: "tunnel.iptables", Subject: "node/node2", Verdict: runbooks.Problem, Summary: "Rule 3 of INPUT drops 10250.",
		Evidence: []runbooks.Evidence{{Command: "iptables -L INPUT --line-numbers", Output: "num target\n3   DROP"}},
		Remedies: []runbook.Remedy{{Text: "Delete the rule.", Command: "iptables -D INPUT 3", Warning: "It may be somebody's policy."}},
	}})
	tell(runbooks.Update{Check: rules, Done: true})
	tell(runbooks.Update{Node: "node1", Done: true})
	return nil
}

func TestRunbookPage(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 15}} {
		f := &fakeBooks{run: sickTunnel}
		m := withBooks(f, size[0], size[1])
		_, cmd := m.Update(fn(tea.KeyF2))
		wants(t, m, "… tunnel.iptables", "0 of 2 steps done")
		play(t, m, cmd)
		wants(t, m, "✗ tunnel.iptables", "✓ tunnel.agents", "2 steps done", "1 problem. node/node2: Rule 3")
		press(m, "g")
		wants(t, m, "do: Delete the rule.")
		if got := press(m, "y"); got == nil || !strings.Contains(screen(m), "iptables -D INPUT 3") {
			t.Errorf("the command is not copied:\n%s", screen(m))
		}
		press(m, "x")
		wants(t, m, "What shows it")
		press(m, "esc")
		press(m, "esc")
		wants(t, m, "❶ Node")
		// The answers stay; the same key on the page asks anew.
		m.Update(fn(tea.KeyF2))
		wants(t, m, "✗ tunnel.iptables")
		if _, again := m.Update(fn(tea.KeyF2)); again == nil || len(f.runs) != 1 {
			t.Errorf("runs: %q", f.runs)
		}
		wants(t, m, "0 of 2 steps done")
	}
}

// The cursor stays on its row while others come in before it.
func TestRunbookCursorStays(t *testing.T) {
	t.Parallel()
	m := withBooks(&fakeBooks{run: func(_ context.Context, tell func(runbooks.Update)) error {
		c := &runbooks.Check{ID: "tunnel.iptables"}
		tell(runbooks.Update{Check: c, Found: &runbooks.Step{ID: c.ID, Subject: "node/b", Verdict: runbooks.OK, Summary: "b is well"}})
		tell(runbooks.Update{Check: c, Found: &runbooks.Step{ID: c.ID, Subject: "node/a", Verdict: runbooks.Problem, Summary: "a is not"}})
		return nil
	}}, 120, 40)
	_, cmd := m.Update(fn(tea.KeyF2))
	play(t, m, cmd)
	wants(t, m, "node/b: b is well")
}

// What an earlier run still tells is dropped, and leaving ends the run.
func TestRunbookIsReplaced(t *testing.T) {
	t.Parallel()
	f := &fakeBooks{run: func(ctx context.Context, tell func(runbooks.Update)) error {
		<-ctx.Done()
		tell(runbooks.Update{Check: &runbooks.Check{ID: "tunnel.iptables"}, Found: &runbooks.Step{ID: "tunnel.iptables", Subject: "late", Verdict: runbooks.Problem}})
		return ctx.Err()
	}}
	m := withBooks(f, 120, 40)
	_, first := m.Update(fn(tea.KeyF2))
	_, second := m.Update(fn(tea.KeyF3))
	if second == nil {
		t.Fatal("the second runbook does not begin")
	}
	play(t, m, first) // ended by the second
	lacks(t, m, "late")
	wants(t, m, "runbook › apiserver", "0 of 2 steps done")
	m.close()
	play(t, m, second)
	wants(t, m, "could not be gone through: context canceled")
}

func TestRunbookFails(t *testing.T) {
	t.Parallel()
	m := withBooks(&fakeBooks{run: func(context.Context, func(runbooks.Update)) error { return errors.New("nodes is forbidden\x1b[2J") }}, 80, 24)
	_, cmd := m.Update(fn(tea.KeyF4))
	play(t, m, cmd)
	wants(t, m, "could not be gone through: nodes is forbidden")
}

func TestNoRunbooksWithoutACluster(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	m.Update(fn(tea.KeyF2))
	wants(t, m, "❶ Node", "need a live cluster")
	lacks(t, m, "F2")
}
