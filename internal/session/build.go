package session

import (
	"cmp"
	"maps"
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
		Cluster: s.cluster, Problem: s.problem, Done: s.done,
	}
	pic.Cluster.Provider = s.provider()
	pic.Loss.EventsLost = s.refused
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.built == nil || !n.wake.After(s.now) {
			s.build(n)
		}
		pic.Nodes = append(pic.Nodes, n.built)
		pic.Loss.EventsLost += n.built.Loss.Events
		pic.Loss.DestinationsDropped += n.built.Loss.Destinations
		if n.built.State != StateStreaming {
			pic.Loss.NodesUnseen = append(pic.Loss.NodesUnseen, NodeUnseen{Node: name, Reason: unseen(n.built)})
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

// build makes a node's picture.
func (s *Session) build(n *node) {
	now := s.now
	n.tidy(now, func(d snat.Dest) bool { return d.Protocol == snat.TCP && s.class.Classify(d.IP).Eligible })
	n.wake = now.Add(wakeEvery)
	info := s.names.nodes[n.name]
	out := &Node{
		Name: n.name, InternalIP: info.InternalIP, ProviderID: info.ProviderID, OS: info.OS, Ready: info.Ready,
		State: n.state.State, Error: n.state.Error, Progress: n.state.Progress, Rung: n.state.Rung, Scoped: n.state.Scoped, LeftOut: n.state.LeftOut,
		Since: n.since, Handovers: n.handovers,
	}
	for _, key := range slices.Sorted(maps.Keys(n.streams)) {
		s.fillStream(out, n.streams[key])
	}
	out.Budget = snat.BudgetFor(s.opts.SNATPorts, s.provider(), max(len(s.names.nodes), 1))

	out.room(out.Sight())

	byOwner := make(map[Key]*Owner)
	loads := make(map[snat.Dest]snat.Load)
	perOwner := make(map[Key][]snat.Load)
	for k, f := range n.flows {
		o := byOwner[k.owner]
		if o == nil {
			o = s.owner(n, k.owner)
			byOwner[k.owner] = o
		}
		o.room(SightOf(f.stream.collector))
		d := s.dest(n, o, f, now)
		o.Dests = append(o.Dests, d)
		add(&o.Counts, d)
		if d.Eligible && d.Protocol == snat.TCP {
			l := snat.Load{Open: d.Open(), Attempting: d.SynSent, Cooling: d.Cooling}
			perOwner[k.owner] = append(perOwner[k.owner], l)
			loads[d.Dest] = loads[d.Dest].Add(l)
		}
	}
	for key, o := range byOwner {
		n.buried(o)
		o.Ports = snat.Bounds(perOwner[key], out.Budget.Ports)
		slices.SortFunc(o.Dests, worseDest)
		merge(&out.Counts, &o.Counts)
		out.Owners = append(out.Owners, o)
	}
	n.buriedElsewhere(out)
	slices.SortFunc(out.Owners, worseOwner)
	out.Ports = snat.Bounds(slices.Collect(maps.Values(loads)), out.Budget.Ports)
	judge(out)
	if out.State == StateStreaming {
		n.note(out.Ports, now)
	}
	out.Trend = n.trend
	n.built = out
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
	for i := range st.conntrack {
		if st.conntrack[i].HostNetwork && st.podUID == "" {
			out.Conntrack = &st.conntrack[i]
		}
	}
	if st.podUID == "" {
		out.Tracked = s.tracked(st.sources)
	}
}

// judge gives the node its verdict.
func judge(out *Node) {
	if out.State != StateStreaming && out.LastTick.IsZero() {
		out.Verdict, out.Why = snat.Unknown, []string{"no numbers from this node: " + unseen(out)}
		return
	}
	out.Verdict, out.Why = snat.Judge(out.Ports, out.Budget, out.Trying)
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

// owner makes the picture of an owner, without its destinations.
func (s *Session) owner(n *node, key Key) *Owner {
	seen := n.owners[key]
	o := &Owner{Key: key, Node: n.name, HostNetwork: seen.wire.HostNetwork, IPs: seen.wire.IPs, UID: seen.podUID}
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
	o.Known, o.UID = true, p.UID
	o.Namespace, o.Name, o.Workload, o.Phase = p.Namespace, p.Name, p.Workload, p.Phase
	o.HostNetwork = o.HostNetwork || p.HostNetwork
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
func (s *Session) dest(n *node, o *Owner, f *flow, now time.Time) *Dest {
	d := &Dest{
		Dest: f.key.dest, Name: s.names.byIP[f.key.dest.IP], Class: s.class.Classify(f.key.dest.IP),
		Cooling: f.cooling.at(now),
	}
	d.Established, d.Closing, d.SynSent, d.TimeWait = f.gauges()
	st := f.stream
	sight := SightOf(st.collector)
	if d.Protocol == snat.TCP {
		if sight.Trouble {
			d.Trouble = st.noTrouble
		}
		if sight.Lives {
			d.Lives = st.noLives
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
	// The balancer holds a port at least as long as the kernel holds the tuple.
	if d.Protocol == snat.TCP {
		d.Cooling = max(d.Cooling, d.TimeWait)
	}
	if s.focused(n.name, o.Key) {
		if list, ok := f.processes(); ok {
			d.Detailed, d.Processes = true, s.processes(o, list)
		}
	}
	return d
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
		c.All += d.Open() + d.SynSent
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
	c.OpensPerSecond += d.OpensPerSecond
	c.ClosesPerSecond += d.ClosesPerSecond
	c.FailedPerSecond += d.FailedPerSecond
	c.finer(d.Trouble, d.Lives)
}

// merge adds an owner's counts to its node's. Ports are no sum: the node's are
// derived from its destinations.
func merge(to, from *Counts) {
	to.Open += from.Open
	to.Trying += from.Trying
	to.Cooling += from.Cooling
	to.EstablishedPublic += from.EstablishedPublic
	to.SynSentPublic += from.SynSentPublic
	to.All += from.All
	to.UDPFlows += from.UDPFlows
	to.OpensPerSecond += from.OpensPerSecond
	to.ClosesPerSecond += from.ClosesPerSecond
	to.FailedPerSecond += from.FailedPerSecond
	to.finer(from.Trouble, from.Lives)
}

func worseOwner(a, b *Owner) int {
	return cmp.Or(
		cmp.Compare(b.Ports.Estimate, a.Ports.Estimate), cmp.Compare(b.Open, a.Open), cmp.Compare(b.Trying, a.Trying),
		cmp.Compare(b.All, a.All), cmp.Compare(a.Title(), b.Title()), cmp.Compare(a.Key, b.Key),
	)
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
		cmp.Compare(b.Open()+b.SynSent+b.Cooling, a.Open()+a.SynSent+a.Cooling),
		a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol),
	)
}
