package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// wants fails the test unless the screen holds every text.
func wants(t *testing.T, m *Model, texts ...string) {
	t.Helper()
	fits(t, m)
	s := screen(m)
	for _, text := range texts {
		if !strings.Contains(s, text) {
			t.Fatalf("the screen does not say %q:\n%s", text, s)
		}
	}
}

func lacks(t *testing.T, m *Model, text string) {
	t.Helper()
	if s := screen(m); strings.Contains(s, text) {
		t.Fatalf("the screen says %q:\n%s", text, s)
	}
}

func TestDrillDownAndBack(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	wants(t, m, "❶ Node", "② Pod", tuitest.SickNode+" is out of ports: 44 connections wait")
	press(m, "enter")
	wants(t, m, "❷ Pod", "prod-weu › "+tuitest.SickNode+" (10.224.0.7)", "host: kubelet.service", "deploy/search")
	press(m, "enter")
	wants(t, m, "❸ Connections", "processes of 20.60.1.9:443 tcp", "4711", "link-local")
	press(m, "esc")
	wants(t, m, "❷ Pod")
	press(m, "esc")
	wants(t, m, "❶ Node")
	press(m, "esc")
	wants(t, m, "This is the first page")
	want := []string{tuitest.SickNode + " " + string(tuitest.SickKey), " "}
	if got := v.Focus(); !slices.Equal(got, want) {
		t.Errorf("wishes for detail: %q, want %q", got, want)
	}
}

func TestStepKeys(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 80, 24)
	press(m, "3")
	wants(t, m, "❸ Connections", "20.60.1.9:443")
	press(m, "2")
	wants(t, m, "❷ Pod")
	press(m, "1")
	wants(t, m, "❶ Node")
	press(m, "j", "j", "3") // a denied node has no pods to open
	wants(t, m, "❷ Pod", "cannot see: pods \"exec\" is forbidden")
	if got := len(v.Focus()); got != 2 {
		t.Errorf("%d wishes for detail, want one and its end", got)
	}
}

func TestIdentitySurvivesNewPictures(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 120, 40)
	press(m, "3")
	s := tuitest.Sick()
	s.Nodes[0], s.Nodes[1] = s.Nodes[1], s.Nodes[0]
	slices.Reverse(s.Nodes[1].Owners)
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, tuitest.SickNode+" › shop/"+tuitest.SickPod, "20.60.1.9:443")

	s = tuitest.Sick()
	s.Nodes[0].Owners = s.Nodes[0].Owners[1:]
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, "shop/"+tuitest.SickPod+" is gone or has closed its last connection; esc goes back")
	press(m, "x")
	wants(t, m, "How do you know?")
	press(m, "esc", "esc")
	wants(t, m, "❷ Pod", "host: kubelet.service")

	s = tuitest.Sick()
	s.Nodes = s.Nodes[1:]
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, tuitest.SickNode+" is not in the cluster any more; esc goes back")
	press(m, "esc")
	wants(t, m, "❶ Node", "aks-np1-vmss000007")
}

func TestEmptyNodeAndProgress(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	wants(t, m, "connecting: waiting for the node pod to start", "waiting for its turn", "it runs windows, not Linux")
	press(m, "G", "enter")
	wants(t, m, "no pods with outbound connections on this node")
}

func TestFilterIsLiveAndEscTakesItBack(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "/")
	typeText(m, "win")
	wants(t, m, "/win · 1 of 10", "aks-win-vmss000000")
	lacks(t, m, "aks-np1-vmss000007")
	typeText(m, "q") // letters are text here, not keys
	wants(t, m, "nothing here matches \"winq\"")
	press(m, "backspace", "enter")
	wants(t, m, "/win · 1 of 10", "? help")
	press(m, "esc")
	wants(t, m, "aks-np1-vmss000007")
	press(m, "/")
	typeText(m, "000001 healthy")
	press(m, "esc")
	lacks(t, m, "/000001")
}

