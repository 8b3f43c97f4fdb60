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
	s.heed()
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
	s.refresh(n, note)
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

	names := s.names.called.lend()
	for _, h := range n.order {
		if len(h.cards) == 0 {
			continue
		}
		o := h.owner()
		h.loose = false
		o.cards, o.names = h.cards, names
		o.Ports, o.UDP = h.tcp.Bounds(out.Budget.Limit()), h.udp.Bounds(out.Budget.Limit())
		merge(&out.Counts, &o.Counts)
		h.hist.tell(&o.Counts, now, note)
		out.Owners = append(out.Owners, o)
	}
	n.buriedElsewhere(out)
	slices.SortFunc(out.Owners, worseOwner)
	pulses := s.used(n, out.Budget)
	out.Ports, out.UDP = n.use.tcp, n.use.udp
	timers := s.timers()
	if until := out.CountedSince.Add(max(timers.FIN, timers.HalfOpen)); now.Before(until) {
		// What ended before anybody looked may still hold ports.
		out.Ports = out.Ports.Widened(out.Budget.Ports)
	}
	s.judge(out, &n.use, pulses)
	if out.State == StateStreaming {
		if note {
			n.estimates.note(out.Ports.Estimate, momentOf(now))
		}
		n.hist.tell(&out.Counts, now, note)
	}
	out.Trend = n.estimates.values.unpack(nil)
	n.built = out
}

// refresh brings what is to be said of a node's flows up to date. What was said
// before holds for those that nothing was told of and that change by themselves
// no more, so that the work follows what happens and not what there is.
func (s *Session) refresh(n *node, note bool) {
	if note {
		s.tidy(n)
	}
	for _, h := range n.order {
		s.entitle(n, h)
		again := h.era != s.era
		if again {
			h.era = s.era
			for _, f := range h.flows {
				f.wake()
			}
		}
		if len(h.awake) == 0 && !h.dirty {
			continue
		}
		h.refresh(&s.room, func(f *flow) {
			s.card(n, h, f, again || f.is(strange), note)
			f.set(strange, false)
		}, func(f *flow) bool { return note && f.tire(s.now) })
		s.sum(n, h)
		h.dirty, n.old = false, true
	}
}

// entitle brings an owner's names up to date.
func (s *Session) entitle(n *node, h *holder) {
	if h.head != nil && !h.renamed && h.names == s.names.version {
		return
	}
	was := h.head
	h.head, h.names, h.loose, h.renamed = s.head(n, h), s.names.version, true, false
	if was != nil {
		h.head.Counts = was.Counts
		if was.OwnEgress != h.head.OwnEgress {
			h.era = 0 // its destinations count no more, or again
		}
	}
	if s.focused(n.name, h.key) {
		for _, f := range h.flows {
			if f.is(detailed) || f.apart() != nil {
				f.wake() // names of containers stand at its processes
			}
		}
	}
}

// sum adds up an owner's destinations.
func (s *Session) sum(n *node, h *holder) {
	var sums Counts
	var seen *kind
	var tcp, udp snat.Peaks
	timers := s.timers()
	for _, c := range h.cards {
		if c.kind != seen {
			seen = c.kind
			sums.room(Sight{Trouble: seen.trouble, Lives: seen.lives, Silence: seen.silence})
		}
		add(&sums, c)
		if !c.kind.Eligible {
			continue
		}
		switch c.at.protocol {
		case snat.TCP:
			tcp.Add(c.load(timers))
		case snat.UDP:
			udp.Add(c.load(timers))
		}
	}
	n.buried(h, &sums)
	o := h.owner()
	sums.OpenTrend = o.OpenTrend // it is told anew when it is another
	o.Counts, h.tcp, h.udp = sums, tcp, udp
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
