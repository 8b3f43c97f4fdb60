package session

import (
	"math"
	"net/netip"
	"reflect"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// Bounds of what a source may make a session remember. A node's probe tells
// apart 100,000 destinations at the most; whoever sends more is not ours. A
// node's flows outlive its rows while they cool down.
const (
	maxStreamRows   = 100_000
	maxStreamOwners = 20_000
	maxNodeFlows    = 200_000
	maxNodeStreams  = 1_000
	maxNodes        = 10_000
	maxTextBytes    = 1024
	maxTexts        = 64
	maxSources      = 256
	maxHandovers    = 16
	// maxGonePods bounds the pods that were removed and are still named.
	maxGonePods = 4096
	// maxEndpointSlices bounds the slices that lead to public addresses, of
	// which there are few, and maxCloudNodes what a cloud may tell of.
	maxEndpointSlices = 10_000
	maxCloudNodes     = maxNodes
)

// stream is one probe's side of a node: the whole node, or one pod of it.
type stream struct {
	podUID string
	number int
	hello  *wire.Hello
	// collector is the one in use: the Hello's, or who took over from it.
	collector string
	// last is when a tick came; counted is for how long events have been
	// counted since the stream began, began when that was, and start which of
	// its beginnings that is.
	last      time.Time
	counted   time.Duration
	began     time.Time
	start     start
	owners    map[uint32]*wire.Owner
	rows      rowTable
	loss      wire.Loss
	cost      wire.Cost
	problems  []string
	conntrack []wire.Conntrack
	sources   []wire.Source
	// cpu is the processor time of the probe, in microseconds.
	cpu rate
	// table is what the node's connection tracking table loses.
	table tableRates
	// ended holds the lives of destinations that are forgotten, by owner, and
	// endedElsewhere those of owners that are.
	ended          map[Key]*Lives
	endedElsewhere Lives
	// silences keeps one of each that was told, as cards have it: most are
	// alike.
	silences map[Silence]*events
	// refused counts rows and owners beyond the bounds.
	refused uint64
}

func newStream(podUID string, number int) *stream {
	return &stream{
		podUID: podUID, number: number, start: startOf(number, 0), owners: make(map[uint32]*wire.Owner), rows: newRowTable(),
		ended: make(map[Key]*Lives), silences: make(map[Silence]*events),
	}
}

// interval is the time between ticks.
func (st *stream) interval() time.Duration {
	if st.hello == nil {
		return time.Second
	}
	return time.Duration(min(max(st.hello.IntervalMillis, 100), time.Minute.Milliseconds())) * time.Millisecond
}

// asOf is the time that rates are read at: they stand still between two ticks,
// and fade when ticks fail to come.
func (st *stream) asOf(now time.Time) time.Time {
	if late := now.Add(-2 * st.interval()); late.After(st.last) {
		return late
	}
	return st.last
}

// elapse returns the time that a tick covers and counts it.
func (st *stream) elapse(t *wire.Tick, now time.Time) time.Duration {
	over := time.Duration(t.ElapsedNanos)
	if over <= 0 {
		over = now.Sub(st.last)
	}
	if over <= 0 || over > time.Hour {
		over = st.interval()
	}
	st.counted += over
	return over
}

// known is what a stream needs of the rest of the session: how long ports are
// held, and when an owner came to be (zero when that is not known).
type known struct {
	timers snat.Timers
	born   func(*holder) time.Time
}

// age is how old an owner is, 0 when that is not known.
func (k known) age(owner *holder, now time.Time) time.Duration {
	born := k.born(owner)
	if born.IsZero() {
		return 0
	}
	return max(now.Sub(born), time.Second)
}

// apply takes a tick into the node's flows.
func (st *stream) apply(n *node, t *wire.Tick, now time.Time, k known) {
	var over time.Duration
	if t.Full {
		st.reset(n, now)
	} else {
		over = st.elapse(t, now)
		st.cpu.add(micros(t.Cost.CPUNanos), over, now)
	}
	st.last, st.loss, st.cost = now, t.Loss, t.Cost
	st.problems = cleanAll(t.Problems)
	st.handOver(n, t.Collector, now)
	if t.Conntrack != nil {
		st.table.note(st.conntrack, t.Conntrack, over, now)
		st.conntrack = t.Conntrack
	}
	if t.Sources != nil {
		st.sources = sources(t.Sources)
	}
	for i := range t.Owners {
		st.owner(n, t.Owners[i])
	}
	for i := range t.Rows {
		st.row(n, &t.Rows[i], over, now, k)
	}
	for _, id := range t.GoneRows {
		if f := st.rows.get(id); f != nil {
			f.detach(st, id)
			f.wake()
			st.rows.drop(id)
		}
	}
	for _, id := range t.GoneOwners {
		delete(st.owners, id)
	}
}

func (st *stream) owner(n *node, o wire.Owner) {
	if st.owners[o.ID] == nil && len(st.owners) >= maxStreamOwners {
		st.refused++
		return
	}
	o = cleanOwner(o)
	if was := st.owners[o.ID]; was != nil && reflect.DeepEqual(*was, o) {
		n.remember(st, was)
		return
	}
	st.owners[o.ID] = &o
	n.remember(st, &o)
}

func cleanOwner(o wire.Owner) wire.Owner {
	o.Unit, o.PodUID = clean(o.Unit), clean(o.PodUID)
	o.ContainerIDs, o.IPs = cleanAll(o.ContainerIDs), addresses(o.IPs)
	return o
}

// row takes what a tick says of a destination. over is the time that the
// tick's events are spread over; 0 for a full tick, which counts none.
func (st *stream) row(n *node, r *wire.Row, over time.Duration, now time.Time, k known) {
	f := st.rows.get(r.ID)
	if f == nil {
		o := st.owners[r.Owner]
		if o == nil || !r.IP.IsValid() || st.rows.count >= maxStreamRows || n.count >= maxNodeFlows {
			st.refused++
			return
		}
		f = n.flow(n.remember(st, o), targetOf(snat.Dest{Protocol: snat.Protocol(r.Protocol), IP: address(r.IP), Port: r.Port}))
		f.attach(st, r.ID)
		st.rows.put(r.ID, f)
	}
	f.wake()
	f.take(st, r)
	if over > 0 {
		f.count(r, over, now)
	}
	switch f.card.at.protocol {
	case snat.TCP:
		f.ended(r, over, k.age(f.holder, now), now, k.timers)
		f.attempts(now)
	case snat.UDP:
		if left := k.timers.UDP - udpForgotten; over > 0 && r.Closes > 0 && left > 0 {
			f.move().held.fin.add(r.Closes, now.Add(left))
		}
	}
}

// udpForgotten is for how long a UDP flow has been silent, at the least, when
// the node forgets it (nf_conntrack_udp_timeout); the balancer's own time runs
// from its last packet too.
const udpForgotten = 30 * time.Second

// silenceOf reads a row's buckets; nil when it has none. A bucket beyond the
// last holds what is longer still.
func (st *stream) silenceOf(list []uint32) *events {
	if len(list) == 0 {
		return nil
	}
	var sum Silence
	for i, n := range list {
		sum[min(i, SilenceBuckets-1)] += int(n)
	}
	return st.silent(sum)
}

// maxSilences bounds what is kept of what was told.
const maxSilences = 4096

// silent is the one of those that say the same; nil is that none is silent.
func (st *stream) silent(s Silence) *events {
	if s == (Silence{}) {
		return nil
	}
	one := st.silences[s]
	if one == nil {
		if len(st.silences) >= maxSilences {
			clear(st.silences)
		}
		one = &events{silent: &s}
		st.silences[s] = one
	}
	return one
}

func cleanProcesses(list []wire.Process) []wire.Process {
	out := make([]wire.Process, len(list))
	for i, p := range list {
		p.Command = clean(p.Command)
		out[i] = p
	}
	return out
}

// micros is a time of nanoseconds in microseconds, within what a rate counts.
func micros(nanos int64) uint32 {
	return uint32(min(max(nanos/1000, 0), math.MaxUint32))
}

// reset forgets what the stream said before: a probe starts anew.
func (st *stream) reset(n *node, now time.Time) {
	for id, f := range st.rows.all() {
		f.detach(st, id)
		f.wake()
	}
	n.restart()
	st.rows = newRowTable()
	clear(st.owners)
	clear(st.ended)
	st.endedElsewhere = Lives{}
	st.conntrack, st.sources, st.counted, st.refused, st.cpu = nil, nil, 0, 0, rate{}
	st.table = tableRates{}
	st.began = now
	st.start = startOf(st.number, st.start.epoch()+1)
}

// address is an IP as a page may show it: a zone is free text.
func address(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

func addresses(list []netip.Addr) []netip.Addr {
	if len(list) == 0 {
		return nil
	}
	out := make([]netip.Addr, 0, len(list))
	for _, ip := range list {
		if ip.IsValid() {
			out = append(out, address(ip))
		}
	}
	return out
}
