package session

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Snapshot implements View. The picture is made when it is asked for, so that
// a burst of events costs one; nodes that did not change are shared with the
// picture before.
func (s *Session) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return s.picture
	}
	s.dirty = false
	pic := &Snapshot{
		Version: s.picture.Version + 1, Time: s.now, Started: s.started,
		Cluster: s.cluster, Problem: s.problem, Done: s.done, Cloud: s.cloud, Timers: s.timers(),
	}
	pic.Cluster.Provider = s.provider()
	pic.Loss.EventsLost = s.refused
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.built == nil || !n.wake.After(s.now) {
			s.build(n, !s.replayed())
		}
		pic.Nodes = append(pic.Nodes, n.built)
	}
	s.pool(pic.Nodes)
	for _, n := range pic.Nodes {
		pic.Loss.EventsLost += n.Loss.Events
		pic.Loss.DestinationsDropped += n.Loss.Destinations
		if n.State != StateStreaming {
			pic.Loss.NodesUnseen = append(pic.Loss.NodesUnseen, NodeUnseen{Node: n.Name, Reason: unseen(n)})
		}
	}
	slices.SortStableFunc(pic.Nodes, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Verdict.Rank(), b.Verdict.Rank()), cmp.Compare(b.Ports.Estimate, a.Ports.Estimate), cmp.Compare(a.Name, b.Name))
	})
	s.picture = pic
	return pic
}

func unseen(n *Node) string {
	return cmp.Or(n.Error, n.Progress, string(n.State))
}

// wakeEvery is how often a node's picture is made anew while its probe says
// nothing: ports cool down and rates fade without an event.
const wakeEvery = time.Second

// build makes a node's picture. note means that its numbers are remembered as
// they stand.
func (s *Session) build(n *node, note bool) {
	now := s.now
	info := s.names.nodes[n.name]
	n.egress = egressOf(info)
	n.tidy(now, func(k flowKey) bool {
		c, _, _ := s.class(n, k.owner, k.dest)
		return c.Eligible && k.dest.Protocol == snat.TCP
	})
	n.wake = now.Add(wakeEvery)
	out := &Node{
		Name: n.name, InternalIP: info.InternalIP, ProviderID: info.ProviderID, OS: info.OS, Ready: info.Ready,
		State: n.state.State, Error: n.state.Error, Progress: n.state.Progress, Rung: n.state.Rung, Scoped: n.state.Scoped, LeftOut: n.state.LeftOut,
		Since: n.since, Handovers: n.handovers,
	}
	for _, key := range slices.Sorted(maps.Keys(n.streams)) {
		s.fillStream(out, n.streams[key])
	}
	if m, ok := s.cloud.Node(n.name, info.InternalIP); ok {
		out.Measured = &m
	}
	out.Budget = s.budget(out)
	if note {
		n.budgeted(out.Budget, now)
	}
	out.BudgetWas = n.budgetWas
	out.room(out.Sight())

	n.pulses = make(map[snat.Dest]*pulse)
	byOwner := make(map[Key]*Owner)
	perOwner := make(map[Key]map[snat.Dest]*pulse)
	timers := s.timers()
	for k, f := range n.flows {
		o := byOwner[k.owner]
		if o == nil {
			o = s.owner(n, k.owner)
			byOwner[k.owner] = o
			perOwner[k.owner] = make(map[snat.Dest]*pulse)
		}
		o.room(SightOf(f.stream.collector))
		d := s.dest(n, o, f, now, note)
		o.Dests = append(o.Dests, d)
		add(&o.Counts, d)
		if d.Eligible {
			l := d.load(timers)
			n.beat(d, f, l, now, timers)
			perOwner[k.owner][d.Dest] = &pulse{load: l}
		}
	}
	for key, o := range byOwner {
		n.buried(o)
		o.Ports = snat.Bounds(loadsOf(perOwner[key], snat.TCP), out.Budget.Limit())
		o.UDP = snat.Bounds(loadsOf(perOwner[key], snat.UDP), out.Budget.Limit())
		slices.SortFunc(o.Dests, worseDest)
		merge(&out.Counts, &o.Counts)
		n.history(key).tell(&o.Counts, now, note)
		out.Owners = append(out.Owners, o)
	}
	n.buriedElsewhere(out)
	slices.SortFunc(out.Owners, worseOwner)
	out.Ports = snat.Bounds(loadsOf(n.pulses, snat.TCP), out.Budget.Limit())
	out.UDP = snat.Bounds(loadsOf(n.pulses, snat.UDP), out.Budget.Limit())
	if until := out.CountedSince.Add(max(timers.FIN, timers.HalfOpen)); now.Before(until) {
		// What ended before anybody looked may still hold ports.
		out.Ports = out.Ports.Widened(out.Budget.Ports)
	}
	s.judge(out, n.pulses)
	if out.State == StateStreaming {
		if note {
			n.estimates.note(out.Ports.Estimate, now)
		}
		n.hist.tell(&out.Counts, now, note)
	}
	out.Trend = n.estimates.values
	n.built = out
}

