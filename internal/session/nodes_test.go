package session_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// load makes a node's picture show so many open flows and waiting SYNs.
func (f *feed) load(node string, open, trying uint32) {
	f.full(node, wire.Tick{Owners: []wire.Owner{podOwner(1, "u-"+node)}, Rows: []wire.Row{to(1, 1, wire.Row{Established: open, SynSent: trying})}})
}

func names(pic *session.Snapshot) []string {
	var out []string
	for _, n := range pic.Nodes {
		out = append(out, n.Name)
	}
	return out
}

func TestNodesWorstFirst(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{SNATPorts: 128})
	var nodes inventory.Change
	for _, name := range []string{"win", "dark", "idle", "busy", "full", "fuller", "also-busy", "gone-dark"} {
		nodes.Nodes = append(nodes.Nodes, inventory.Node{Name: name, OS: "linux", Ready: true})
	}
	f.objects(nodes)
	for name, open := range map[string]uint32{"idle": 3, "busy": 110, "also-busy": 110, "full": 128, "fuller": 140, "gone-dark": 128} {
		f.streaming(name)
		f.load(name, open, 0)
	}
	f.state("win", session.NodeState{State: session.StateNotLinux, Error: "windows nodes are not looked at"})
	f.state("dark", session.NodeState{State: session.StateDenied, Error: "user jane cannot create pods"})
	f.state("gone-dark", session.NodeState{State: session.StateUnreachable, Error: "the node is not ready: KubeletNotReady"})
	pic := f.Snapshot()
	if want := []string{"fuller", "full", "also-busy", "busy", "gone-dark", "dark", "win", "idle"}; !slices.Equal(names(pic), want) {
		t.Errorf("%q, want %q", names(pic), want)
	}
	for name, want := range map[string]snat.Verdict{
		"fuller": snat.Exhausted, "busy": snat.Pressured, "gone-dark": snat.Unknown, "dark": snat.Unknown, "win": snat.Unknown, "idle": snat.Healthy,
	} {
		if got := pic.Node(name).Verdict; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for name, reason := range map[string]string{"win": "windows", "dark": "cannot create pods", "gone-dark": "KubeletNotReady"} {
		n := pic.Node(name)
		if len(n.Why) == 0 || !strings.Contains(n.Why[0], reason) {
			t.Errorf("%s: why %q, want %q", name, n.Why, reason)
		}
		if !slices.ContainsFunc(pic.Loss.NodesUnseen, func(u session.NodeUnseen) bool { return u.Node == name && strings.Contains(u.Reason, reason) }) {
			t.Errorf("%s is not among the unseen: %+v", name, pic.Loss.NodesUnseen)
		}
	}
	if len(pic.Loss.NodesUnseen) != 3 {
		t.Errorf("%+v", pic.Loss.NodesUnseen)
	}
	// What was seen before a node went dark stays on the screen.
	if n := pic.Node("gone-dark"); n.Open != 128 || !strings.Contains(n.Why[0], "old") {
		t.Errorf("%+v %q", n.Counts, n.Why)
	}
}

func TestNodeBeforeItsNumbers(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{SNATPorts: 128})
	f.objects(inventory.Change{Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4", OS: "linux", Ready: true}}})
	n := f.node(t, "n1")
	if n.State != session.StateWaiting || n.Verdict != snat.Unknown || !strings.Contains(n.Why[0], "waiting") || n.InternalIP != "10.0.0.4" {
		t.Errorf("%+v", n)
	}
	f.state("n1", session.NodeState{State: session.StateConnecting, Progress: "creating the node pod"})
	if n = f.node(t, "n1"); !strings.Contains(n.Why[0], "creating the node pod") {
		t.Errorf("why %q", n.Why)
	}
	f.state("n1", session.NodeState{State: session.StateStreaming, Rung: "node pod"})
	if n = f.node(t, "n1"); n.Rung != "node pod" || !n.LastTick.IsZero() || !n.Since.IsZero() {
		t.Errorf("%+v", n)
	}
	f.after(time.Second).load("n1", 1, 0)
	f.idle("n1", time.Second)
	if n = f.node(t, "n1"); !n.Since.Equal(epoch.Add(time.Second)) || !n.LastTick.Equal(epoch.Add(2*time.Second)) || n.Verdict != snat.Healthy {
		t.Errorf("%+v", n)
	}
	f.put(session.Event{Node: "n1", Bye: &wire.Bye{Reason: "taking a snapshot: no memory", Failed: true}})
	if n = f.node(t, "n1"); !strings.Contains(n.Error, "no memory") {
		t.Errorf("error %q", n.Error)
	}
}

func TestScopedNodeIsUnknownUnlessExhausted(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{SNATPorts: 128})
	f.state("n1", session.NodeState{State: session.StateStreaming, Scoped: []string{"shop/checkout-1"}})
	f.pod = "u1"
	for open, want := range map[uint32]snat.Verdict{1: snat.Unknown, 120: snat.Unknown, 128: snat.Exhausted} {
		f.load("n1", open, 0)
		n := f.node(t, "n1")
		if n.Verdict != want || !slices.Equal(n.Scoped, []string{"shop/checkout-1"}) {
			t.Errorf("%d flows: %s %q", open, n.Verdict, n.Why)
		}
		if want == snat.Unknown && !strings.Contains(n.Why[0], "some pods") {
			t.Errorf("why %q", n.Why)
		}
	}
}