func TestPublicAndEligible(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "2")
	wants(t, m, "coredns")
	press(m, "p")
	wants(t, m, "public only")
	lacks(t, m, "coredns")
	press(m, "p", "a")
	wants(t, m, "eligible only")
	lacks(t, m, "coredns")
	press(m, "a", "enter")
	wants(t, m, "postgres")
	press(m, "a")
	lacks(t, m, "postgres")
	press(m, "a", "p")
	lacks(t, m, "metadata")
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	v := tuitest.NewView(tuitest.Sick())
	clock := tuitest.NewClock()
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	press(m, "space")
	wants(t, m, "FROZEN 12:04:31Z")
	v.Set(tuitest.Snapshot(2))
	m.Update(changedMsg{})
	clock.Advance(time.Hour)
	m.Update(secondMsg{})
	wants(t, m, "FROZEN 12:04:31Z", tuitest.SickNode, "1 stale ◌")
	press(m, "space")
	lacks(t, m, "FROZEN")
	lacks(t, m, tuitest.SickNode)
}

func TestStaleness(t *testing.T) {
	t.Parallel()
	v := tuitest.NewView(tuitest.Sick())
	clock := tuitest.NewClock()
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	wants(t, m, "● 12:04:31Z", "1 stale ◌", "◌ aks-np1-vmss000002")
	clock.Advance(5 * time.Second)
	_, cmd := m.Update(secondMsg{})
	wants(t, m, "◌ stale 5 s 12:04:31Z", "6 stale ◌", "has not reported for 5 s")
	if cmd == nil {
		t.Error("the clock stopped")
	}
}

func TestGoTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, want string }{
		{"10.224.0.11", "aks-np1-vmss000007 is close to its budget"},
		{" AKS-WIN-vmss000000 ", "aks-win-vmss000000: cannot see"},
		{tuitest.SickPod, "❷ Pod"},
		{"shop/search-5c4d9-1aa2b", "prod-weu › aks-np1-vmss000001 (10.224.0.5)"},
		{"10.244.3.17", "shop/" + tuitest.SickPod + " holds about"},
		{"40.1.1.1:587", "mailer-66b7-qqq1z"},
		{"2603:1020:201:10::10f", "login.example.net"},
		{"kubelet", "host: kubelet.service holds about"},
		{"checkout", "shop/" + tuitest.SickPod},
		{"no-such-thing", "searched 10 nodes by name and IP, 15 pods with connections"},
		{"aks-np1", "fits 7 places; this is the worst of them"},
	} {
		m, _ := start(tuitest.Sick(), 120, 40)
		press(m, ":")
		typeText(m, c.word)
		press(m, "enter")
		wants(t, m, c.want)
	}
}

func TestPasteGoesToANode(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 80, 24)
	press(m, "3")
	m.Update(tea.PasteMsg{Content: "\n  10.224.0.5\n10.224.0.6\n"})
	wants(t, m, "go to: 10.224.0.5")
	if c := m.View().Cursor; c == nil || c.Y != 23 {
		t.Errorf("the cursor is not in the prompt: %+v", c)
	}
	press(m, "enter")
	wants(t, m, "❶ Node", "aks-np1-vmss000001 is healthy")
	m.Update(tea.PasteMsg{Content: "\x1b[2J\x1b]0;x\x07evil\u202e" + strings.Repeat("y", 5000)})
	wants(t, m, "yyy")
}

func TestOverlaysCloseFirst(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 80, 24)
	press(m, "2", "/")
	typeText(m, "shop")
	press(m, "enter", "?")
	wants(t, m, "── Keys", "why and what to do", "all/eligible")
	press(m, "G")
	wants(t, m, "how do you know")
	press(m, "x")
	wants(t, m, "How do you know? shop/")
	press(m, "G", "g", "j", "esc")
	wants(t, m, "❷ Pod", "/shop · ")
	press(m, "esc")
	lacks(t, m, "/shop · ")
	wants(t, m, "❷ Pod")
	press(m, "esc")
	wants(t, m, "❶ Node")
}

func TestProblemAndHint(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Problem = "the API server\x1b[2J does not answer: pictures are from before"
	m, _ := start(s, 80, 24)
	wants(t, m, "! the API server does not answer")
	s.Problem = strings.Repeat("the API server at https://10.0.0.1 does not answer; ", 9)
	wants(t, m, "! the API server", "…", tuitest.SickNode)
	m = New(tuitest.NewView(&session.Snapshot{}), Options{NoColor: true, Hint: "No cluster? Try snattop local.", Now: tuitest.Now})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	wants(t, m, "No cluster? Try snattop local.", "no nodes yet")
}

