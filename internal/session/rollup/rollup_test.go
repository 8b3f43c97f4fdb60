package rollup_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/internal/snat"
)

func dest(addr string, open, syn, cooling int) *session.Dest {
	ap := netip.MustParseAddrPort(addr)
	return &session.Dest{
		Dest: snat.Dest{Protocol: snat.TCP, IP: ap.Addr(), Port: ap.Port()}, Class: snat.NewClassifier().Classify(ap.Addr()),
		Established: open, SynSent: syn, Cooling: cooling,
	}
}

// owner builds an owner with the sums that a session makes.
func owner(namespace, name, workload string, limit int, dests ...*session.Dest) *session.Owner {
	o := &session.Owner{
		Key: session.Key(namespace + "/" + name), Namespace: namespace, Name: name, Known: true,
		Workload: session.Workload{Kind: "Deployment", Name: workload}, Listed: dests,
	}
	var loads []snat.Load
	for _, d := range dests {
		o.All += d.Open() + d.SynSent
		if !d.Eligible {
			continue
		}
		o.Open += d.Open()
		o.Trying += d.SynSent
		o.Cooling += d.Cooling
		d.Asks(snat.Timers{}, func(_ snat.Dest, l snat.Load) { loads = append(loads, l) })
	}
	o.Ports = snat.Bounds(loads, limit)
	return o
}

// node builds a node with the bounds that a session makes.
func node(name string, budget snat.Budget, owners ...*session.Owner) *session.Node {
	n := &session.Node{Name: name, State: session.StateStreaming, Collector: "diag", Budget: budget, Owners: owners}
	sums := map[snat.Dest]snat.Load{}
	for _, o := range owners {
		for _, d := range o.Dests() {
			d.Asks(snat.Timers{}, func(at snat.Dest, l snat.Load) { sums[at] = sums[at].Add(l) })
		}
	}
	var loads []snat.Load
	for _, l := range sums {
		loads = append(loads, l)
	}
	n.Ports = snat.Bounds(loads, budget.Limit())
	return n
}

func table(ports int) snat.Budget { return snat.Budget{Ports: ports, Source: snat.BudgetTable} }

const files, search = "20.60.1.9:443", "20.60.1.10:443"

func shop() *session.Snapshot {
	return &session.Snapshot{Nodes: []*session.Node{
		node("a", table(1024),
			owner("shop", "checkout-1", "checkout", 1024, dest(files, 600, 10, 20), dest("10.0.0.5:5432", 40, 0, 0)),
			owner("shop", "search-1", "search", 1024, dest(files, 100, 0, 0), dest(search, 50, 0, 0)),
			owner("ops", "backup-1", "backup", 1024, dest(files, 7, 0, 0)),
			owner("", "", "kubelet.service", 1024, dest(search, 1, 0, 0)),
		),
		node("b", table(128), owner("shop", "checkout-2", "checkout", 128, dest(files, 90, 0, 0), dest(search, 80, 0, 0))),
		{Name: "c", State: session.StateDenied},
	}}
}

// got is what a test says of a row.
type got struct {
	name               string
	ports              snat.Ports
	open, nodes, pods  int
	fullest            string
	where              string
	budget, estimateOn int
}

func rows(t *rollup.Table) []got {
	var out []got
	for _, r := range t.Rows {
		g := got{name: r.Name, ports: r.Ports, open: r.Open, nodes: r.Nodes, pods: r.Owners, where: r.Node.Name}
		if u := r.Fullest; u.Node != nil {
			g.fullest, g.budget, g.estimateOn = u.Node.Name, u.Budget, u.Ports.Estimate
		}
		out = append(out, g)
	}
	return out
}

func same(t *testing.T, what string, table *rollup.Table, want ...got) {
	t.Helper()
	have := rows(table)
	if fmt.Sprintf("%+v", have) != fmt.Sprintf("%+v", want) {
		t.Errorf("%s:\n have %+v\n want %+v", what, have, want)
	}
}

