package session

import (
	"fmt"
	"slices"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// maxRing bounds the seconds in which ports are released: those of the longest
// hold, twice.
const maxRing = int(2 * snat.MaxTimer / coolingStep)

// Restored returns the session that a checkpoint is of. The pieces may be a
// stranger's: they are held to the same bounds as what a source tells. The
// session keeps what it needs of them.
func Restored(pieces []Piece) (*Session, error) {
	if len(pieces) == 0 || pieces[0].Head == nil {
		return nil, fmt.Errorf("%w: it has no head", ErrCheckpoint)
	}
	h := pieces[0].Head
	if h.Version != CheckpointVersion || h.Pieces != len(pieces) {
		return nil, fmt.Errorf("%w: version %d with %d of %d pieces", ErrCheckpoint, h.Version, len(pieces), h.Pieces)
	}
	s := New(Options{})
	s.settle(&h.Settings)
	s.now, s.started = h.Now.time(), h.Started.time()
	s.cluster = Cluster{
		Context: clean(h.Cluster.Context), ServerVersion: clean(h.Cluster.ServerVersion), Source: clean(h.Cluster.Source),
		Provider: snat.Provider(clean(string(h.Cluster.Provider))),
	}
	s.problem, s.refused = clean(h.Problem), h.Refused
	if h.Cloud != nil {
		s.cloud = cleanReading(h.Cloud)
	}
	for _, name := range h.GoneNodes[:min(len(h.GoneNodes), maxNodes)] {
		s.gone[clean(name)] = true
	}
	for i := range pieces[1:] {
		if err := s.take(&pieces[1+i]); err != nil {
			return nil, err
		}
	}
	s.classify()
	s.guess = s.guessProvider()
	s.dirty = true
	return s, nil
}

func (s *Session) take(p *Piece) error {
	switch {
	case p.Known != nil:
		s.names.apply(p.Known)
	case p.Gone != nil:
		for _, pod := range p.Gone {
			s.names.mourn(pod)
		}
	case p.Names != nil:
		s.names.correct(p.Names)
	case p.Node != nil:
		name := clean(p.Node.Name)
		n := s.node(name)
		if n == nil || len(n.streams) > 0 {
			return fmt.Errorf("%w: node %q", ErrCheckpoint, name)
		}
		return n.load(p.Node)
	case p.Flows != nil:
		n := s.nodes[clean(p.Flows.Node)]
		if n == nil {
			return fmt.Errorf("%w: flows of no node", ErrCheckpoint)
		}
		for i := range p.Flows.Flows {
			if err := n.loadFlow(&p.Flows.Flows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// mourn keeps the name of a pod that is gone already.
func (n *names) mourn(p inventory.Pod) {
	if p.UID = clean(p.UID); p.UID == "" || len(n.left) >= maxGonePods {
		return
	}
	p.Namespace, p.Name, p.Phase = clean(p.Namespace), clean(p.Name), clean(p.Phase)
	p.Workload.Kind, p.Workload.Name = clean(p.Workload.Kind), clean(p.Workload.Name)
	p.IPs = addresses(p.IPs)
	n.gone[p.UID] = p
	n.left = append(n.left, p.UID)
	n.answer(p)
}

// correct makes the choices that the order of the telling had made.
func (n *names) correct(s *savedNames) {
	for id, uid := range s.Alias {
		set(n.alias, id, clean(uid))
	}
	for _, one := range s.ByIP {
		n.called.set(address(one.IP), clean(one.Name))
	}
	for _, one := range s.ServiceAt {
		set(n.serviceAt, address(one.IP), clean(one.Name))
	}
}

func set[K comparable](m map[K]string, k K, v string) {
	if v == "" {
		delete(m, k)
		return
	}
	m[k] = v
}

func (n *node) load(s *savedNode) error {
	n.state = s.State
	n.state.tidy()
	n.since, n.noted, n.estimates, n.hist = s.Since.time(), s.Noted.time(), s.Estimates.load(), *s.History.load()
	n.budget = sound(s.Budget)
	if c := s.BudgetWas; c != nil {
		n.budgetWas = &BudgetChange{At: c.At.time(), From: sound(c.From), To: sound(c.To)}
	}
	for _, h := range s.Handovers[:min(len(s.Handovers), maxHandovers)] {
		h.From, h.To, h.Reason = clean(h.From), clean(h.To), clean(h.Reason)
		n.handovers = append(n.handovers, h)
	}
	if len(s.Streams) > maxNodeStreams || len(s.Owners) > maxNodeFlows {
		return fmt.Errorf("%w: a node of %d streams and %d owners", ErrCheckpoint, len(s.Streams), len(s.Owners))
	}
	for i := range s.Streams {
		st := n.stream(clean(s.Streams[i].PodUID))
		st.load(&s.Streams[i])
	}
	for _, o := range s.Owners {
		if o.Only {
			continue // nothing is left of it
		}
		seen := cleanOwner(o.Wire)
		h := n.holder(Key(clean(string(o.Key))))
		h.podUID, h.seen = clean(o.PodUID), &seen
		if o.History != nil {
			h.hist = *o.History.load()
		}
	}
	return nil
}

// sound bounds a budget, whose ports are multiplied and compared.
func sound(b snat.Budget) snat.Budget {
	const most = 1 << 24
	b.Source, b.Note = snat.BudgetSource(clean(string(b.Source))), clean(b.Note)
	b.Ports, b.PerDestination = min(max(b.Ports, 0), most), min(max(b.PerDestination, 0), most)
	return b
}

func (st *stream) load(s *savedStream) {
	if s.Hello != nil {
		st.hello = cleanHello(s.Hello)
	}
	st.collector, st.last, st.began, st.start = clean(s.Collector), s.Last.time(), s.Began.time(), startOf(st.number, s.Epoch)
	st.counted = max(s.Counted, 0)
	for _, o := range s.Owners[:min(len(s.Owners), maxStreamOwners)] {
		o = cleanOwner(o)
		st.owners[o.ID] = &o
	}
	st.loss, st.cost, st.problems, st.conntrack, st.refused = s.Loss, s.Cost, cleanAll(s.Problems), s.Conntrack, s.Refused
	if s.Sources != nil {
		st.sources = sources(s.Sources)
	}
	st.cpu = s.CPU.load()
	st.table = tableRates{s.Table[0].load(), s.Table[1].load(), s.Table[2].load()}
	for _, e := range s.Ended[:min(len(s.Ended), maxStreamOwners)] {
		l := &Lives{}
		l.add(loadLives(e.Lives))
		st.ended[Key(clean(string(e.Key)))] = l
	}
	st.endedElsewhere.add(loadLives(s.Elsewhere))
}

func (n *node) loadFlow(s *savedFlow) error {
	st := n.streams[clean(s.Stream)]
	if st == nil || !s.IP.IsValid() || n.count >= maxNodeFlows {
		return fmt.Errorf("%w: a flow of no stream, to no address, or too many of them", ErrCheckpoint)
	}
	f := n.flow(n.holder(Key(clean(string(s.Owner)))), targetOf(snat.Dest{Protocol: s.Protocol, IP: address(s.IP), Port: s.Port}))
	f.told = startOf(st.number, s.Epoch)
	if err := f.loadMoving(s); err != nil {
		return err
	}
	for i := range s.Rows {
		if err := n.loadRow(f, &s.Rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// loadMoving takes what moves of a flow, of which most have nothing.
func (f *flow) loadMoving(s *savedFlow) error {
	m := moving{opens: loadSome(s.Opens), closes: loadSome(s.Closes), fails: loadSome(s.Fails), lives: loadLives(s.Lives)}
	if s.Held != nil {
		for i, ring := range []*coolingRing{&m.held.fin, &m.held.reset, &m.held.gone} {
			if err := ring.load(s.Held[i]); err != nil {
				return err
			}
		}
	}
	if w := s.Waiting; w != nil {
		m.waiting = &waiting{since: w.Since.moment(), was: w.Was, is: w.Is, attempted: w.Attempted}
	}
	if s.Trouble != nil {
		m.trouble = &troubleRates{}
		for i, r := range m.trouble.all() {
			*r = s.Trouble[i].load()
		}
	}
	if s.History != nil {
		m.hist = s.History.load()
	}
	if m != (moving{}) {
		f.moving = &m
	}
	return nil
}

func (n *node) loadRow(f *flow, s *savedRow) error {
	st := n.streams[clean(s.Stream)]
	if st == nil || st.rows.get(s.ID) != nil || st.rows.count >= maxStreamRows {
		return fmt.Errorf("%w: a row of no stream, told twice, or too many of them", ErrCheckpoint)
	}
	var silent *events
	if s.Silent != nil {
		var sum Silence
		for i, c := range s.Silent[:min(len(s.Silent), SilenceBuckets)] {
			sum[i] = min(max(c, 0), 1<<32)
		}
		silent = st.silent(sum)
	}
	var list []wire.Process
	if s.Detailed {
		list = cleanProcesses(s.Processes)
	}
	f.seat(st, s.ID)
	g := gauges{established: s.Gauges[0], closing: s.Gauges[1], synSent: s.Gauges[2], timeWait: s.Gauges[3]}
	f.enter(st, s.ID, row{g, silent})
	if o := f.other(st, s.ID); o != nil {
		o.detailed, o.processes = s.Detailed, list
	} else {
		f.set(detailed, s.Detailed)
		f.detail(list)
	}
	st.rows.put(s.ID, f)
	return nil
}

// load takes pairs of a distance and a number. Ends are whole seconds that
// grow.
func (c *coolingRing) load(pairs []int64) error {
	if len(pairs)%2 != 0 || len(pairs) > 2*maxRing {
		return fmt.Errorf("%w: %d numbers of ports and ends", ErrCheckpoint, len(pairs))
	}
	var at int64
	for pair := range slices.Chunk(pairs, 2) {
		// Both bounds keep the sums far from the ends of their types.
		if at += pair[0]; pair[0] <= 0 || at > 1<<34 || pair[1] <= 0 || pair[1] > 1<<32-1 {
			return fmt.Errorf("%w: %d ports until %d", ErrCheckpoint, pair[1], at)
		}
		c.put(coolingBucket{at, uint32(pair[1])}) //nolint:gosec // bounded above
	}
	return nil
}

// Take makes the session remember what another does, in place of what it
// remembered; the other is not to be used any more. What the session is asked
// for, and by whom, stays.
func (s *Session) Take(from *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.opts, s.nodes, s.names, s.cluster, s.guess, s.problem = from.opts, from.nodes, from.names, from.cluster, from.guess, from.problem
	s.started, s.now, s.classes, s.cloud, s.gone, s.refused = from.started, from.now, from.classes, from.cloud, from.gone, from.refused
	s.era, s.kinds = from.era, from.kinds
	if s.focus.all {
		s.rebuild()
	} else {
		s.anew(s.focus.node, s.focus.owner) // the other was not asked for processes
	}
	s.refocus()
	s.signal()
}