// history returns an owner's history, making it when it is new.
func (n *node) history(key Key) *history {
	h := n.hists[key]
	if h == nil {
		h = &history{}
		n.hists[key] = h
	}
	return h
}

// tell gives the counts their past, and notes them first where that is asked.
func (h *history) tell(c *Counts, now time.Time, note bool) {
	if note {
		h.note(c.Ports.Estimate, c.Open, c.OpensPerSecond, c.FailedPerSecond, now)
	}
	c.Levels, c.OpenTrend = h.levels(now), h.trend.values
}

// budget works out what a node is granted.
func (s *Session) budget(n *Node) snat.Budget {
	facts := snat.BudgetFacts{Provider: s.provider(), Flag: s.opts.SNATPorts, Pool: max(len(s.names.nodes), 1)}
	// Only what was read of the way out that is meant: a load balancer's
	// addresses say nothing of a NAT gateway that the operator names.
	if p := s.profile(); p != nil && s.cloud.Provider == facts.Provider {
		facts.Read, facts.PerNode, facts.IPs = true, p.PortsPerNode, p.IPs
		facts.Pool = cmp.Or(p.Nodes, facts.Pool)
	}
	if n.Measured != nil && n.Measured.TCP.Allocated != nil {
		facts.Measured = *n.Measured.TCP.Allocated
	}
	return snat.BudgetOf(facts)
}

// sameChange is within which time a budget that goes on in the same direction
// is one change: a cloud tells the mean of a minute, and in the minute of the
// change that lies between the old figure and the new one.
const sameChange = 3 * time.Minute

// budgeted remembers when the budget becomes another.
func (n *node) budgeted(b snat.Budget, now time.Time) {
	if n.budget.Known() && b.Known() && n.budget.Ports != b.Ports {
		c := &BudgetChange{At: now, From: n.budget, To: b}
		if was := n.budgetWas; was != nil && now.Sub(was.At) < sameChange && (was.To.Ports < was.From.Ports) == (b.Ports < n.budget.Ports) {
			c.At, c.From = was.At, was.From
		}
		n.budgetWas = c
	}
	n.budget = b
}

// fillStream adds what one probe says of itself.
func (s *Session) fillStream(out *Node, st *stream) {
	if h := st.hello; h != nil {
		out.Kernel, out.Features = h.Kernel, h.Features
		out.Interval = time.Duration(h.IntervalMillis) * time.Millisecond
	}
	out.Collector = cmp.Or(st.collector, out.Collector)
	if st.last.After(out.LastTick) {
		out.LastTick = st.last
	}
	if st.began.After(out.CountedSince) {
		out.CountedSince = st.began
	}
	out.ProbeCPU += st.cpu.perSecond(st.asOf(s.now), st.counted) / 1000
	out.Problems = append(out.Problems, st.problems...)
	out.Loss.Events += st.loss.Events
	out.Loss.Destinations += st.loss.Destinations + st.refused
	out.Loss.Namespaces += st.loss.Namespaces
	out.Cost.WallNanos += st.cost.WallNanos
	out.Cost.Sockets += st.cost.Sockets
	out.Cost.Namespaces += st.cost.Namespaces
	if st.podUID == "" {
		out.Conntrack, out.ConntrackLost = hostTable(st.conntrack), st.lost(s.now)
		out.Tracked = s.tracked(st.sources)
	}
}

