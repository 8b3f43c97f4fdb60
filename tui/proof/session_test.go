package proof_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/tuitest"
)

// fed is a session that is told of one node, once a second.
type fed struct {
	s    *session.Session
	at   time.Time
	full bool
	row  wire.Row
}

func newFed() *fed {
	f := &fed{
		s: session.New(session.Options{Provider: snat.ProviderAzureLB}), at: tuitest.Now(), full: true,
		row: wire.Row{ID: 1, Owner: 1, Protocol: 6, IP: netip.MustParseAddr("20.60.1.9"), Port: 443},
	}
	deploy := inventory.Workload{Kind: "Deployment", Name: "checkout"}
	f.put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "live"}})
	f.put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{{Name: "node1", InternalIP: "10.0.0.4", OS: "linux", Ready: true}},
		Pods:  []inventory.Pod{{UID: "u1", Namespace: "shop", Name: "checkout-1", Node: "node1", Workload: deploy}, {UID: "u2", Namespace: "shop", Name: "checkout-2", Node: "node1", Workload: deploy}},
	}})
	f.put(session.Event{Node: "node1", State: &session.NodeState{State: session.StateStreaming}})
	f.put(session.Event{Node: "node1", Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
	return f
}

func (f *fed) put(e session.Event) { e.Time = f.at; f.s.Put(e) }

// run lets a pod open and close so many connections a second, and keep so
// many, for so many seconds.
func (f *fed) run(pod uint32, churn, kept uint32, seconds int) page.Picture {
	var pic *session.Snapshot
	for range seconds {
		f.at = f.at.Add(time.Second)
		row := f.row
		row.ID, row.Owner, row.Established, row.Opens, row.Closes = pod, pod, kept, churn, churn
		tick := wire.Tick{ElapsedNanos: 1e9, Full: f.full, Rows: []wire.Row{row}}
		if f.full {
			tick.Owners = []wire.Owner{{ID: 1, PodUID: "u1"}, {ID: 2, PodUID: "u2"}}
			row.Opens, row.Closes = 0, 0
			f.full = false
		}
		f.put(session.Event{Node: "node1", Tick: &tick})
		pic = f.s.Snapshot()
	}
	return page.Picture{Snap: pic, Now: f.at}
}

// quit says that a pod is gone.
func (f *fed) quit(pod uint32) {
	f.put(session.Event{Node: "node1", Tick: &wire.Tick{ElapsedNanos: 1e6, GoneRows: []uint32{pod}}})
}

// What an operator sees who takes a baseline, rolls out a fix and waits.
func TestThroughASession(t *testing.T) {
	t.Parallel()
	f := newFed()
	p := newPage(160, 20, true)
	see := func(pic page.Picture) (sentence, rows string) {
		p.SetPicture(pic)
		return p.Sentence(500), ansi.Strip(p.View())
	}
	// Three connections a second, each closed at once: 720 ports are held.
	p.SetBaseline(f.run(1, 3, 3, 600))
	s, rows := see(f.run(1, 3, 3, 300))
	if !strings.HasPrefix(s, "The same within noise") || strings.Contains(rows, "▲ more") {
		t.Errorf("nothing has changed: %s\n%s", s, rows)
	}
	// The fix: another pod, which keeps nine connections.
	f.quit(1)
	if s, _ = see(f.run(2, 0, 9, 20)); strings.HasPrefix(s, "Less") {
		t.Errorf("20 s after the fix: %s", s)
	}
	s, rows = see(f.run(2, 0, 9, 400))
	if !strings.HasPrefix(s, "Less, beyond noise: ports in use of node1 ~") || !strings.Contains(s, "→ ~9 (−99 %)") || strings.Contains(s, "Early") {
		t.Errorf("7 min after the fix: %s\n%s", s, rows)
	}
	for _, want := range []string{"shop/checkout ", "workload"} {
		if !strings.Contains(rows, want) {
			t.Errorf("no %q in\n%s", want, rows)
		}
	}
	if !strings.Contains(s, "new connections fell as well") {
		t.Errorf("no word on traffic: %s", s)
	}
	// And back again.
	p.SetBaseline(f.run(2, 0, 9, 1))
	if s, rows = see(f.run(2, 3, 9, 400)); !strings.HasPrefix(s, "More, beyond noise: ports in use of node1 ~9 → ~") {
		t.Errorf("after a relapse: %s\n%s", s, rows)
	}
}
