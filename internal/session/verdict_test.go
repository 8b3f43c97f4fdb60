package session_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// watched is a node of so many ports that has been watched for long enough.
func watched(ports int, collector string, rows ...wire.Row) *feed {
	f := newFeed(session.Options{Provider: snat.ProviderAzureLB, SNATPorts: ports, Timers: snat.Timers{FIN: 60 * time.Second, HalfOpen: 30 * time.Second}})
	f.streamingBy("n1", collector)
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: rows})
	f.idle("n1", 10*time.Minute)
	return f
}

// seconds lets n seconds pass, each with the same tick, and a look.
func (f *feed) seconds(n int, rows ...wire.Row) {
	for range n {
		f.after(time.Second).tick("n1", wire.Tick{Rows: rows})
		f.Snapshot()
	}
}

func TestVerdictFollowsTheFullDestination(t *testing.T) {
	t.Parallel()
	attempts := wire.Row{ID: 2, SynSent: 12, SynRetrans: 6}
	for name, c := range map[string]struct {
		collector string
		full      int // open flows to the first destination, of 128
		rows      []wire.Row
		want      snat.Verdict
		waiting   int
	}{
		"SYNs wait where the block is used up":           {"ebpf", 126, []wire.Row{{ID: 1, Established: 126, SynSent: 12, SynRetrans: 6}}, snat.Exhausted, 12},
		"and by a collector that lists":                  {"diag", 126, []wire.Row{{ID: 1, Established: 126, SynSent: 12}}, snat.Exhausted, 12},
		"SYNs wait elsewhere, and there are ports":       {"ebpf", 40, []wire.Row{attempts}, snat.NotSNAT, 12},
		"SYNs wait elsewhere, on a node under pressure":  {"ebpf", 126, []wire.Row{attempts}, snat.Pressured, 12},
		"SYNs are on their way, not waiting":             {"ebpf", 126, []wire.Row{{ID: 1, Established: 126, SynSent: 12, Opens: 60, Closes: 60}}, snat.Pressured, 0},
		"SYNs are sent again ever more seldom":           {"ebpf", 40, []wire.Row{{ID: 2, SynSent: 12}}, snat.NotSNAT, 12},
		"a busy destination always has some on the way":  {"diag", 126, []wire.Row{{ID: 1, Established: 126, SynSent: 12, Opens: 60, Closes: 60}}, snat.Pressured, 0},
		"programs that give up quickly never look stuck": {"ebpf", 126, []wire.Row{{ID: 1, Established: 126, Fails: 9, TimedOut: 9}}, snat.Exhausted, 0},
		"nobody waits": {"ebpf", 100, []wire.Row{{ID: 1, Established: 100}}, snat.Healthy, 0},
	} {
		f := watched(128, c.collector, to(1, 1, wire.Row{Established: uint32(c.full)}), to(2, 1, wire.Row{IP: ip("20.60.1.11"), Port: 81, Established: 1}))
		f.seconds(5, c.rows...)
		n := f.node(t, "n1")
		if n.Verdict != c.want || n.Waiting != c.waiting {
			t.Errorf("%s: %s %q with %d waiting, want %s with %d", name, n.Verdict, n.Why, n.Waiting, c.want, c.waiting)
		}
		if n.Verdict == snat.Exhausted && (n.FullIn == nil || *n.FullIn != 0) || (n.Verdict == snat.Exhausted) != (len(n.Full) > 0) {
			t.Errorf("%s: %s, full in %v, full are %v", name, n.Verdict, n.FullIn, n.Full)
		}
	}
}

