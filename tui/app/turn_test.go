package app

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

func TestTurningGoesRound(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	for _, by := range []string{"pod", "workload", "namespace", "destination", "process", "container"} {
		press(m, "t")
		wants(t, m, "prod-weu › by "+by, "❶ Node")
	}
	press(m, "t")
	wants(t, m, "prod-weu › nodes", "VERDICT")
	press(m, "T")
	wants(t, m, "› by container")
	press(m, "2")
	wants(t, m, "❷ Pod", "host: kubelet.service")
	press(m, "t")
	wants(t, m, "prod-weu › "+tuitest.SickNode+" › by workload")
	press(m, "T", "3", "t")
	wants(t, m, tuitest.SickPod+" › by process")
	press(m, "t", "t")
	wants(t, m, "processes of 20.60.1.9:443 tcp")
}

// TestEscUndoesEachDrillDown goes from a namespace to a pod's connections and
// back, and every page is as it was left.
func TestEscUndoesEachDrillDown(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "t", "t", "t", "t", "j") // destinations, the second
	first := screen(m)
	wants(t, m, "▌40.1.1.1:587 tcp")
	press(m, "enter")
	wants(t, m, "destination 40.1.1.1:587 tcp › by pod", "▌shop/mailer")
	second := screen(m)
	press(m, "enter")
	wants(t, m, "❸ Connections", "aks-np1-vmss000007 › shop/mailer", "▌40.1.1.1:587 tcp")
	press(m, "d")
	wants(t, m, "❹ Cause")
	press(m, "esc")
	wants(t, m, "❸ Connections")
	press(m, "esc")
	if got := screen(m); got != second {
		t.Errorf("esc leads to\n%s\nnot to\n%s", got, second)
	}
	press(m, "esc")
	if got := screen(m); got != first {
		t.Errorf("esc leads to\n%s\nnot to\n%s", got, first)
	}
	press(m, "esc")
	wants(t, m, "prod-weu › nodes")
	focus := v.Focus()
	if got := focus[len(focus)-1]; got != " " {
		t.Errorf("detail of %q is still asked for", got)
	}
}

func TestStepKeysFromATurnedPage(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "t", "t", "2") // the node and the pod that have most of the workload
	wants(t, m, "❷ Pod", "prod-weu › "+tuitest.SickNode, "▌shop/"+tuitest.SickPod)
	press(m, "esc")
	wants(t, m, "› by workload")
	press(m, "3")
	wants(t, m, "❸ Connections", tuitest.SickPod)
	press(m, "2")
	wants(t, m, "❷ Pod", "prod-weu › "+tuitest.SickNode)
	press(m, "1")
	wants(t, m, "› by workload")
	press(m, "d")
	wants(t, m, "❹ Cause", tuitest.SickPod)
	press(m, "esc")
	wants(t, m, "› by workload")
	press(m, ":")
	typeText(m, "vmss000007")
	press(m, "enter")
	wants(t, m, "prod-weu › nodes", "▌↓ aks-np1-vmss000007")
}

func TestTurnedPagesAreFilteredAndCopied(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 200, 60)
	press(m, "t", "t", "/")
	typeText(m, "mailer")
	press(m, "enter")
	wants(t, m, "/mailer · 1 of 12")
	press(m, "esc")
	wants(t, m, "shop/search")
	cmd := press(m, "y")
	wants(t, m, "Copied as Markdown")
	if text := fmt.Sprint(cmd()); !strings.Contains(text, "| shop/checkout | Deployment | 1 | 1 | 955 | \\~993 |") {
		t.Errorf("the copy lacks the worst row:\n%s", text)
	}
}

func TestTheTicketHoldsATurnedTable(t *testing.T) {
	t.Parallel()
	var got Ticket
	m := New(tuitest.NewView(tuitest.Sick()), Options{
		Now: tuitest.NewClock().Now, NoColor: true,
		SaveTicket: func(tk Ticket) (string, error) { got = tk; return "x", nil },
	})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	press(m, "t", "t", "t")
	press(m, "S")()
	if !strings.Contains(got.Table, "| Namespace |") || !strings.Contains(got.Table, "| shop |") || got.Node != tuitest.SickNode {
		t.Errorf("the ticket of %q holds %q", got.Node, got.Table)
	}
}

// TestATurnedPageFollowsThePicture holds that a row keeps the cursor while
// numbers change, and that what is gone is said.
func TestATurnedPageFollowsThePicture(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "t", "t", "j", "enter")
	wants(t, m, "workload shop/mailer › by pod")
	s := tuitest.Sick()
	s.Nodes = slices.DeleteFunc(s.Nodes, func(n *session.Node) bool { return n.Name == "aks-np1-vmss000007" })
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, "nothing of it is left; esc goes back")
	press(m, "esc")
	wants(t, m, "› by workload")
}

// TestACrowdIsAddedUpBesideTheUI holds that a large picture costs no frame: it
// is added up by a command, and shown when that is done.
func TestACrowdIsAddedUpBesideTheUI(t *testing.T) {
	t.Parallel()
	var owners []*session.Owner
	for i := range 101 {
		var loads []tuitest.Load
		for j := range 50 {
			loads = append(loads, tuitest.Load{Addr: fmt.Sprintf("20.1.%d.%d:443", i, j), Established: 1})
		}
		owners = append(owners, tuitest.Owner("n1", "shop", fmt.Sprint("app-", i), session.Workload{Kind: "Deployment", Name: "app"}, loads...))
	}
	s := tuitest.Snapshot(1, tuitest.Node("n1", "10.0.0.1", 1024, owners...))
	m, _ := start(s, 120, 40)
	late := press(m, "t")
	wants(t, m, "› by pod", "adding up …")
	cmd := press(m, "t")
	if m.turn.Work() != nil {
		t.Fatal("a second addition is begun while the first is under way")
	}
	m.Update(late())
	wants(t, m, "› by workload", "adding up …")
	m.Update(cmd())
	wants(t, m, "1 workload", "▌shop/app")
}

// A share is marked once: whoever is small is no estimate of less than one
// percent.
func TestSharesAreMarkedOnce(t *testing.T) {
	t.Parallel()
	marks := regexp.MustCompile(`[~≥≤<>]{2}`)
	for _, s := range []*session.Snapshot{tuitest.Sick(), tuitest.Measured(), seen()} {
		m, _ := start(s, 200, 60)
		for range 7 {
			press(m, "t")
			if bad := marks.FindString(screen(m)); bad != "" {
				t.Fatalf("there is %q:\n%s", bad, screen(m))
			}
		}
	}
}

// Keys that a turned table has no use for say why, and change nothing.
func TestTurnedTablesSayWhyNot(t *testing.T) {
	t.Parallel()
	for k, why := range map[string]string{"p": "of what takes a SNAT port already", "a": "ALL FLOWS has the rest", "v": "A turned table has one pane", "tab": "enter goes on"} {
		m, _ := start(tuitest.Sick(), 200, 60)
		press(m, "t")
		press(m, k)
		wants(t, m, why, "by pod")
		press(m, "T")
		wants(t, m, "│", "❶ Node") // the second pane is where it was
	}
}