func TestMouse(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 80, 24)
	m.Update(tea.MouseClickMsg{X: 5, Y: 5, Button: tea.MouseLeft})
	wants(t, m, "aks-np1-vmss000007 is close to its budget")
	m.Update(tea.MouseClickMsg{X: 12, Y: 1, Button: tea.MouseLeft})
	wants(t, m, "❷ Pod", "mailer")
	m.Update(tea.MouseClickMsg{X: 2, Y: 1, Button: tea.MouseLeft})
	wants(t, m, "❶ Node")
	m.Update(tea.MouseClickMsg{X: 2, Y: 3, Button: tea.MouseLeft})
	wants(t, m, "NODE▲")
	press(m, "3")
	m.Update(tea.MouseClickMsg{X: 20, Y: 17, Button: tea.MouseLeft}) // the lower pane
	m.Update(tea.MouseWheelMsg{X: 20, Y: 17, Button: tea.MouseWheelDown})
	fits(t, m)
}

func TestQuit(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"?", "q"}} {
		m, _ := start(tuitest.Sick(), 80, 24)
		cmd := press(m, keys...)
		if cmd == nil {
			t.Fatalf("%v: no command", keys)
		}
		if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%v does not quit", keys)
		}
	}
}

func TestPanes(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 200, 60)
	press(m, "3")
	wants(t, m, "│", "PROCESS", "curl -s")
	press(m, "j")
	wants(t, m, "no process could be told")
	press(m, "j")
	wants(t, m, "asking the node whose they are")
	press(m, "k", "k", "tab", "j")
	if got := m.dests.Copy(); !strings.HasPrefix(got, "PROCESS curl -s") {
		t.Errorf("the selected process is %q", got)
	}
}

// A hand-over is pointed out while it is recent, by the clock that was given.
func TestGapOfAHandover(t *testing.T) {
	t.Parallel()
	clock := tuitest.NewClock()
	s := tuitest.Sick()
	v := tuitest.NewView(s)
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	press(m, "j")
	wants(t, m, "↓ aks-np1-vmss000007", "1 gap ↓", "eBPF failed at 12:02:10Z, inet_diag since.")
	press(m, "enter")
	wants(t, m, "inet_diag since 12:02:10Z ↓ · node pod")
	press(m, "esc")

	// Ten minutes after it happened it is history, and stands in the evidence.
	s.Nodes[1].LastTick = tuitest.Now().Add(8 * time.Minute)
	clock.Advance(8 * time.Minute)
	m.Update(secondMsg{})
	lacks(t, m, "↓ aks")
	lacks(t, m, "gap ↓")
	lacks(t, m, "eBPF failed")
	press(m, "x", "G")
	wants(t, m, "12:02:10Z: eBPF failed, inet_diag took over")
}

func TestGapThatWasMended(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Nodes[1].Collector, s.Nodes[1].Handovers[0].From = "ebpf", ""
	m, _ := start(s, 120, 40)
	press(m, "j")
	wants(t, m, "↓ aks-np1-vmss000007", "the collector failed at 12:02:10Z, inet_diag took over, now eBPF.")
	press(m, "enter")
	wants(t, m, "eBPF · node pod · since 12:01:02Z")
}

// Columns that no collector of the node fills are not there.
func TestColumnsFollowTheCollector(t *testing.T) {
	t.Parallel()
	m, v := start(seen(), 120, 40)
	press(m, "enter")
	wants(t, m, "LIFE p50", "<8 ms")
	press(m, "enter")
	wants(t, m, "SYN-R/S", "RST/S", "LIFE p50", "0.25", "≥69 min", "processes of 20.60.1.9:443")
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	wants(t, m, "SYN-R/S", "RST/S", "LIFE p50", "│")

	s := seen()
	n := s.Nodes[0]
	n.Collector, n.Trouble, n.Lives = "tcptracer", nil, nil
	for _, o := range n.Owners {
		for _, d := range o.Dests() {
			d.Trouble = nil
		}
	}
	v.Set(s)
	m.Update(changedMsg{})
	wants(t, m, "LIFE p50", "tcptracer · node pod")
	lacks(t, m, "RST/S")
	if line := lineWith(m, "20.60.1.9:443 tcp"); strings.Count(line, "—") < 3 { // name, trying, failed
		t.Errorf("tcptracer does not see attempts: %q", line)
	}
	n.Collector = "diag"
	s.Version++
	v.Set(&session.Snapshot{Nodes: s.Nodes, Cluster: s.Cluster, Time: s.Time})
	m.Update(changedMsg{})
	lacks(t, m, "LIFE p50")
	wants(t, m, "inet_diag · node pod")
}

func lineWith(m *Model, text string) string {
	for line := range strings.Lines(screen(m)) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}
