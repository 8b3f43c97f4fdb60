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
		flows += len(n.flows)
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
	for ip, name := range otherwise(n.byIP, told.byIP) {
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
	for _, key := range slices.Sorted(maps.Keys(n.owners)) {
		o := savedOwner{Key: key, PodUID: n.owners[key].podUID, Wire: n.owners[key].wire}
		if h := n.hists[key]; h != nil {
			saved := saveHistory(h)
			o.History = &saved
		}
		one.Owners = append(one.Owners, o)
	}
	for _, key := range slices.Sorted(maps.Keys(n.hists)) {
		if _, ok := n.owners[key]; !ok {
			saved := saveHistory(n.hists[key])
			one.Owners = append(one.Owners, savedOwner{Key: key, History: &saved, Only: true})
		}
	}
	rows := make(map[*streamRow]savedRow)
	for _, pod := range slices.Sorted(maps.Keys(n.streams)) {
		st := n.streams[pod]
		one.Streams = append(one.Streams, st.save())
		for id, r := range st.rows {
			rows[r] = r.save(pod, id)
		}
	}
	out := []Piece{{Node: one}}
	for chunk := range slices.Chunk(slices.SortedFunc(maps.Values(n.flows), compareFlows), checkpointChunk) {
		flows := &savedFlows{Node: n.name}
		for _, f := range chunk {
			flows.Flows = append(flows.Flows, f.save(rows))
		}
		out = append(out, Piece{Flows: flows})
	}
	return out
}

func compareFlows(a, b *flow) int {
	return cmp.Or(
		cmp.Compare(a.key.owner, b.key.owner), a.key.dest.IP.Compare(b.key.dest.IP),
		cmp.Compare(a.key.dest.Port, b.key.dest.Port), cmp.Compare(a.key.dest.Protocol, b.key.dest.Protocol),
	)
}

func (st *stream) save() savedStream {
	s := savedStream{
		PodUID: st.podUID, Hello: st.hello, Collector: st.collector, Last: stampOf(st.last), Counted: st.counted, Began: stampOf(st.began), Epoch: st.epoch,
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

func (r *streamRow) save(pod string, id uint32) savedRow {
	s := savedRow{Stream: pod, ID: id, Gauges: [4]uint32{r.established, r.closing, r.synSent, r.timeWait}, Detailed: r.detailed, Processes: r.processes}
	if r.silent != nil {
		s.Silent = r.silent[:]
	}
	return s
}

func (f *flow) save(rows map[*streamRow]savedRow) savedFlow {
	s := savedFlow{
		Owner: f.key.owner, Protocol: f.key.dest.Protocol, IP: f.key.dest.IP, Port: f.key.dest.Port, Stream: f.stream.podUID, Epoch: f.epoch,
		Opens: saveSome(f.opens), Closes: saveSome(f.closes), Fails: saveSome(f.fails), Lives: saveLives(f.lives),
	}
	if f.held != nil {
		s.Held = &[3][]int64{f.held.fin.save(), f.held.reset.save(), f.held.gone.save()}
	}
	if w := f.waiting; w != nil {
		s.Waiting = &savedWaiting{Since: stampOf(w.since), Was: w.was, Is: w.is, Attempted: w.attempted}
	}
	if f.trouble != nil {
		s.Trouble = &[8]savedRate{}
		for i, r := range f.trouble.all() {
			s.Trouble[i] = saveRate(*r)
		}
	}
	if f.hist != nil {
		h := saveHistory(f.hist)
		s.History = &h
	}
	for _, r := range f.rows {
		s.Rows = append(s.Rows, rows[r])
	}
	return s
}

func (c *coolingRing) save() []int64 {
	var out []int64
	var last int64
	for _, b := range c.buckets {
		at := b.until.Unix()
		out = append(out, at-last, int64(b.n))
		last = at
	}
	return out
}