// judge gives the node its verdict, by what happens towards the destinations
// of its pool of ports: its own, or one that all nodes share.
func (s *Session) judge(out *Node, pulses map[snat.Dest]*pulse) {
	if out.State != StateStreaming && out.LastTick.IsZero() {
		out.Verdict, out.Why = snat.Unknown, []string{"no numbers from this node: " + unseen(out)}
		return
	}
	out.Full = full(pulses, out.Budget)
	out.FullIn = nil
	sit := snat.Situation{
		Ports: snat.Bounds(loadsOf(pulses, snat.TCP), out.Budget.Limit()), Budget: out.Budget, UDP: snat.Bounds(loadsOf(pulses, snat.UDP), out.Budget.Limit()),
		TableFull: out.tableFull(),
	}
	for d, p := range pulses {
		if d.Protocol != snat.TCP {
			continue
		}
		if slices.Contains(out.Full, d) {
			sit.Starved += p.waiting + p.failing
		} else {
			sit.Unanswered += p.waiting + p.failing
		}
	}
	if m := out.Measured; m != nil {
		// Some clouds do not tell whose connections failed, TCP's or UDP's.
		sit.MeasuredUsed, sit.MeasuredFailed = m.TCP.Used, cmp.Or(m.TCP.Failed, m.Both.Failed)
	}
	out.Verdict, out.Why = snat.Judge(sit)
	if out.Budget.Note != "" {
		out.Why = append(out.Why, out.Budget.Note)
	}
	switch {
	case out.Verdict == snat.Exhausted:
		now := time.Duration(0)
		out.FullIn = &now
	case out.Counting() && out.Budget.Known():
		out.FullIn = s.fullIn(pulses, out.Budget, s.now)
	}
	switch {
	case out.State != StateStreaming:
		out.Verdict = snat.Unknown
		out.Why = append([]string{"the numbers are old: " + unseen(out)}, out.Why...)
	case len(out.Scoped) > 0 && out.Verdict != snat.Exhausted:
		// What a few pods hold says little about what the node has left.
		out.Verdict = snat.Unknown
		out.Why = append([]string{"only some pods of this node are seen"}, out.Why...)
	case !out.Sight().Attempts:
		// The first sign of a lack of ports is a SYN without an answer.
		out.Why = append(out.Why, out.Collector+" does not see attempts that wait or fail")
	}
}

// tableFullAt is the share of its size from which a connection tracking table
// counts as full: the kernel drops what is unanswered shortly before that
// (early_drop in net/netfilter/nf_conntrack_core.c).
const tableFullAt = 0.97

// tableFull reports whether the node's connection tracking table has no room.
func (n *Node) tableFull() bool {
	c := n.Conntrack
	return c != nil && c.Max > 0 && float64(c.Count) >= tableFullAt*float64(c.Max) ||
		n.ConntrackLost != nil && n.ConntrackLost.Drop > 0
}

