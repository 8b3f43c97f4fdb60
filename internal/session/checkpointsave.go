package session

import (
	"cmp"
	"maps"
	"slices"

	"github.com/snattop/snattop/k8s/inventory"
)

// Checkpoint returns what the session remembers. The pieces share memory with
// the session: they are to be stored before it is told anything more. ok is
// false when that would be too much to be worth it.
func (s *Session) Checkpoint() (pieces []Piece, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flows := 0
	for _, n := range s.nodes {
		flows += n.count
	}
	if flows > checkpointFlows {
		return nil, false
	}
	head := &savedHead{
		Version: CheckpointVersion, Now: stampOf(s.now), Started: stampOf(s.started), Settings: s.opts.Settings(),
		Cluster: ClusterInfo{Context: s.cluster.Context, ServerVersion: s.cluster.ServerVersion, Source: s.cluster.Source, Provider: s.cluster.Provider},
		Problem: s.problem, Cloud: s.cloud, GoneNodes: slices.Sorted(maps.Keys(s.gone)), Refused: s.refused,
	}
	pieces = append([]Piece{{Head: head}}, s.names.save()...)
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		pieces = append(pieces, s.nodes[name].save()...)
	}
	head.Pieces = len(pieces)
	return pieces, true
}

func (n *names) save() (out []Piece) {
	told := newNames()
	known := func(c inventory.Change) {
		told.apply(&c)
		out = append(out, Piece{Known: &c})
	}
	inChunks(n.nodes, func(l []inventory.Node) { known(inventory.Change{Nodes: l}) })
	inChunks(n.services, func(l []inventory.Service) { known(inventory.Change{Services: l}) })
	inChunks(n.endpoints, func(l []inventory.Endpoints) { known(inventory.Change{Endpoints: l}) })
	inChunks(n.pods, func(l []inventory.Pod) { known(inventory.Change{Pods: l}) })
	for uids := range slices.Chunk(n.left, checkpointChunk) {
		var gone []inventory.Pod
		for _, uid := range uids {
			gone = append(gone, n.gone[uid])
			told.mourn(n.gone[uid])
		}
		out = append(out, Piece{Gone: gone})
	}
	diff := savedNames{Alias: otherwise(n.alias, told.alias)}
	for ip, name := range otherwise(n.called.all(), told.called.all()) {
		diff.ByIP = append(diff.ByIP, savedName{ip, name})
	}
	for ip, uid := range otherwise(n.serviceAt, told.serviceAt) {
		diff.ServiceAt = append(diff.ServiceAt, savedName{ip, uid})
	}
	byIP := func(a, b savedName) int { return a.IP.Compare(b.IP) }
	slices.SortFunc(diff.ByIP, byIP)
	slices.SortFunc(diff.ServiceAt, byIP)
	if len(diff.Alias)+len(diff.ByIP)+len(diff.ServiceAt) > 0 {
		out = append(out, Piece{Names: &diff})
	}
	return out
}

// otherwise is where a map differs from another: "" stands for nothing there.
func otherwise[K comparable](is, told map[K]string) map[K]string {
	out := map[K]string{}
	for k, v := range is {
		if told[k] != v {
			out[k] = v
		}
	}
	for k := range told {
		if _, ok := is[k]; !ok {
			out[k] = ""
		}
	}
	return out
}

// inChunks hands out values in the order of their keys, some at a time.
func inChunks[K cmp.Ordered, V any](m map[K]V, tell func([]V)) {
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(m)), checkpointChunk) {
		list := make([]V, 0, len(keys))
		for _, k := range keys {
			list = append(list, m[k])
		}
		tell(list)
	}
}

func (n *node) save() []Piece {
	one := &savedNode{
		Name: n.name, State: n.state, Since: stampOf(n.since), Noted: stampOf(n.noted), Estimates: saveTrend(&n.estimates), History: saveHistory(&n.hist),
		Budget: n.budget, Handovers: n.handovers,
	}
	if c := n.budgetWas; c != nil {
		one.BudgetWas = &savedChange{At: stampOf(c.At), From: c.From, To: c.To}
	}
	var flows []*flow
	for _, h := range n.order {
		hist := saveHistory(&h.hist)
		one.Owners = append(one.Owners, savedOwner{Key: h.key, PodUID: h.podUID, Wire: *h.seen, History: &hist})
		flows = append(flows, h.flows...)
	}
	first := make(map[*flow]savedRow)
	for _, pod := range slices.Sorted(maps.Keys(n.streams)) {
		st := n.streams[pod]
		one.Streams = append(one.Streams, st.save())
		for id, f := range st.rows.all() {
			if f.other(st, id) == nil {
				first[f] = f.saveFirst(pod, id)
			}
		}
	}
	out := []Piece{{Node: one}}
	slices.SortFunc(flows, compareFlows)
	for chunk := range slices.Chunk(flows, checkpointChunk) {
		piece := &savedFlows{Node: n.name}
		for _, f := range chunk {
			piece.Flows = append(piece.Flows, f.save(first))
		}
		out = append(out, Piece{Flows: piece})
	}
	return out
}