// What waits is called within four seconds of the first SYN that got no port.
func TestExhaustionIsCalledSoon(t *testing.T) {
	t.Parallel()
	f := watched(128, "ebpf", to(1, 1, wire.Row{Established: 127}))
	f.seconds(1, wire.Row{ID: 1, Established: 127, SynSent: 1})
	if n := f.node(t, "n1"); n.Verdict != snat.Pressured {
		t.Fatalf("with one on its way: %s", n.Verdict)
	}
	f.seconds(3, wire.Row{ID: 1, Established: 127, SynSent: 3, SynRetrans: 1})
	if n := f.node(t, "n1"); n.Verdict != snat.Exhausted {
		t.Errorf("four seconds later: %s %q, %d wait", n.Verdict, n.Why, n.Waiting)
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leak, churn int // connections a second
		late        int // seconds before the leak begins
		want        time.Duration
		never       bool
	}{
		"a leak":                      {leak: 5, want: (1024 - 300 - 60*5) * time.Second / 5},
		"churn that fits":             {churn: 5, never: true},
		"a leak beneath churn":        {leak: 2, churn: 8, want: (1024 - 300 - 120 - 480) * time.Second / 2},
		"nothing that happens":        {never: true},
		"churn that will be too much": {churn: 40, want: 0},
	} {
		f := watched(1024, "ebpf", to(1, 1, wire.Row{Established: 300}))
		open := 300
		for i := range 60 {
			leak := c.leak
			if i < c.late {
				leak = 0
			}
			open += leak
			f.seconds(1, wire.Row{ID: 1, Established: uint32(open), Opens: uint32(leak + c.churn), Closes: uint32(c.churn)})
		}
		n := f.node(t, "n1")
		switch {
		case c.never && n.FullIn != nil:
			t.Errorf("%s: full in %s", name, n.FullIn)
		case !c.never && n.FullIn == nil:
			t.Errorf("%s: never full; %+v", name, n.Counts)
		case !c.never && math.Abs(n.FullIn.Seconds()-c.want.Seconds()) > 0.05*c.want.Seconds()+1:
			t.Errorf("%s: full in %s, want %s", name, n.FullIn, c.want)
		}
	}
}

// A burst that is over goes nowhere, however many ports it left held.
func TestForecastOfABurst(t *testing.T) {
	t.Parallel()
	f := watched(1024, "ebpf", to(1, 1, wire.Row{Established: 0}))
	f.seconds(3, wire.Row{ID: 1, Established: 100, Opens: 100})
	f.seconds(10, wire.Row{ID: 1, Established: 300})
	f.seconds(3, wire.Row{ID: 1, Closes: 100})
	for range 40 {
		f.seconds(1)
		if n := f.node(t, "n1"); n.FullIn != nil {
			t.Fatalf("full in %s, with %+v", n.FullIn, n.Ports)
		}
	}
}

// Who gets no local port asks nobody, and so is not without an answer.
func TestNoLocalPortIsNoAttempt(t *testing.T) {
	t.Parallel()
	f := watched(1024, "ebpf", to(1, 1, wire.Row{Established: 5}))
	f.seconds(10, wire.Row{ID: 1, Established: 5, Fails: 20, NoPort: 20})
	if n := f.node(t, "n1"); n.Verdict != snat.Healthy || n.Ports.Max != 5 {
		t.Errorf("%s %q, %+v", n.Verdict, n.Why, n.Ports)
	}
	f.seconds(10, wire.Row{ID: 1, Established: 5, Fails: 20, TimedOut: 20})
	if n := f.node(t, "n1"); n.Verdict != snat.NotSNAT {
		t.Errorf("%s %q", n.Verdict, n.Why)
	}
}

// A single tick tells what is there, not where it goes.
func TestForecastWantsTime(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{Provider: snat.ProviderAzureLB})
	f.streaming("n1")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 900, Opens: 900})}})
	if n := f.node(t, "n1"); n.FullIn != nil {
		t.Errorf("full in %s", n.FullIn)
	}
	f = watched(0, "diag", to(1, 1, wire.Row{Established: 900}))
	f.Put(session.Event{Time: f.now, Cluster: &session.ClusterInfo{Context: "x"}})
	f.seconds(20, wire.Row{ID: 1, Established: 900, Opens: 9})
	if n := f.node(t, "n1"); !n.Budget.Known() && n.FullIn != nil {
		t.Errorf("full in %s without a budget", n.FullIn)
	}
}

func reading(allocated, used, failed int) *cloud.Reading {
	return &cloud.Reading{
		Provider: snat.ProviderAzureLB, Source: "Azure Monitor",
		Nodes: []cloud.NodeReading{{IP: "10.224.0.5", TCP: cloud.Usage{Allocated: &allocated, Used: &used, Failed: &failed, Lost: "connections"}}},
	}
}

