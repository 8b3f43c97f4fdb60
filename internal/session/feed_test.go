package session_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// epoch is when every test begins; nothing here reads a clock.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const tcp, udp = uint8(snat.TCP), uint8(snat.UDP)

// feed tells a session events at times of its own.
type feed struct {
	*session.Session
	now time.Time
	// pod is the scope of the stream that ticks are told on.
	pod string
}

func newFeed(opts session.Options) *feed { return &feed{Session: session.New(opts), now: epoch} }

// aks is a session with one streaming node of an Azure cluster and its pods.
func aks(pods ...inventory.Pod) *feed {
	f := newFeed(session.Options{})
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}, Pods: pods})
	f.streaming("n1")
	return f
}

func azureNode(name string) inventory.Node {
	return inventory.Node{Name: name, ProviderID: "azure:///subscriptions/S/x", OS: "linux", Ready: true}
}

func (f *feed) after(d time.Duration) *feed {
	f.now = f.now.Add(d)
	return f
}

func (f *feed) put(e session.Event) {
	e.Time = f.now
	f.Put(e)
}

func (f *feed) objects(c inventory.Change) { f.put(session.Event{Objects: &c}) }

func (f *feed) state(node string, st session.NodeState) {
	f.put(session.Event{Node: node, PodUID: f.pod, State: &st})
}

func (f *feed) streaming(node string) { f.streamingBy(node, "diag") }

func (f *feed) streamingBy(node, collector string) {
	f.state(node, session.NodeState{State: session.StateStreaming, Rung: "node pod"})
	f.put(session.Event{Node: node, PodUID: f.pod, Hello: &wire.Hello{Collector: collector, Kernel: "6.8", IntervalMillis: 1000}})
}

// full tells a first tick, tick one that covers the second before it.
func (f *feed) full(node string, t wire.Tick) {
	t.Full = true
	f.put(session.Event{Node: node, PodUID: f.pod, Tick: &t})
}

func (f *feed) tick(node string, t wire.Tick) {
	t.ElapsedNanos = int64(time.Second)
	f.put(session.Event{Node: node, PodUID: f.pod, Tick: &t})
}

// idle lets time pass with a tick that says nothing.
func (f *feed) idle(node string, d time.Duration) { f.after(d).tick(node, wire.Tick{}) }

func (f *feed) node(t testing.TB, name string) *session.Node {
	t.Helper()
	n := f.Snapshot().Node(name)
	if n == nil {
		t.Fatalf("there is no node %q", name)
	}
	return n
}

// only returns the only owner of a node.
func (f *feed) only(t testing.TB, name string) *session.Owner {
	t.Helper()
	n := f.node(t, name)
	if len(n.Owners) != 1 {
		t.Fatalf("%s has owners %q, want one", name, titles(n))
	}
	return n.Owners[0]
}

func titles(n *session.Node) []string {
	var out []string
	for _, o := range n.Owners {
		out = append(out, o.Title())
	}
	return out
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func ips(list ...string) []netip.Addr {
	out := make([]netip.Addr, 0, len(list))
	for _, s := range list {
		out = append(out, ip(s))
	}
	return out
}

func podOwner(id uint32, uid string) wire.Owner {
	return wire.Owner{ID: id, NetNS: uint64(id) + 4_026_530_000, PodUID: uid}
}

// to is a row's destination: 20.60.1.9:443 unless it is said otherwise.
func to(id, owner uint32, r wire.Row) wire.Row {
	r.ID, r.Owner, r.Protocol = id, owner, max(r.Protocol, tcp)
	if !r.IP.IsValid() {
		r.IP = ip("20.60.1.9")
	}
	if r.Port == 0 {
		r.Port = 443
	}
	return r
}

func podOf(uid, name string) inventory.Pod {
	return inventory.Pod{
		UID: uid, Namespace: "shop", Name: name, Node: "n1", Phase: "Running",
		Workload: inventory.Workload{Kind: "Deployment", Name: "checkout"},
	}
}