func compareFlows(a, b *flow) int {
	return cmp.Or(cmp.Compare(a.holder.key, b.holder.key), a.card.at.compare(&b.card.at))
}

func (st *stream) save() savedStream {
	s := savedStream{
		PodUID: st.podUID, Hello: st.hello, Collector: st.collector, Last: stampOf(st.last), Counted: st.counted, Began: stampOf(st.began), Epoch: st.start.epoch(),
		Loss: st.loss, Cost: st.cost, Problems: st.problems, Conntrack: st.conntrack, Sources: st.sources, CPU: saveRate(st.cpu),
		Table:     [3]savedRate{saveRate(st.table.insertFailed), saveRate(st.table.drop), saveRate(st.table.earlyDrop)},
		Elsewhere: saveLives(&st.endedElsewhere), Refused: st.refused,
	}
	for _, id := range slices.Sorted(maps.Keys(st.owners)) {
		s.Owners = append(s.Owners, *st.owners[id])
	}
	for _, key := range slices.Sorted(maps.Keys(st.ended)) {
		s.Ended = append(s.Ended, savedLives{key, saveLives(st.ended[key])})
	}
	return s
}

// saveFirst saves a flow's first row, saveRow any.
func (f *flow) saveFirst(pod string, id uint32) savedRow {
	r, a := row{f.card.gauges(), f.card.events.quiet()}, f.apart()
	if a != nil && len(a.more) > 0 {
		r = a.first
	}
	s := saveRow(r)
	s.Stream, s.ID, s.Detailed = pod, id, f.is(detailed)
	if a != nil {
		s.Processes = a.processes
	}
	return s
}

func saveRow(r row) savedRow {
	s := savedRow{Gauges: [4]uint32{r.established, r.closing, r.synSent, r.timeWait}}
	if r.silent != nil {
		s.Silent = r.silent.silent[:]
	}
	return s
}

func (f *flow) save(first map[*flow]savedRow) savedFlow {
	s := savedFlow{
		Owner: f.holder.key, Protocol: f.card.at.protocol, IP: f.card.at.addr(), Port: f.card.at.port, Stream: f.stream().podUID, Epoch: f.told.epoch(),
	}
	if m := f.moving; m != nil {
		m.save(&s)
	}
	if r, ok := first[f]; ok {
		s.Rows = append(s.Rows, r)
	}
	if a := f.apart(); a != nil {
		for i := range a.more {
			r := &a.more[i]
			one := saveRow(r.row)
			one.Stream, one.ID, one.Detailed, one.Processes = r.stream.podUID, r.id, r.detailed, r.processes
			s.Rows = append(s.Rows, one)
		}
	}
	return s
}

func (m *moving) save(s *savedFlow) {
	s.Opens, s.Closes, s.Fails, s.Lives = saveSome(m.opens), saveSome(m.closes), saveSome(m.fails), saveLives(m.lives)
	if !m.held.none() {
		s.Held = &[3][]int64{m.held.fin.save(), m.held.reset.save(), m.held.gone.save()}
	}
	if w := m.waiting; w != nil {
		s.Waiting = &savedWaiting{Since: w.since.stamp(), Was: w.was, Is: w.is, Attempted: w.attempted}
	}
	if m.trouble != nil {
		s.Trouble = &[8]savedRate{}
		for i, r := range m.trouble.all() {
			s.Trouble[i] = saveRate(*r)
		}
	}
	if m.hist != nil {
		h := saveHistory(m.hist)
		s.History = &h
	}
}

func (c *coolingRing) save() []int64 {
	var out []int64
	var last int64
	for b := range c.kept.all() {
		out = append(out, b.until-last, int64(b.n))
		last = b.until
	}
	return out
}
