package session

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
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
	if note {
		s.tidy(n)
	}
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

	n.pulses = make(map[snat.Dest]*pulse, len(n.pulses))
	byOwner := make(map[Key]*Owner)
	perOwner := make(map[Key]*ownerLoads)
	timers := s.timers()
	for k, f := range n.flows {
		o := byOwner[k.owner]
		if o == nil {
			o = s.owner(n, k.owner)
			byOwner[k.owner] = o
			perOwner[k.owner] = &ownerLoads{}
		}
		o.room(SightOf(f.stream.collector))
		d := s.dest(n, o, f, now, note)
		o.Listed = append(o.Listed, d)
		add(&o.Counts, d)
		if d.Eligible {
			l := d.load(timers)
			n.beat(d, f, l, now, timers)
			perOwner[k.owner].add(d.Protocol, l)
		}
	}
	for key, o := range byOwner {
		n.buried(o)
		o.Ports = snat.Bounds(perOwner[key].tcp, out.Budget.Limit())
		o.UDP = snat.Bounds(perOwner[key].udp, out.Budget.Limit())
		slices.SortFunc(o.Listed, worseDest)
		merge(&out.Counts, &o.Counts)
		n.history(key).tell(&o.Counts, now, note)
		out.Owners = append(out.Owners, o)
	}
	n.buriedElsewhere(out)
	slices.SortFunc(out.Owners, worseOwner)
	use := boundsOf(n.pulses, out.Budget)
	out.Ports, out.UDP = use.tcp, use.udp
	if until := out.CountedSince.Add(max(timers.FIN, timers.HalfOpen)); now.Before(until) {
		// What ended before anybody looked may still hold ports.
		out.Ports = out.Ports.Widened(out.Budget.Ports)
	}
	s.judge(out, n.pulses, use)
	if out.State == StateStreaming {
		if note {
			n.estimates.note(out.Ports.Estimate, now)
		}
		n.hist.tell(&out.Counts, now, note)
	}
	out.Trend = n.estimates.values
	n.built = out
	if !out.Budget.Shared {
		n.pulses, n.slab = nil, nil // nobody else asks for them
	}
}

// ownerLoads are the loads of one owner, by the pools of ports that a balancer
// keeps apart.
type ownerLoads struct{ tcp, udp []snat.Load }

func (o *ownerLoads) add(protocol snat.Protocol, l snat.Load) {
	switch protocol {
	case snat.TCP:
		o.tcp = append(o.tcp, l)
	case snat.UDP:
		o.udp = append(o.udp, l)
	}
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