func TestWhatTheCloudMeasures(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	n := azureNode("n1")
	n.InternalIP = "10.224.0.5"
	f.objects(inventory.Change{Nodes: []inventory.Node{n}})
	f.streaming("n1")
	f.load("n1", 100, 0)
	if b := f.node(t, "n1").Budget; b.Ports != 1024 || b.Source != snat.BudgetTable {
		t.Fatalf("before the cloud has told: %+v", b)
	}
	f.put(session.Event{Cloud: reading(1024, 130, 0)})
	got := f.node(t, "n1")
	if got.Budget.Ports != 1024 || got.Budget.Source != snat.BudgetMeasured || got.Measured == nil || *got.Measured.TCP.Used != 130 || got.BudgetWas != nil {
		t.Fatalf("%+v, measured %+v, was %+v", got.Budget, got.Measured, got.BudgetWas)
	}
	// Scale-out takes half of it away.
	f.after(time.Minute).put(session.Event{Cloud: reading(512, 130, 3)})
	got = f.node(t, "n1")
	if got.Budget.Ports != 512 || got.BudgetWas == nil || got.BudgetWas.From.Ports != 1024 || got.BudgetWas.To.Ports != 512 || !got.BudgetWas.At.Equal(f.now) {
		t.Errorf("%+v, was %+v", got.Budget, got.BudgetWas)
	}
}

// The cloud's word on failures counts, whichever protocol it gives them for.
func TestCloudSeesWhatWeDoNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failed, both int
		want         snat.Verdict
	}{
		"of TCP": {7, 0, snat.Exhausted}, "of both together": {-1, 7, snat.Exhausted}, "none": {0, 0, snat.Pressured}, "not told": {-1, -1, snat.Pressured},
	} {
		f := newFeed(session.Options{Provider: snat.ProviderAzureLB})
		n := azureNode("n1")
		n.InternalIP = "10.224.0.5"
		f.objects(inventory.Change{Nodes: []inventory.Node{n}})
		f.streamingBy("n1", "ebpf")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 10})}})
		r := reading(128, 127, c.failed)
		if c.failed < 0 {
			r.Nodes[0].TCP.Failed = nil
		}
		if c.both >= 0 {
			r.Nodes[0].Both.Failed = &c.both
		}
		f.put(session.Event{Cloud: r})
		f.seconds(5, wire.Row{ID: 1, Established: 10, SynSent: 3, SynRetrans: 1})
		if got := f.node(t, "n1"); got.Verdict != c.want {
			t.Errorf("%s: %s %q, want %s", name, got.Verdict, got.Why, c.want)
		}
	}
}

func TestProfileDecidesWithoutMetrics(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{SNATPorts: 2048})
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}})
	f.streaming("n1")
	f.load("n1", 100, 0)
	f.put(session.Event{Cloud: &cloud.Reading{
		Provider: snat.ProviderAzureLB, Profile: &cloud.Profile{Outbound: "loadBalancer", PortsPerNode: 4096, IPs: 2, IdleTimeout: 7 * time.Minute},
		Problems: []cloud.Problem{{What: "metrics", Sentence: "no right\x1b[2J to read them"}},
	}})
	pic := f.Snapshot()
	b := pic.Node("n1").Budget
	if b.Ports != 4096 || b.Source != snat.BudgetTable || !strings.Contains(b.Note, "--snat-ports says 2,048") {
		t.Errorf("%+v", b)
	}
	if pic.Timers.Idle != 7*time.Minute || pic.Timers.FIN != 240*time.Second {
		t.Errorf("%+v", pic.Timers)
	}
	if got := pic.Cloud.Problems[0].Sentence; strings.ContainsRune(got, 0x1b) {
		t.Errorf("%q", got)
	}
}

// Behind a NAT gateway all nodes take from one pool.
func TestSharedPool(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1"), azureNode("n2"), azureNode("n3")}})
	f.put(session.Event{Cloud: &cloud.Reading{Provider: snat.ProviderAzureNATGW, Profile: &cloud.Profile{Outbound: "managedNATGateway", IPs: 1}}})
	for i, name := range []string{"n1", "n2", "n3"} {
		f.streamingBy(name, "ebpf")
		dest := "20.60.1.9"
		if name == "n3" {
			dest = "20.60.1.10"
		}
		f.full(name, wire.Tick{Owners: []wire.Owner{podOwner(1, name)}, Rows: []wire.Row{to(1, 1, wire.Row{IP: ip(dest), Established: uint32(24_400 + 300*i)})}})
	}
	for range 5 {
		f.after(time.Second)
		for _, name := range []string{"n1", "n2", "n3"} {
			row := wire.Row{ID: 1, Established: 24_700}
			if name == "n1" {
				row = wire.Row{ID: 1, Established: 24_400, SynSent: 5, SynRetrans: 3}
			}
			f.tick(name, wire.Tick{Rows: []wire.Row{row}})
		}
		f.Snapshot()
	}
	pic := f.Snapshot()
	for name, want := range map[string]snat.Verdict{"n1": snat.Exhausted, "n2": snat.Pressured, "n3": snat.Healthy} {
		n := pic.Node(name)
		if !n.Budget.Shared || n.Budget.Ports != 64_512 || n.Budget.Limit() != 50_000 {
			t.Fatalf("%s: %+v", name, n.Budget)
		}
		if n.Verdict != want {
			t.Errorf("%s: %s %q, want %s", name, n.Verdict, n.Why, want)
		}
		if n.Ports.Estimate > 25_000 {
			t.Errorf("%s: %+v: its numbers are its own", name, n.Ports)
		}
	}
}