func TestBudgetSources(t *testing.T) {
	t.Parallel()
	azure := func(n int) (c inventory.Change) {
		for i := range n {
			c.Nodes = append(c.Nodes, azureNode("n"+string(rune('a'+i/26))+string(rune('a'+i%26))))
		}
		return c
	}
	kind := inventory.Change{Nodes: []inventory.Node{{Name: "naa", ProviderID: "kind://docker/kind/worker"}}}
	labelled := inventory.Change{Nodes: []inventory.Node{{Name: "naa", Labels: map[string]string{inventory.LabelAzureCluster: "MC_x"}}}}
	for name, c := range map[string]struct {
		opts     session.Options
		told     snat.Provider
		objects  inventory.Change
		want     snat.Budget
		provider snat.Provider
	}{
		"flag over table":         {session.Options{SNATPorts: 64}, "", azure(1), snat.Budget{Ports: 64, Source: snat.BudgetFlag}, snat.ProviderAzureLB},
		"by its labels":           {session.Options{}, "", labelled, snat.Budget{Ports: 1024, Source: snat.BudgetTable}, snat.ProviderAzureLB},
		"table":                   {session.Options{}, "", azure(50), snat.Budget{Ports: 1024, Source: snat.BudgetTable}, snat.ProviderAzureLB},
		"table of the next tier":  {session.Options{}, "", azure(51), snat.Budget{Ports: 512, Source: snat.BudgetTable}, snat.ProviderAzureLB},
		"auto is no override":     {session.Options{Provider: snat.ProviderAuto}, "", azure(1), snat.Budget{Ports: 1024, Source: snat.BudgetTable}, snat.ProviderAzureLB},
		"another provider":        {session.Options{Provider: snat.ProviderAzureNATGW}, "", azure(1), snat.Budget{Source: snat.BudgetUnknown}, snat.ProviderAzureNATGW},
		"flag over a guess":       {session.Options{SNATPorts: 64, Provider: snat.ProviderAzureLB}, "", azure(51), snat.Budget{Ports: 64, Source: snat.BudgetFlag}, snat.ProviderAzureLB},
		"named for a home cloud":  {session.Options{Provider: snat.ProviderAzureLB}, "", kind, snat.Budget{Ports: 1024, Source: snat.BudgetTable}, snat.ProviderAzureLB},
		"unknown":                 {session.Options{}, "", kind, snat.Budget{Source: snat.BudgetUnknown}, snat.ProviderUnknown},
		"told by the source":      {session.Options{}, snat.ProviderGCPNAT, azure(1), snat.Budget{Source: snat.BudgetUnknown}, snat.ProviderGCPNAT},
		"the operator knows best": {session.Options{Provider: snat.ProviderAzureLB}, snat.ProviderGCPNAT, kind, snat.Budget{Ports: 1024, Source: snat.BudgetTable}, snat.ProviderAzureLB},
	} {
		f := newFeed(c.opts)
		f.objects(c.objects)
		f.streaming("naa")
		f.load("naa", 1, 0)
		f.Snapshot() // what the source tells of its provider holds for pictures made before
		f.put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "live", ServerVersion: "v1.36.3", Provider: c.told}})
		pic := f.Snapshot()
		got := pic.Node("naa").Budget
		if got.Note == "" {
			t.Errorf("%s: it does not say where the budget comes from", name)
		}
		if got.Note = ""; got != c.want || pic.Cluster.Provider != c.provider {
			t.Errorf("%s: %+v by %s, want %+v by %s", name, got, pic.Cluster.Provider, c.want, c.provider)
		}
		if v := pic.Node("naa").Verdict; (v == snat.Unknown) != !c.want.Known() {
			t.Errorf("%s: verdict %s", name, v)
		}
		if pic.Cluster.Context != "prod" || pic.Cluster.ServerVersion != "v1.36.3" || pic.Cluster.Source != "live" {
			t.Errorf("%s: %+v", name, pic.Cluster)
		}
	}
}

