// Package tuitest builds pictures for tests of the pages: a sick cluster with
// everything that can go wrong with a node or a name.
package tuitest

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// Now is the time in the tests' world.
func Now() time.Time { return time.Date(2026, 3, 14, 12, 4, 31, 0, time.UTC) }

// Clock is a clock that stands still until it is moved. It is safe for
// concurrent use.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that stands at Now.
func NewClock() *Clock { return &Clock{t: Now()} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// View is a session.View that shows what it is given.
type View struct {
	mu      sync.Mutex
	snap    *session.Snapshot
	changed chan struct{}
	// focus lists the wishes for detail, newest last.
	focus []string
}

var _ session.View = (*View)(nil)

// NewView returns a view of a snapshot.
func NewView(s *session.Snapshot) *View {
	return &View{snap: s, changed: make(chan struct{}, 1)}
}

// Snapshot returns the newest snapshot.
func (v *View) Snapshot() *session.Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.snap
}

// Changed receives after Set.
func (v *View) Changed() <-chan struct{} { return v.changed }

// FocusOn notes the wish.
func (v *View) FocusOn(node string, owner session.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.focus = append(v.focus, node+" "+string(owner))
}

// Focus returns the wishes for detail so far, each "node key"; " " takes one
// back.
func (v *View) Focus() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.focus...)
}

// Set shows another snapshot.
func (v *View) Set(s *session.Snapshot) {
	v.mu.Lock()
	v.snap = s
	v.mu.Unlock()
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// End closes Changed, as a session does when its source has ended.
func (v *View) End() { close(v.changed) }

// Load is one destination of an owner to be built.
type Load struct {
	// Addr is "20.60.1.9:443"; Proto 0 is TCP.
	Addr  string
	Proto snat.Protocol
	Name  string

	Established, Closing, SynSent, Waiting, TimeWait, Cooling int
	Opens, Closes, Fails                                      float64
	// Trouble, Lives and Silent are what only some collectors see. Silent is
	// filled in by Node where the collector sees it.
	Trouble *session.Trouble
	Lives   *session.Lives
	Silent  *session.Silence
	// OpenTrend is the past of what is open; Endpoints is where a Service leads.
	OpenTrend []int
	Endpoints []netip.AddrPort

	Processes []session.Process
	Detailed  bool
}

// Owner builds an owner with its sums, as a session does.
func Owner(node, namespace, name string, workload session.Workload, loads ...Load) *session.Owner {
	o := &session.Owner{
		Key: session.Key(namespace + "/" + name + "/" + workload.Name), Node: node, Namespace: namespace, Name: name,
		Workload: workload, Known: true, Phase: "Running",
	}
	if name != "" {
		o.UID = fmt.Sprintf("00000000-0000-4000-8000-%012x", len(namespace)*4096+len(name))
		o.Containers = []string{"app"}
	}
	classify := snat.NewClassifier()
	var sums []snat.Load
	for _, l := range loads {
		ap := netip.MustParseAddrPort(l.Addr)
		if l.Proto == 0 {
			l.Proto = snat.TCP
		}
		d := &session.Dest{
			Dest: snat.Dest{Protocol: l.Proto, IP: ap.Addr(), Port: ap.Port()}, Name: l.Name, Class: classify.Classify(ap.Addr()),
			Established: l.Established, Closing: l.Closing, SynSent: l.SynSent, TimeWait: l.TimeWait, Cooling: l.Cooling,
			OpensPerSecond: l.Opens, ClosesPerSecond: l.Closes, FailedPerSecond: l.Fails,
			Trouble: l.Trouble, Lives: l.Lives, Silent: l.Silent, Waiting: l.Waiting, OpenTrend: l.OpenTrend, Endpoints: l.Endpoints,
			Processes: l.Processes, Detailed: l.Detailed,
		}
		if len(d.Endpoints) > 0 {
			d.Class = snat.Class{Eligible: true}
		}
		o.Listed = append(o.Listed, d)
		o.All += d.Open() + d.SynSent
		if !d.Eligible {
			continue
		}
		if l.Proto == snat.UDP {
			o.UDPFlows += d.Established
			continue
		}
		sums = append(sums, snat.Load{Open: d.Open(), Attempting: d.SynSent, Cooling: d.Cooling})
		o.Open += d.Open()
		o.Trying += d.SynSent
		o.Waiting += d.Waiting
		o.Cooling += d.Cooling
		o.OpenTrend = sum(o.OpenTrend, l.OpenTrend)
		o.EstablishedPublic += d.Established
		o.SynSentPublic += d.SynSent
		o.OpensPerSecond += d.OpensPerSecond
		o.ClosesPerSecond += d.ClosesPerSecond
		o.FailedPerSecond += d.FailedPerSecond
		finer(&o.Counts, d.Trouble, d.Lives)
	}
	o.Ports = snat.Bounds(sums, 0)
	return o
}

// sum adds trends up, aligned at their newest value.
func sum(a, b []int) []int {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]int(nil), a...)
	for i, v := range b {
		out[len(a)-len(b)+i] += v
	}
	return out
}

// hush fills in that nothing is silent, for a collector that would see it.
func hush(n *session.Node) {
	n.Silent = &session.Silence{}
	for _, o := range n.Owners {
		o.Silent = &session.Silence{}
		for _, d := range o.Dests() {
			if d.Protocol != snat.TCP {
				continue
			}
			if d.Silent == nil {
				d.Silent = &session.Silence{}
			}
			if !d.Eligible {
				continue
			}
			for i, c := range d.Silent {
				o.Silent[i] += c
				n.Silent[i] += c
			}
		}
	}
}