func TestPortsArePeaksOnANodeAndSumsOverNodes(t *testing.T) {
	t.Parallel()
	s := shop()
	same(t, "by namespace", rollup.Sum(s, rollup.Namespace, rollup.Scope{}),
		// On a: 700 to files (checkout and search share them), 50 to search; on b 90.
		got{"shop", snat.Ports{Min: 790, Estimate: 810, Max: 950}, 920, 2, 3, "a", "a", 1024, 720},
		got{"ops", snat.Ports{Min: 7, Estimate: 7, Max: 7}, 7, 1, 1, "a", "a", 1024, 7},
		got{"host", snat.Ports{Min: 1, Estimate: 1, Max: 1}, 1, 1, 1, "a", "a", 1024, 1},
	)
	same(t, "by workload", rollup.Sum(s, rollup.Workload, rollup.Scope{Node: "b"}),
		got{"shop/checkout", snat.Ports{Min: 90, Estimate: 90, Max: 170}, 170, 1, 1, "b", "b", 128, 90})
	same(t, "by destination", rollup.Sum(s, rollup.Dest, rollup.Scope{}),
		got{files + " tcp", snat.Ports{Min: 797, Estimate: 817, Max: 827}, 797, 2, 4, "a", "a", 1024, 727},
		got{search + " tcp", snat.Ports{Min: 131, Estimate: 131, Max: 131}, 131, 2, 3, "b", "b", 128, 80},
		got{name: "10.0.0.5:5432 tcp", nodes: 1, pods: 1, where: "a"},
	)
	tab := rollup.Sum(s, rollup.Node, rollup.Scope{})
	same(t, "by node", tab,
		got{"a", s.Nodes[0].Ports, 758, 1, 4, "a", "a", 1024, s.Nodes[0].Ports.Estimate},
		got{"b", s.Nodes[1].Ports, 170, 1, 1, "b", "b", 128, 90})
	if tab.Seen != 2 || tab.Nodes != 3 {
		t.Errorf("%d of %d nodes seen, want 2 of 3", tab.Seen, tab.Nodes)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	s := shop()
	member := func(by rollup.By, name string, scope rollup.Scope) rollup.Member {
		for _, r := range rollup.Sum(s, by, scope).Rows {
			if r.Name == name {
				return r.Member(by)
			}
		}
		t.Fatalf("no row %q", name)
		return rollup.Member{}
	}
	toFiles := rollup.Scope{Within: []rollup.Member{member(rollup.Dest, files+" tcp", rollup.Scope{})}}
	same(t, "who holds a destination", rollup.Sum(s, rollup.Pod, toFiles),
		got{"shop/checkout-1", snat.Ports{Min: 600, Estimate: 620, Max: 630}, 600, 1, 1, "a", "a", 1024, 620},
		got{"shop/search-1", snat.Ports{Min: 100, Estimate: 100, Max: 100}, 100, 1, 1, "a", "a", 1024, 100},
		got{"shop/checkout-2", snat.Ports{Min: 90, Estimate: 90, Max: 90}, 90, 1, 1, "b", "b", 128, 90},
		got{"ops/backup-1", snat.Ports{Min: 7, Estimate: 7, Max: 7}, 7, 1, 1, "a", "a", 1024, 7},
	)
	toFiles.Within = append(toFiles.Within, member(rollup.Workload, "shop/checkout", toFiles))
	same(t, "of a workload, to a destination, by node", rollup.Sum(s, rollup.Node, toFiles),
		got{"a", snat.Ports{Min: 600, Estimate: 620, Max: 630}, 600, 1, 1, "a", "a", 1024, 620},
		got{"b", snat.Ports{Min: 90, Estimate: 90, Max: 90}, 90, 1, 1, "b", "b", 128, 90},
	)
}

func TestASharedPoolIsOne(t *testing.T) {
	t.Parallel()
	pool := table(1000)
	pool.Shared = true
	s := &session.Snapshot{Nodes: []*session.Node{
		node("a", pool, owner("shop", "x-1", "x", 1000, dest(files, 300, 0, 0))),
		node("b", pool, owner("shop", "x-2", "x", 1000, dest(search, 200, 0, 0))),
	}}
	// The nodes take from one pool, in which different destinations share ports.
	same(t, "by workload", rollup.Sum(s, rollup.Workload, rollup.Scope{}),
		got{"shop/x", snat.Ports{Min: 300, Estimate: 300, Max: 500}, 500, 2, 2, "b", "a", 1000, 300})
}

func TestProcessesAndContainers(t *testing.T) {
	t.Parallel()
	d := dest(files, 30, 5, 12)
	d.Detailed = true
	d.Processes = []session.Process{
		{PID: 11, Command: "node server.js", Container: "app", Established: 20, SynSent: 5},
		{PID: 12, Command: "envoy", Container: "proxy", Established: 8},
	}
	s := &session.Snapshot{Nodes: []*session.Node{node("a", table(1024),
		owner("shop", "x-1", "x", 1024, d), owner("shop", "y-1", "y", 1024, dest(files, 9, 0, 3)),
	)}}
	for by, names := range map[rollup.By][2]string{rollup.Process: {"node server.js", "envoy"}, rollup.Container: {"app", "proxy"}} {
		same(t, by.String(), rollup.Sum(s, by, rollup.Scope{}),
			got{names[0], snat.Ports{Min: 20, Estimate: 20, Max: 25}, 20, 1, 1, "a", "a", 1024, 20},
			got{names[1], snat.Ports{Min: 8, Estimate: 8, Max: 8}, 8, 1, 1, "a", "a", 1024, 8},
			got{"not asked", snat.Ports{Min: 9, Estimate: 12, Max: 12}, 9, 1, 1, "a", "a", 1024, 12},
			got{"no process", snat.Ports{Min: 2, Estimate: 14, Max: 14}, 2, 1, 1, "a", "a", 1024, 14},
		)
	}
}

func TestSilentFlowsOfOneOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	d := dest(files, 30, 0, 0)
	d.Detailed, d.Silent = true, &session.Silence{0, 0, 25}
	d.Processes = []session.Process{{PID: 11, Command: "a", Established: 20}, {PID: 12, Command: "b", Established: 10}}
	s := &session.Snapshot{Timers: snat.Timers{Idle: 4 * 60e9}, Nodes: []*session.Node{node("a", table(1024), owner("shop", "x-1", "x", 1024, d))}}
	for _, r := range rollup.Sum(s, rollup.Process, rollup.Scope{}).Rows {
		if r.Ports.Min != 0 {
			t.Errorf("%s surely has %d ports, and yet its flows may be the silent ones", r.Name, r.Ports.Min)
		}
	}
}

