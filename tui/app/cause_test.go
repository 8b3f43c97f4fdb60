package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

func TestCauseFromEachPage(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "d")
	wants(t, m, "❹ Cause", "leak · confidence high", "What to do", "Node: one http.Agent or https.Agent")
	press(m, "esc")
	wants(t, m, "❶ Node")
	press(m, "2", "j", "d")
	wants(t, m, "❹ Cause", tuitest.WideName+": none of it; what follows is about the node")
	press(m, "esc")
	wants(t, m, "❷ Pod", "shop/"+tuitest.WideName)
	press(m, "g", "3", "4")
	wants(t, m, "shop/"+tuitest.SickPod+": leak, confidence high")
	press(m, "3")
	wants(t, m, "❸ Connections", "processes of 20.60.1.9:443")
	press(m, "4", "1")
	wants(t, m, "❶ Node")
	if f := v.Focus(); !slices.Contains(f, tuitest.SickNode+" "+string(tuitest.SickKey)) || f[len(f)-1] != " " {
		t.Errorf("wishes for detail: %q", f)
	}
}

// What the cursor of the page is on is what is copied.
func TestCopyOfARemedy(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Measured(), 80, 24)
	press(m, "d")
	for i, want := range []string{
		"Give back what shop/checkout opens", "Let it keep a bounded pool", "kubectl --context prod-weu rollout restart -n shop deploy/checkout",
		"az aks update -g rg -n prod-weu --load-balancer-idle-timeout 4", "az aks update -g rg -n prod-weu --load-balancer-outbound-ports 2048",
	} {
		if i > 0 {
			press(m, "j")
		}
		fits(t, m)
		if got := fmt.Sprint(press(m, "y")()); !strings.HasPrefix(got, want) {
			t.Errorf("remedy %d: copied %q, want %q", i+1, got, want)
		}
		if s := screen(m); !strings.Contains(s, "▌") {
			t.Errorf("remedy %d is not on the screen:\n%s", i+1, s)
		}
	}
	press(m, "j", "j", "j", "j", "j", "j")
	wants(t, m, "Could not see")
	press(m, "g")
	wants(t, m, "leak · confidence high")
	m.Update(tea.MouseWheelMsg{X: 5, Y: 10, Button: tea.MouseWheelDown})
	fits(t, m)
	m.Update(tea.MouseClickMsg{X: 5, Y: 10, Button: tea.MouseLeft})
	fits(t, m)
}

func TestKnowOfCauses(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Measured(), 200, 60)
	press(m, "d", "x")
	wants(t, m, "How do you know? Causes on "+tuitest.SickNode, "ss -Htan state connected", "lastrcv and lastack", "leak: found, confidence high")
	press(m, "G")
	wants(t, m, "Three ways of counting", "1,021 used · 1,024 allocated")
}

func TestCauseOfWhatIsGone(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "2", "d")
	s := tuitest.Sick()
	s.Nodes[0].Owners = s.Nodes[0].Owners[1:]
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, "shop/"+tuitest.SickPod+" is gone or has closed its last connection; this is about its node.")
	s = tuitest.Sick()
	s.Nodes = s.Nodes[1:]
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, tuitest.SickNode+" is not in the cluster any more; esc goes back")
	press(m, "/")
	wants(t, m, "There are no rows to filter here.")
	press(m, "enter")
	wants(t, m, "y copies what is chosen")
	m, _ = start(&session.Snapshot{}, 80, 24)
	press(m, "d")
	wants(t, m, "There is no node to speak of.")
}

// The baseline is the picture on the screen, and is taken from any page.
func TestBaseline(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "space") // frozen: this picture, not the one that comes
	s := tuitest.Sick()
	s.Time = s.Time.Add(1e9)
	v.Set(s)
	m.Update(changedMsg{})
	press(m, "2", "b")
	wants(t, m, "❷ Pod", "Baseline of 12:04:31Z frozen; 5 compares with it.")
	if !m.proof.HasBaseline() {
		t.Fatal("there is no baseline")
	}
	press(m, "space", "b")
	wants(t, m, "Baseline of 12:04:32Z frozen in place of the one before")
	press(m, "5")
	wants(t, m, "❺ Proof")
	press(m, "esc")
	wants(t, m, "❷ Pod")
	press(m, "d", "5", "esc")
	wants(t, m, "❹ Cause")
	press(m, "esc")
	wants(t, m, "❷ Pod")
	m, _ = start(&session.Snapshot{}, 80, 24)
	press(m, "b")
	wants(t, m, "There is no picture to freeze yet.")
}

// From the proof, 4 goes back to the cause that was asked for, or asks.
func TestCauseFromTheProof(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "j", "5", "4")
	wants(t, m, "❹ Cause", "aks-np1-vmss000007")
	press(m, "5", "4")
	wants(t, m, "❹ Cause", "aks-np1-vmss000007")
	press(m, "esc")
	wants(t, m, "❶ Node")
}

// Figures of the cloud have a column of their own, and only where there are
// any.
func TestMeasuredColumn(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Measured(), 120, 40)
	wants(t, m, "MEASURED", "1,021")
	if line := lineWith(m, "aks-np1-vmss000004"); !strings.Contains(line, "—") {
		t.Errorf("a node that the cloud does not tell of: %q", line)
	}
	v.Set(tuitest.Sick())
	m.Update(changedMsg{})
	lacks(t, m, "MEASURED")
}