// owner makes the picture of an owner, without its destinations.
func (s *Session) owner(n *node, key Key) *Owner {
	seen := n.owners[key]
	o := &Owner{
		Key: key, Node: n.name, HostNetwork: seen.wire.HostNetwork, IPs: seen.wire.IPs, UID: seen.podUID,
		LocalPorts: int(seen.wire.LocalPorts),
	}
	if seen.podUID == "" {
		kind, name := "process", seen.wire.Unit
		switch {
		case name == "":
			name = "process unknown"
		case isUnitName(name):
			kind = "unit"
		}
		if !seen.wire.HostNetwork {
			o.Namespace, kind = "", "netns"
		}
		o.Workload = inventory.Workload{Kind: kind, Name: name}
		o.Known = true
		return o
	}
	p, ok := s.names.pod(seen.podUID)
	if !ok {
		o.Name = "pod " + shortID(seen.podUID)
		return o
	}
	_, o.Known = s.names.pods[p.UID]
	o.UID, o.Namespace, o.Name, o.Workload = p.UID, p.Namespace, p.Name, p.Workload
	if o.Known {
		o.Phase = p.Phase
	}
	o.HostNetwork = o.HostNetwork || p.HostNetwork
	o.OwnEgress = clean(p.OwnEgress)
	if len(o.IPs) == 0 {
		o.IPs = p.IPs
	}
	for _, id := range seen.wire.ContainerIDs {
		name := container(p, id)
		// The sandbox holds the namespace open; it is no container of the spec.
		if name != shortID(id) && !slices.Contains(o.Containers, name) {
			o.Containers = append(o.Containers, name)
		}
	}
	return o
}

func isUnitName(s string) bool {
	for _, suffix := range []string{".service", ".scope", ".socket", ".slice"} {
		if len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix {
			return true
		}
	}
	return false
}

// dest makes the picture of a destination.
func (s *Session) dest(n *node, o *Owner, f *flow, now time.Time, note bool) *Dest {
	d := &Dest{Dest: f.key.dest, Name: s.names.byIP[f.key.dest.IP]}
	d.Class, d.Endpoints, d.mixed = s.class(n, o.Key, d.Dest)
	d.Established, d.Closing, d.SynSent, d.TimeWait = f.gauges()
	d.Cooling, d.Abandoned = f.held.at(now)
	st := f.stream
	sight := SightOf(st.collector)
	if d.Protocol == snat.TCP {
		if sight.Trouble {
			d.Trouble = st.noTrouble
		}
		if sight.Lives {
			d.Lives = st.noLives
		}
		if sight.Silence {
			d.Silent = f.silence()
		}
	}
	if f.current() {
		at := st.asOf(now)
		if d.Trouble != nil && f.trouble != nil {
			d.Trouble = f.trouble.perSecond(at, st.counted)
		}
		if d.Lives != nil && f.lives != nil {
			d.Lives = f.lives
		}
		d.OpensPerSecond, d.ClosesPerSecond = f.opens.perSecond(at, st.counted), f.closes.perSecond(at, st.counted)
		d.FailedPerSecond = f.fails.perSecond(at, st.counted)
	}
	d.Waiting = unheard(f.waiting.at(now), d)
	if f.hist == nil && note && d.Protocol == snat.TCP && d.Open()+d.SynSent+d.Cooling >= worthRemembering {
		f.hist = &history{}
	}
	if f.hist != nil {
		if note {
			f.hist.note(0, d.Open(), d.OpensPerSecond, d.FailedPerSecond, now)
		}
		d.Levels, d.OpenTrend = f.hist.levels(now), f.hist.trend.values
		d.Levels.Ports = Level{}
	}
	if s.focused(n.name, o.Key) {
		if list, ok := f.processes(); ok {
			d.Detailed, d.Processes = true, s.processes(o, list)
		}
	}
	return d
}

// roundTrip is a generous time for an answer to come: what may be on its way
// for so long is not waiting.
const roundTrip = 0.25 // seconds

// unheard returns how many of the attempts that have been there for some ticks
// have really gone unheard. A busy destination always has some on their way:
// their usual number is taken off, unless SYNs are seen to be sent again. (That
// none is says little: it is done ever more seldom.)
func unheard(attempts int, d *Dest) int {
	if d.Trouble != nil && d.Trouble.SynRetransmits+d.Trouble.TimedOut > 0 {
		return attempts
	}
	return max(attempts-int(math.Ceil(d.OpensPerSecond*roundTrip)), 0)
}