func TestUnknownIsCounted(t *testing.T) {
	t.Parallel()
	s := shop()
	s.Nodes[0].Collector = "tcptracer" // sees no attempts
	r := rollup.Sum(s, rollup.Namespace, rollup.Scope{}).Rows[0]
	if r.Blind != 1 || r.Unrated != 2 || r.Nodes != 2 {
		t.Errorf("%d blind and %d without rates of %d nodes, want 1 and 2 of 2", r.Blind, r.Unrated, r.Nodes)
	}
}

func snapshots(t *rapid.T) *session.Snapshot {
	n := rapid.IntRange(0, 40)
	s := &session.Snapshot{}
	for i := range rapid.IntRange(0, 3).Draw(t, "nodes") {
		budget := table(rapid.SampledFrom([]int{8, 128}).Draw(t, "budget"))
		var owners []*session.Owner
		for j := range rapid.IntRange(0, 3).Draw(t, "owners") {
			var dests []*session.Dest
			for k := range rapid.IntRange(0, 3).Draw(t, "dests") {
				d := dest(fmt.Sprintf("20.0.0.%d:443", k), n.Draw(t, "open"), n.Draw(t, "syn"), n.Draw(t, "cooling"))
				if rapid.Bool().Draw(t, "behind") {
					d.Endpoints = []netip.AddrPort{netip.MustParseAddrPort("20.0.0.1:443"), netip.MustParseAddrPort("20.0.0.9:443")}
				}
				if rapid.Bool().Draw(t, "detailed") {
					d.Detailed = true
					d.Processes = []session.Process{{PID: j, Command: "x", Container: "app", Established: rapid.IntRange(0, d.Established).Draw(t, "of it")}}
				}
				dests = append(dests, d)
			}
			namespace := rapid.SampledFrom([]string{"shop", "ops"}).Draw(t, "namespace")
			owners = append(owners, owner(namespace, fmt.Sprintf("x-%d", j), "x", budget.Ports, dests...))
		}
		s.Nodes = append(s.Nodes, node(fmt.Sprint("n", i), budget, owners...))
	}
	return s
}

// TestEverySideAddsUp holds that no flow is lost or counted twice whichever way
// a table is turned, and that the ports worked out anew are the nodes' own.
func TestEverySideAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := snapshots(t)
		want := rollup.Row{}
		for _, n := range s.Nodes {
			for _, o := range n.Owners {
				want.Open += o.Open
				want.Trying += o.Trying
				want.Cooling += o.Cooling
				want.All += o.All
			}
		}
		for _, by := range rollup.All() {
			var sum rollup.Row
			for _, r := range rollup.Sum(s, by, rollup.Scope{}).Rows {
				sum.Open += r.Open
				sum.Trying += r.Trying
				sum.Cooling += r.Cooling
				sum.All += r.All
				if r.Ports.Min > r.Ports.Estimate || r.Ports.Estimate > r.Ports.Max {
					t.Fatalf("by %s: the bounds of %s cross: %+v", by, r.Name, r.Ports)
				}
			}
			if sum.Open != want.Open || sum.Trying != want.Trying || sum.Cooling != want.Cooling || sum.All != want.All {
				t.Fatalf("by %s: %+v, want %+v", by, sum, want)
			}
		}
		for _, n := range s.Nodes {
			for _, other := range rollup.Sum(s, rollup.Node, rollup.Scope{Node: n.Name, Within: []rollup.Member{{By: rollup.Node, Key: n.Name}}}).Rows {
				if other.Ports != n.Ports {
					t.Fatalf("worked out anew: %+v, the node's own %+v", other.Ports, n.Ports)
				}
			}
		}
	})
}