// A flow that has been silent for longer than the idle timeout has lost its
// port.
func TestSilenceLosesPorts(t *testing.T) {
	t.Parallel()
	for idle, want := range map[time.Duration]snat.Ports{
		4 * time.Minute:  {Min: 55, Estimate: 60, Max: 100}, // 40 for 4 minutes and more, 5 on the edge of it
		5 * time.Minute:  {Min: 60, Estimate: 90, Max: 100}, // 30 of them may have been
		30 * time.Minute: {Min: 90, Estimate: 100, Max: 100},
		60 * time.Minute: {Min: 100, Estimate: 100, Max: 100},
		0:                {Min: 90, Estimate: 100, Max: 100}, // the cluster's default of 30 minutes
	} {
		f := newFeed(session.Options{Provider: snat.ProviderAzureLB, Timers: snat.Timers{Idle: idle}})
		f.streamingBy("n1", "ebpf")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 100, Silent: []uint32{5, 5, 30, 0, 10}}),
		}})
		f.idle("n1", 10*time.Minute)
		n := f.node(t, "n1")
		if n.Silent == nil || n.Silent.Sum() != 50 {
			t.Fatalf("%v", n.Silent)
		}
		if n.Ports != want {
			t.Errorf("idle timeout %s: %+v, want %+v", idle, n.Ports, want)
		}
	}
}