// finer adds up what only some collectors see.
func finer(to *session.Counts, t *session.Trouble, l *session.Lives) {
	if t != nil {
		sum := *t
		if to.Trouble != nil {
			sum.Resets += to.Trouble.Resets
			sum.Refused += to.Trouble.Refused
			sum.TimedOut += to.Trouble.TimedOut
			sum.NoPort += to.Trouble.NoPort
			sum.SynRetransmits += to.Trouble.SynRetransmits
			sum.Retransmits += to.Trouble.Retransmits
			sum.ResetsIn += to.Trouble.ResetsIn
			sum.ResetsOut += to.Trouble.ResetsOut
		}
		to.Trouble = &sum
	}
	if l != nil {
		sum := *l
		if to.Lives != nil {
			for i, n := range to.Lives {
				sum[i] += n
			}
		}
		to.Lives = &sum
	}
}

// Node builds a node that streams, with sums and verdict as a session makes
// them.
func Node(name, ip string, budget int, owners ...*session.Owner) *session.Node {
	n := &session.Node{
		Name: name, InternalIP: ip, OS: "linux", Ready: true, State: session.StateStreaming,
		Rung: "node pod", Collector: "diag", Kernel: "6.8.0-1021-azure",
		Features: []wire.Feature{
			{Name: "inet_diag", Answer: wire.Yes, Detail: "NETLINK_SOCK_DIAG answers"},
			{Name: "cgroup of a socket", Answer: wire.Yes, Detail: "INET_DIAG_CGROUP_ID"},
			{Name: "eBPF", Answer: wire.No, Detail: "bpf(2): operation not permitted"},
			{Name: "BCC tools", Answer: wire.CouldNotTell, Detail: "/usr/sbin is not readable"},
		},
		Since: Now().Add(-3*time.Minute - 29*time.Second), CountedSince: Now().Add(-3*time.Minute - 29*time.Second), LastTick: Now(), Interval: time.Second,
		Cost:      wire.Cost{WallNanos: 8_200_000, Sockets: 1204, Namespaces: 31},
		Conntrack: &wire.Conntrack{HostNetwork: true, Count: 4121, Max: 262144},
		Owners:    owners,
	}
	if budget > 0 {
		n.Budget = snat.Budget{Ports: budget, Source: snat.BudgetTable}
	} else {
		n.Budget = snat.Budget{Source: snat.BudgetUnknown}
	}
	byDest := map[snat.Dest]snat.Load{}
	for _, o := range owners {
		n.Open += o.Open
		n.Trying += o.Trying
		n.Waiting += o.Waiting
		n.OpenTrend = sum(n.OpenTrend, o.OpenTrend)
		n.Cooling += o.Cooling
		n.All += o.All
		n.UDPFlows += o.UDPFlows
		n.EstablishedPublic += o.EstablishedPublic
		n.SynSentPublic += o.SynSentPublic
		n.OpensPerSecond += o.OpensPerSecond
		n.ClosesPerSecond += o.ClosesPerSecond
		n.FailedPerSecond += o.FailedPerSecond
		finer(&n.Counts, o.Trouble, o.Lives)
		for _, d := range o.Dests() {
			if d.Eligible && d.Protocol == snat.TCP {
				byDest[d.Dest] = byDest[d.Dest].Add(snat.Load{Open: d.Open(), Attempting: d.SynSent, Cooling: d.Cooling})
			}
		}
	}
	if n.Sight().Silence {
		hush(n)
	}
	var loads []snat.Load
	for _, l := range byDest {
		loads = append(loads, l)
	}
	n.Ports = snat.Bounds(loads, budget)
	n.Verdict, n.Why = snat.Judge(snat.Situation{Ports: n.Ports, Budget: n.Budget, Starved: n.Trying})
	if n.Verdict == snat.Exhausted {
		n.FullIn = new(time.Duration)
	}
	return n
}

// Unseen builds a node without numbers.
func Unseen(name, ip, os string, state session.State, problem, progress string) *session.Node {
	return &session.Node{
		Name: name, InternalIP: ip, OS: os, Ready: true, State: state, Error: problem, Progress: progress,
		Budget: snat.Budget{Source: snat.BudgetUnknown}, Verdict: snat.Unknown, Why: []string{problem + progress},
	}
}

// Snapshot builds a picture of nodes.
func Snapshot(version uint64, nodes ...*session.Node) *session.Snapshot {
	s := &session.Snapshot{
		Version: version, Time: Now(), Started: Now().Add(-4 * time.Minute),
		Cluster: session.Cluster{Context: "prod-weu", ServerVersion: "v1.33.1", Provider: snat.ProviderAzureLB, Source: "live"},
		Nodes:   nodes,
	}
	for _, n := range nodes {
		if n.State != session.StateStreaming && n.Error != "" {
			s.Loss.NodesUnseen = append(s.Loss.NodesUnseen, session.NodeUnseen{Node: n.Name, Reason: n.Error})
		}
	}
	return s
}

// Long returns a name of n characters, as long as the API server allows 253.
func Long(n int) string {
	s := strings.Repeat("very-long-name-that-helm-made-", n/30+1)
	return strings.TrimRight(s[:n-6], "-") + "-x2x9q"
}
