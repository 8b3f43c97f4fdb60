package runbook_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// now is the time in the tests' world.
var now = time.Date(2026, 3, 14, 12, 4, 31, 0, time.UTC)

// load is what an owner has at one destination.
type load struct {
	to string
	// udp makes it datagrams; private takes it off the balancer.
	udp, private bool

	open, trying, waiting, timeWait, cooling int
	opens, closes, fails                     float64
	trouble                                  session.Trouble
	lives                                    session.Lives
	// silent are those of open that have carried nothing for a minute.
	silent  int
	command string
}

// lived is a histogram of n connections that lived for about d.
func lived(n uint64, d time.Duration) session.Lives {
	var l session.Lives
	bucket := 0
	for ms := time.Millisecond; ms <= d && bucket < len(l)-1; ms *= 2 {
		bucket++
	}
	l[bucket] = n
	return l
}

// who is an owner of the stage.
type who struct {
	name  string
	kind  string
	loads []load
	trend []int
	ports int
}

// stage is a node as a session would show it, with the parts that matter to
// causes.
type stage struct {
	collector string
	budget    int
	source    snat.BudgetSource
	// nodes is the size of the cluster; 0 is 3.
	nodes     int
	provider  snat.Provider
	owners    []who
	conntrack *wire.Conntrack
	lost      *session.ConntrackLoss
	was       int
	// change is the last word on the node.
	change func(s *session.Snapshot, n *session.Node)
}

const here = "aks-np1-vmss000003"

// play makes the picture.
func (st stage) play() (*session.Snapshot, *session.Node) {
	n := &session.Node{
		Name: here, State: session.StateStreaming, Collector: st.collector, Interval: time.Second,
		Since: now.Add(-4 * time.Minute), CountedSince: now.Add(-4 * time.Minute), LastTick: now,
		Conntrack: &wire.Conntrack{HostNetwork: true, Count: 900, Max: 65536}, ConntrackLost: &session.ConntrackLoss{},
		Budget: snat.Budget{Source: snat.BudgetUnknown},
	}
	if st.collector == "" {
		n.Collector = "ebpf"
	}
	if st.budget > 0 {
		n.Budget = snat.Budget{Ports: st.budget, Source: snat.BudgetTable}
		if st.source != "" {
			n.Budget.Source = st.source
		}
	}
	if st.conntrack != nil {
		n.Conntrack = st.conntrack
	}
	if st.lost != nil {
		n.ConntrackLost = st.lost
	}
	if st.was > 0 {
		n.BudgetWas = &session.BudgetChange{At: now.Add(-time.Minute), From: snat.Budget{Ports: st.was, Source: n.Budget.Source}, To: n.Budget}
	}
	sight := n.Sight()
	per := make(map[snat.Dest]snat.Load)
	for i, w := range st.owners {
		o := w.owner(sight)
		o.Key += session.Key(fmt.Sprint("/", i))
		n.Owners = append(n.Owners, o)
		for _, d := range o.Dests() {
			if d.Protocol != snat.TCP {
				continue
			}
			if d.Eligible {
				per[d.Dest] = per[d.Dest].Add(snat.Load{Open: d.Open(), Attempting: d.SynSent, Cooling: d.Cooling})
			}
		}
		n.Open += o.Open
		n.Waiting += o.Waiting
		n.ClosesPerSecond += o.ClosesPerSecond
		if sight.Trouble && n.Trouble == nil {
			n.Trouble = &session.Trouble{}
		}
	}
	var loads []snat.Load
	starved, unanswered := 0, 0
	for d, l := range per {
		loads = append(loads, l)
		waits := 0
		for _, o := range n.Owners {
			for _, one := range o.Dests() {
				if one.Dest == d {
					waits += one.Waiting + int(5*one.FailedPerSecond)
				}
			}
		}
		if st.budget > 0 && waits > 0 && float64(l.Held()) >= snat.FullAt*float64(st.budget) {
			n.Full = append(n.Full, d)
			starved += waits
		} else {
			unanswered += waits
		}
	}
	n.Ports = snat.Bounds(loads, st.budget)
	full := n.Conntrack != nil && n.Conntrack.Count*100 >= n.Conntrack.Max*97
	n.Verdict, n.Why = snat.Judge(snat.Situation{Ports: n.Ports, Budget: n.Budget, Starved: starved, Unanswered: unanswered, TableFull: full})
	if n.Verdict == snat.Exhausted {
		n.FullIn = new(time.Duration)
	}
	s := &session.Snapshot{
		Time: now, Started: now.Add(-5 * time.Minute), Nodes: []*session.Node{n},
		Cluster: session.Cluster{Context: "prod", Source: "live", Provider: st.provider},
	}
	if st.provider == "" {
		s.Cluster.Provider = snat.ProviderAzureLB
	}
	s.Timers = s.Cluster.Provider.Timers()
	for i := 1; i < max(st.nodes, 3); i++ {
		s.Nodes = append(s.Nodes, &session.Node{Name: fmt.Sprint("other", i), State: session.StateWaiting})
	}
	if st.change != nil {
		st.change(s, n)
	}
	return s, n
}