func TestTrend(t *testing.T) {
	t.Parallel()
	f := aks()
	f.load("n1", 1, 0)
	var want []int
	for i := range 400 {
		// A node that is not streaming has no trend of its own.
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: uint32(i)}}})
		n := f.node(t, "n1")
		if i%5 == 0 {
			want = append(want, i)
		}
		want = want[max(0, len(want)-60):]
		if !slices.Equal(n.Trend, want) {
			t.Fatalf("second %d: %v, want %v", i, n.Trend, want)
		}
	}
	f.state("n1", session.NodeState{State: session.StateUnreachable, Error: "x"})
	f.idle("n1", time.Minute)
	if n := f.node(t, "n1"); !slices.Equal(n.Trend, want) {
		t.Error("the trend goes on while nothing is seen")
	}
}

func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	f := aks()
	f.load("n1", 5, 0)
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n2")}, GoneNodes: []string{"n1"}})
	if got := names(f.Snapshot()); !slices.Equal(got, []string{"n2"}) {
		t.Fatalf("%q", got)
	}
	// Its runner's last words come late.
	f.state("n1", session.NodeState{State: session.StateUnreachable, Error: "no answer"})
	f.tick("n1", wire.Tick{})
	if got := names(f.Snapshot()); !slices.Equal(got, []string{"n2"}) {
		t.Fatalf("a late word brought it back: %q", got)
	}
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}})
	f.streaming("n1")
	f.load("n1", 1, 0)
	if n := f.node(t, "n1"); n.Open != 1 || n.State != session.StateStreaming {
		t.Errorf("its namesake: %+v", n)
	}
}

func TestWhatAProbeSaysOfItself(t *testing.T) {
	t.Parallel()
	f := aks()
	f.put(session.Event{Node: "n1", Hello: &wire.Hello{
		Collector: "procfs", Kernel: "6.8.0", IntervalMillis: 2000, Features: []wire.Feature{{Name: "diag", Answer: wire.No, Detail: "EPERM"}},
	}})
	f.full("n1", wire.Tick{
		Loss: wire.Loss{Events: 2, Destinations: 3, Namespaces: 1}, Cost: wire.Cost{WallNanos: 5, Sockets: 6, Namespaces: 7},
		Problems:  []string{"cannot enter a namespace"},
		Conntrack: []wire.Conntrack{{NetNS: 5, Count: 1, Max: 2}, {NetNS: 1, HostNetwork: true, Count: 40, Max: 100, Drop: 3}},
	})
	pic := f.Snapshot()
	n := pic.Node("n1")
	if n.Collector != "procfs" || n.Kernel != "6.8.0" || n.Interval != 2*time.Second || n.Features[0].Detail != "EPERM" || n.Problems[0] != "cannot enter a namespace" {
		t.Errorf("%+v", n)
	}
	if n.Loss != (wire.Loss{Events: 2, Destinations: 3, Namespaces: 1}) || n.Cost != (wire.Cost{WallNanos: 5, Sockets: 6, Namespaces: 7}) || pic.Loss.EventsLost != 2 {
		t.Errorf("%+v %+v %+v", n.Loss, n.Cost, pic.Loss)
	}
	if n.Conntrack == nil || n.Conntrack.Count != 40 || n.Conntrack.Drop != 3 {
		t.Errorf("%+v", n.Conntrack)
	}
	// A tick without the table has nothing new; a new start forgets it.
	f.idle("n1", time.Second)
	if n = f.node(t, "n1"); n.Conntrack == nil || len(n.Problems) != 0 {
		t.Errorf("%+v %q", n.Conntrack, n.Problems)
	}
	f.after(time.Second).full("n1", wire.Tick{})
	if n = f.node(t, "n1"); n.Conntrack != nil {
		t.Errorf("%+v", n.Conntrack)
	}
}