// load is what a destination asks of the balancer.
func (d *Dest) load(t snat.Timers) snat.Load {
	l := snat.Load{Open: d.Open(), Abandoned: d.Abandoned, Cooling: d.Cooling}
	if d.Protocol == snat.TCP {
		l.Attempting = d.SynSent
	}
	if d.Silent != nil && t.Idle > 0 {
		l.Lost = min(d.Silent.beyond(t.Idle), d.Open())
		l.Doubtful = min(d.Silent.AtLeast(t.Idle), d.Open()) - l.Lost
	}
	if d.mixed {
		l.Doubtful = l.Open - l.Lost
	}
	return l
}

func (s *Session) focused(node string, owner Key) bool {
	return s.focus.all || s.focus.node == node && s.focus.owner == owner
}

func (s *Session) processes(o *Owner, list []wire.Process) []Process {
	pod, _ := s.names.pod(o.UID)
	out := make([]Process, 0, len(list))
	for _, p := range list {
		one := Process{PID: int(p.PID), Command: p.Command, Established: int(p.Established), SynSent: int(p.SynSent)}
		if p.ContainerID != "" {
			one.Container = container(pod, p.ContainerID)
		}
		out = append(out, one)
	}
	return out
}

// add counts a destination for its owner.
func add(c *Counts, d *Dest) {
	if d.Protocol != snat.TCP {
		c.All += d.Open()
		if d.Eligible && d.Protocol == snat.UDP {
			c.UDPFlows += d.Established
		}
		return
	}
	c.All += d.Open() + d.SynSent
	if d.Public {
		c.EstablishedPublic += d.Established
		c.SynSentPublic += d.SynSent
	}
	if !d.Eligible {
		return
	}
	c.Open += d.Open()
	c.Trying += d.SynSent
	c.Cooling += d.Cooling
	c.Waiting += d.Waiting
	c.Abandoned += d.Abandoned
	c.OpensPerSecond += d.OpensPerSecond
	c.ClosesPerSecond += d.ClosesPerSecond
	c.FailedPerSecond += d.FailedPerSecond
	c.finer(d.Trouble, d.Lives, d.Silent)
}

// merge adds an owner's counts to its node's. Ports are no sum: the node's are
// derived from its destinations.
func merge(to, from *Counts) {
	to.Open += from.Open
	to.Trying += from.Trying
	to.Cooling += from.Cooling
	to.Waiting += from.Waiting
	to.Abandoned += from.Abandoned
	to.EstablishedPublic += from.EstablishedPublic
	to.SynSentPublic += from.SynSentPublic
	to.All += from.All
	to.UDPFlows += from.UDPFlows
	to.OpensPerSecond += from.OpensPerSecond
	to.ClosesPerSecond += from.ClosesPerSecond
	to.FailedPerSecond += from.FailedPerSecond
	to.finer(from.Trouble, from.Lives, from.Silent)
}

func worseOwner(a, b *Owner) int {
	return cmp.Or(
		cmp.Compare(b.Ports.Estimate, a.Ports.Estimate), cmp.Compare(b.Open, a.Open), cmp.Compare(b.Trying, a.Trying),
		cmp.Compare(b.All, a.All), cmp.Compare(a.Title(), b.Title()), cmp.Compare(a.Key, b.Key),
	)
}

// weight is how many flows there are or were: of UDP, those that nobody has
// answered are among the open ones.
func (d *Dest) weight() int {
	if d.Protocol == snat.UDP {
		return d.Open() + d.Cooling
	}
	return d.Open() + d.SynSent + d.Cooling
}

func worseDest(a, b *Dest) int {
	rank := func(d *Dest) int {
		if d.Eligible {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(b.weight(), a.weight()),
		a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol),
	)
}