// owner makes an owner with its sums.
func (w who) owner(sight session.Sight) *session.Owner {
	o := &session.Owner{
		Key: session.Key("pod/" + w.name), Node: here, Namespace: "shop", Name: w.name + "-x2x9q", Known: true, LocalPorts: w.ports,
		Workload: session.Workload{Kind: "Deployment", Name: w.name},
	}
	if w.kind != "" {
		o.Workload.Kind = w.kind
	}
	o.OpenTrend = w.trend
	if sight.Trouble {
		o.Trouble = &session.Trouble{}
	}
	if sight.Lives {
		o.Lives = &session.Lives{}
	}
	if sight.Silence {
		o.Silent = &session.Silence{}
	}
	var loads []snat.Load
	for _, l := range w.loads {
		d := l.dest(sight)
		o.Listed = append(o.Listed, d)
		if d.Protocol != snat.TCP || !d.Eligible {
			continue
		}
		loads = append(loads, snat.Load{Open: d.Open(), Attempting: d.SynSent, Cooling: d.Cooling})
		o.Open += d.Open()
		o.Trying += d.SynSent
		o.Waiting += d.Waiting
		o.Cooling += d.Cooling
		o.OpensPerSecond += d.OpensPerSecond
		o.ClosesPerSecond += d.ClosesPerSecond
		o.FailedPerSecond += d.FailedPerSecond
		if o.Trouble != nil {
			o.Trouble.Resets += d.Trouble.Resets
			o.Trouble.NoPort += d.Trouble.NoPort
		}
		if o.Lives != nil {
			for i, c := range d.Lives {
				o.Lives[i] += c
			}
		}
		if o.Silent != nil {
			for i, c := range d.Silent {
				o.Silent[i] += c
			}
		}
	}
	if o.OpenTrend == nil {
		o.OpenTrend = slices.Repeat([]int{o.Open}, 48)
	}
	o.Ports = snat.Bounds(loads, 0)
	return o
}

func (l load) dest(sight session.Sight) *session.Dest {
	ap := netip.MustParseAddrPort(l.to)
	d := &session.Dest{
		Dest: snat.Dest{Protocol: snat.TCP, IP: ap.Addr(), Port: ap.Port()}, Class: snat.Class{Eligible: !l.private, Public: !l.private},
		Established: l.open, SynSent: l.trying, Waiting: l.waiting, TimeWait: l.timeWait, Cooling: l.cooling,
		OpensPerSecond: l.opens, ClosesPerSecond: l.closes, FailedPerSecond: l.fails,
	}
	if l.private {
		d.WhyNot = "private"
	}
	if l.udp {
		d.Protocol = snat.UDP
		return d
	}
	if l.command != "" {
		d.Detailed, d.Processes = true, []session.Process{{PID: 4711, Command: l.command, Established: l.open}}
	}
	if !sight.Attempts {
		d.SynSent, d.Waiting, d.FailedPerSecond = 0, 0, 0
	}
	if sight.Trouble {
		d.Trouble = &l.trouble
	}
	if sight.Lives {
		d.Lives = &l.lives
	}
	if sight.Silence {
		d.Silent = &session.Silence{0: l.silent}
	}
	return d
}

// diagnose diagnoses the stage, and checks what holds for every diagnosis.
func (st stage) diagnose(t testing.TB) *runbook.Diagnosis {
	t.Helper()
	s, n := st.play()
	d := runbook.Diagnose(s, n)
	sound(t, s, n, d)
	return d
}

// sound checks what holds for every diagnosis.
func sound(t testing.TB, s *session.Snapshot, n *session.Node, d *runbook.Diagnosis) {
	t.Helper()
	if len(d.Answers) != len(runbook.Causes()) {
		t.Fatalf("%d answers", len(d.Answers))
	}
	counted := 0
	for _, state := range []runbook.State{runbook.Found, runbook.RuledOut, runbook.CouldNotSee} {
		counted += len(d.In(state))
	}
	if counted != len(d.Answers) {
		t.Errorf("%d answers in three states, want %d", counted, len(d.Answers))
	}
	for i, a := range d.Answers {
		if a.Cause != runbook.Causes()[i] {
			t.Errorf("answer %d is about %s", i, a.Cause)
		}
		if a.Summary == "" {
			t.Errorf("%s is %s without a word", a.Cause, a.State)
		}
		if found := a.State == runbook.Found; found != (a.Confidence != runbook.NoConfidence) || !found && len(a.Remedies) > 0 {
			t.Errorf("%s is %s with confidence %q and %d remedies", a.Cause, a.State, a.Confidence, len(a.Remedies))
		} else if found && (len(a.Evidence) == 0 || len(a.Remedies) == 0 || a.Subject == "") {
			t.Errorf("%s is found with %d pieces of evidence, %d remedies, about %q", a.Cause, len(a.Evidence), len(a.Remedies), a.Subject)
		}
	}
	if n == nil {
		return
	}
	for _, o := range n.Owners {
		c, sure, known := d.CauseOf(o)
		switch {
		case c != "" && c != runbook.Leak && c != runbook.NoPooling && c != runbook.HotDestination:
			t.Errorf("the cause of a pod is %s", c)
		case c != "" && (!known || sure == runbook.NoConfidence), c == "" && sure != runbook.NoConfidence:
			t.Errorf("the cause of a pod is %q, known %v, confidence %q", c, known, sure)
		case c != "" && c != runbook.HotDestination && d.Answer(c).State != runbook.Found:
			t.Errorf("a pod has %s, which is %s on its node", c, d.Answer(c).State)
		}
	}
	_ = runbook.CrossCheck(s, n)
}

// ramp is a trend that climbs from one number to another in n steps, and then
// stands for some more.
func ramp(n, from, to, stands int) []int {
	out := make([]int, 0, n+stands)
	for i := range n {
		out = append(out, from+(to-from)*i/max(1, n-1))
	}
	return append(out, slices.Repeat([]int{to}, stands)...)
}