func TestConntrackLoss(t *testing.T) {
	t.Parallel()
	f := watched(1024, "ebpf", to(1, 1, wire.Row{Established: 5}))
	if n := f.node(t, "n1"); n.ConntrackLost != nil {
		t.Fatalf("%+v without a table", n.ConntrackLost)
	}
	table := func(drop uint64) []wire.Conntrack {
		return []wire.Conntrack{{NetNS: 9, Drop: 7000}, {NetNS: 1, HostNetwork: true, Count: 100, Max: 128, Drop: drop}}
	}
	for i := range 10 {
		f.after(time.Second).tick("n1", wire.Tick{Conntrack: table(1000 + uint64(i)*20), Rows: []wire.Row{{ID: 1, Established: 5, SynSent: 4, SynRetrans: 2}}})
		f.Snapshot()
	}
	n := f.node(t, "n1")
	if n.ConntrackLost == nil || math.Abs(n.ConntrackLost.Drop-20) > 2 || n.Conntrack.Count != 100 {
		t.Errorf("%+v of %+v", n.ConntrackLost, n.Conntrack)
	}
	if n.Verdict != snat.NotSNAT || !strings.Contains(n.Why[0], "connection tracking") {
		t.Errorf("%s %q", n.Verdict, n.Why)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	f := watched(1024, "ebpf", to(1, 1, wire.Row{Established: 100}))
	for i := range 120 {
		f.seconds(1, wire.Row{ID: 1, Established: uint32(100 + 20*(i%2)), Opens: 20})
	}
	n := f.node(t, "n1")
	o := n.Owners[0]
	for name, l := range map[string]session.Level{"node": n.Levels.Open, "owner": o.Levels.Open, "destination": o.Dests()[0].Levels.Open, "ports": n.Levels.Ports} {
		if math.Abs(l.Mean-110) > 1 || math.Abs(l.SD-10) > 1 || l.Over < 100*time.Second {
			t.Errorf("%s: %+v, want 110 ± 10", name, l)
		}
	}
	if o.Dests()[0].Levels.Ports != (session.Level{}) {
		t.Errorf("a destination has no ports of its own: %+v", o.Dests()[0].Levels.Ports)
	}
	if l := n.Levels.Opens; math.Abs(l.Mean-20) > 1 || l.SD > 4 {
		t.Errorf("opens: %+v, want 20", l)
	}
	if len(n.OpenTrend) != 24 || len(o.Dests()[0].OpenTrend) != 24 {
		t.Errorf("trends of %d and %d values", len(n.OpenTrend), len(o.Dests()[0].OpenTrend))
	}
}

// A recording shows the same elsewhere, unless the operator there knows better.
func TestSettings(t *testing.T) {
	t.Parallel()
	made := session.Options{
		Provider: snat.ProviderAzureLB, SNATPorts: 128, Timers: snat.Timers{FIN: 20 * time.Second},
		Private: []snat.Range{{Prefix: netip.MustParsePrefix("20.60.1.9/32"), Why: "--private-cidr"}},
	}.Settings()
	hostile := session.Settings{SNATPorts: -9, Timers: snat.Timers{FIN: -time.Hour, Idle: 1 << 62}, Private: make([]session.PrivateRange, 50_000)}
	for name, c := range map[string]struct {
		now  session.Options
		told session.Settings
		want snat.Budget
		fin  time.Duration
		why  string
	}{
		"as it was made":             {session.Options{}, made, snat.Budget{Ports: 128, Source: snat.BudgetFlag}, 20 * time.Second, "--private-cidr"},
		"the operator knows better":  {session.Options{SNATPorts: 64, Timers: snat.Timers{FIN: time.Minute}}, made, snat.Budget{Ports: 64, Source: snat.BudgetFlag}, time.Minute, "--private-cidr"},
		"a file that says anything":  {session.Options{Provider: snat.ProviderAzureLB}, hostile, snat.Budget{Ports: 1024, Source: snat.BudgetTable}, 240 * time.Second, ""},
		"a recording of before that": {session.Options{Provider: snat.ProviderAzureLB}, session.Settings{}, snat.Budget{Ports: 1024, Source: snat.BudgetTable}, 240 * time.Second, ""},
	} {
		f := newFeed(c.now)
		f.put(session.Event{Settings: &c.told})
		f.streaming("n1")
		f.load("n1", 5, 0)
		pic := f.Snapshot()
		b := pic.Node("n1").Budget
		b.Note = ""
		if b != c.want || pic.Timers.FIN != c.fin || pic.Node("n1").Owners[0].Dests()[0].WhyNot != c.why {
			t.Errorf("%s: %+v, FIN %s, %+v", name, b, pic.Timers.FIN, pic.Node("n1").Owners[0].Dests()[0].Class)
		}
	}
}

// A way out that is somebody else's device has no ports that we know of, and
// what was read of one way out says nothing of another.
func TestProfileOfAnotherWayOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts session.Options
		told cloud.Reading
		want snat.Provider
		n    int
	}{
		"a route to a firewall": {
			session.Options{}, cloud.Reading{Provider: snat.ProviderUnknown, Profile: &cloud.Profile{Outbound: "userDefinedRouting", IPs: 1}}, snat.ProviderUnknown, 0,
		},
		"nothing could be read":        {session.Options{}, cloud.Reading{Provider: snat.ProviderUnknown}, snat.ProviderAzureLB, 1024},
		"the operator names another":   {session.Options{Provider: snat.ProviderAzureLB}, cloud.Reading{Provider: snat.ProviderAzureNATGW, Profile: &cloud.Profile{Outbound: "managedNATGateway", IPs: 16}}, snat.ProviderAzureLB, 1024},
		"several addresses by default": {session.Options{}, cloud.Reading{Provider: snat.ProviderAzureLB, Profile: &cloud.Profile{Outbound: "loadBalancer", IPs: 3, Nodes: 201}}, snat.ProviderAzureLB, 384},
	} {
		f := newFeed(c.opts)
		f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}})
		f.streaming("n1")
		f.load("n1", 5, 0)
		f.put(session.Event{Cloud: &c.told})
		pic := f.Snapshot()
		if b := pic.Node("n1").Budget; b.Ports != c.n || pic.Cluster.Provider != c.want {
			t.Errorf("%s: %+v by %s, want %d by %s", name, b, pic.Cluster.Provider, c.n, c.want)
		}
	}
}
