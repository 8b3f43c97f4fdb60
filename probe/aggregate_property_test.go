package probe

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/probe/wire"
)

// fakeSocket is one socket of the model. Its namespace has the number of its
// first owner.
type fakeSocket struct {
	Socket
	ns      uint32
	owner   uint64
	inbound bool
	// was is its phase at the last snapshot that met it.
	was phase
	// opened is whether this snapshot counted its open.
	opened bool
	// silent is how many minutes of silence were told last.
	silent int
}

func (s *fakeSocket) key() flowKey { return flowKey{owner: s.owner, proto: s.Protocol, dest: s.Remote} }

// kernelModel is a node whose truth is known.
type kernelModel struct {
	sockets   map[uint64]*fakeSocket
	nextKey   uint64
	nextInode uint64
	seeded    bool
	// happened are the events of the snapshot at hand.
	happened map[flowKey]events
}

func (m *kernelModel) event(s *fakeSocket, e events) {
	if s.inbound {
		return
	}
	h := m.happened[s.key()]
	m.happened[s.key()] = events{h.opens + e.opens, h.closes + e.closes, h.fails + e.fails}
}

// met notes that a snapshot saw a socket as it is now.
func (m *kernelModel) met(s *fakeSocket) {
	ph := s.State.phase()
	fresh := s.was == phaseNone || s.was == phaseAttempting
	s.opened = m.seeded && fresh && ph != phaseAttempting
	if s.opened {
		m.event(s, events{opens: 1})
	}
	if ph == phaseTimeWait && s.was != phaseTimeWait {
		m.event(s, events{closes: 1})
	}
	s.was = ph
	if s.Silence.known {
		s.silent = int(s.Silence.idle / time.Minute)
	}
	if ph != phaseEstablished {
		s.silent = 0
	}
}

// ended notes that a snapshot missed a socket that was there.
func (m *kernelModel) ended(s *fakeSocket) {
	switch s.was {
	case phaseEstablished, phaseClosing:
		m.event(s, events{closes: 1})
	case phaseAttempting:
		m.event(s, events{fails: 1})
	case phaseNone, phaseTimeWait, phaseListen:
	}
	delete(m.sockets, s.Key)
}

// gauges are the truth that a receiver must arrive at.
func (m *kernelModel) gauges() map[flowKey]gauges {
	out := make(map[flowKey]gauges)
	for _, s := range m.sockets {
		if s.inbound || s.was == phaseNone {
			continue
		}
		g := out[s.key()]
		switch s.was {
		case phaseEstablished:
			g.established++
			for i, from := 0, 1; i < wire.SilentBuckets; i, from = i+1, 2*from {
				if s.silent >= from && (s.silent < 2*from || i == wire.SilentBuckets-1) {
					g.silent[i]++
				}
			}
			if s.Unanswered {
				g.synSent++
			}
		case phaseClosing:
			g.closing++
		case phaseAttempting:
			g.synSent++
		case phaseTimeWait:
			g.timeWait++
		case phaseNone, phaseListen:
		}
		out[s.key()] = g
	}
	return out
}

var lifeOfASocket = []State{StateSynSent, StateEstablished, StateFinWait1, StateCloseWait, StateTimeWait}

func (m *kernelModel) open(t *rapid.T, namespaces int) {
	m.nextKey++
	m.sockets[m.nextKey] = m.draw(t, m.nextKey, rapid.IntRange(1, namespaces).Draw(t, "ns"))
}

// draw makes a socket. Its inode is its own, which tells it from the one that
// had its key before.
func (m *kernelModel) draw(t *rapid.T, key uint64, ns int) *fakeSocket {
	m.nextInode++
	return &fakeSocket{
		Socket: Socket{
			Key: key, Protocol: protocolTCP, Inode: m.nextInode,
			State: rapid.SampledFrom(lifeOfASocket).Draw(t, "state"),
			Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, 0, 0, byte(rapid.IntRange(1, 3).Draw(t, "dest"))}),
				uint16(rapid.SampledFrom([]int{53, 443}).Draw(t, "port"))),
		},
		ns: uint32(ns), owner: uint64(ns), inbound: rapid.IntRange(0, 5).Draw(t, "inbound") == 0,
	}
}

// hush draws what a snapshot tells of a socket's silence, which is often nothing,
// and whether it is one that nobody has answered.
func (s *fakeSocket) hush(t *rapid.T) {
	s.Silence = silence{}
	if rapid.Bool().Draw(t, "told") {
		minutes := rapid.SampledFrom([]int{0, 0, 1, 2, 3, 4, 31, 32, 63, 64, 127, 128, 100_000}).Draw(t, "minutes")
		s.Silence = silence{known: true, idle: time.Duration(minutes)*time.Minute + time.Second}
	}
	s.Unanswered = rapid.IntRange(0, 3).Draw(t, "unanswered") == 0
}

// age lets one socket live on.
func (m *kernelModel) age(t *rapid.T, s *fakeSocket) {
	switch rapid.IntRange(0, 5).Draw(t, "fate") {
	case 0: // it goes
		m.ended(s)
	case 1: // its key comes back for another connection
		next := m.draw(t, s.Key, int(s.ns))
		m.ended(s)
		m.sockets[s.Key] = next
	case 2, 3: // it goes on, never back
		i := rapid.IntRange(0, len(lifeOfASocket)-1).Draw(t, "next")
		if lifeOfASocket[i].phase() >= s.was {
			s.State = lifeOfASocket[i]
		}
	}
	if s.State == StateTimeWait {
		s.Inode = 0
	}
}

func sortedKeys(t *rapid.T, m *kernelModel) []uint64 {
	keys := make([]uint64, 0, len(m.sockets))
	for k := uint64(1); k <= m.nextKey; k++ {
		if m.sockets[k] != nil {
			keys = append(keys, k)
		}
	}
	return rapid.Permutation(keys).Draw(t, "order")
}

func newKernelModel() *kernelModel { return &kernelModel{sockets: map[uint64]*fakeSocket{}} }

// observe feeds one socket as the sampler does.
func observe(a *Aggregator, s *fakeSocket) bool {
	if a.knows(&s.Socket) {
		return a.add(&s.Socket, s.ns, 0, false)
	}
	owner := uint32(0)
	if !s.inbound {
		owner = a.owners.id(ownerKey{ns: s.owner}, false)
	}
	return a.add(&s.Socket, s.ns, owner, s.inbound)
}

// snapshot lets time pass on the model, and feeds the aggregator with it.
func (m *kernelModel) snapshot(t *rapid.T, a *Aggregator, failures bool) {
	const namespaces = 3
	m.happened = make(map[flowKey]events)
	failed := make(map[uint32]bool)
	if failures && rapid.IntRange(0, 3).Draw(t, "failure") == 0 {
		failed[uint32(rapid.IntRange(1, namespaces).Draw(t, "failed"))] = true
	}
	a.Begin()
	for _, k := range sortedKeys(t, m) {
		if s := m.sockets[k]; !failed[s.ns] {
			m.age(t, s)
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "opened") {
		m.open(t, namespaces)
	}
	for _, k := range sortedKeys(t, m) {
		s := m.sockets[k]
		s.opened = false
		// A namespace may fail in the middle: a part of it was read.
		if failed[s.ns] && rapid.Bool().Draw(t, "unread") {
			if s.was == phaseNone {
				delete(m.sockets, k)
			}
			continue
		}
		s.hush(t)
		observe(a, s)
		if rapid.IntRange(0, 7).Draw(t, "again") == 0 {
			again := *s
			again.State = rapid.SampledFrom(lifeOfASocket).Draw(t, "state again")
			observe(a, &again)
		}
		m.met(s)
	}
	for ns := range failed {
		a.Failed(ns)
	}
	a.sweep()
}

// A receiver that applies every tick ends with exactly what the last snapshot
// held, and the events of every tick are those that the model knows of.
func TestReceiverSeesTheKernel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, a, v, procs := newKernelModel(), NewAggregator(0), newReceiver(), newProcTable()
		focus := wire.Focus{}
		for i := range rapid.IntRange(1, 12).Draw(t, "ticks") {
			m.snapshot(t, a, i > 0)
			m.settle(t, a, procs)
			if rapid.IntRange(0, 3).Draw(t, "refocus") == 0 {
				focus = wire.Focus{All: rapid.Bool().Draw(t, "all"), Owners: []uint32{uint32(rapid.IntRange(1, 6).Draw(t, "owner"))}}
				a.SetFocus(focus)
			}
			tick := a.finish(time.Unix(int64(i), 0), time.Second, procs)
			m.seeded = true
			got, err := v.apply(tick)
			if err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(m.happened, func(_ flowKey, e events) bool { return e == events{} })
			if !maps.Equal(got, m.happened) {
				t.Fatalf("tick %d tells the events %+v, the model has %+v", i, got, m.happened)
			}
			if tick.Loss.Destinations != 0 {
				t.Fatalf("%d destinations lost without need", tick.Loss.Destinations)
			}
			compareGauges(t, v, m.gauges(), true)
			checkDetail(t, v, focus)
		}
	})
}

// settle finds holders late, as the look through open files does.
func (m *kernelModel) settle(t *rapid.T, a *Aggregator, procs *procTable) {
	for _, k := range sortedKeys(t, m) {
		if rapid.IntRange(0, 4).Draw(t, "settles") != 0 {
			continue
		}
		s := m.sockets[k]
		owner := uint64(rapid.IntRange(1, 5).Draw(t, "new owner"))
		a.move(k, a.owners.id(ownerKey{ns: owner}, false))
		if c := a.conns[k]; c.row != 0 {
			c.proc = procs.ref(procInfo{pid: uint32(owner)})
			a.conns[k] = c
		}
		if s.opened {
			m.event(s, events{opens: ^uint32(0)}) // one less
		}
		s.owner = owner
		if s.opened {
			m.event(s, events{opens: 1})
		}
	}
}

// compareGauges holds a receiver against the truth. A row that is told once
// more as empty before it goes is no lie.
func compareGauges(t *rapid.T, v *receiver, want map[flowKey]gauges, all bool) {
	for _, r := range v.rows {
		if r.now != want[r.key] {
			t.Fatalf("%v: receiver has %+v, the kernel %+v", r.key, r.now, want[r.key])
		}
	}
	for k, g := range want {
		if _, ok := v.live[k]; !ok && all {
			t.Fatalf("%v with %+v has no row", k, g)
		}
	}
}

// checkDetail wants every socket of a row in focus to have its process.
func checkDetail(t *rapid.T, v *receiver, f wire.Focus) {
	for id, r := range v.rows {
		if !f.All && (len(f.Owners) == 0 || r.ownerID != f.Owners[0]) {
			continue
		}
		var established, synSent uint32
		for _, p := range r.procs {
			established += p.Established
			synSent += p.SynSent
		}
		if !r.detailed || established != r.now.established || synSent != r.now.synSent {
			t.Fatalf("row %d in focus (%t) names %d and %d of %+v", id, r.detailed, established, synSent, r.now)
		}
	}
}

// With too few rows, the rows that there are still tell the truth, and a
// destination without one is counted in every snapshot.
func TestRowLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		m, a, v, procs := newKernelModel(), NewAggregator(limit), newReceiver(), newProcTable()
		for i := range rapid.IntRange(1, 10).Draw(t, "ticks") {
			m.snapshot(t, a, false)
			tick := a.finish(time.Unix(int64(i), 0), time.Second, procs)
			m.seeded = true
			if _, err := v.apply(tick); err != nil {
				t.Fatal(err)
			}
			if len(v.rows) > limit {
				t.Fatalf("%d rows of at most %d", len(v.rows), limit)
			}
			want := m.gauges()
			compareGauges(t, v, want, false)
			missing := 0
			for k := range want {
				if _, ok := v.live[k]; !ok {
					missing++
				}
			}
			// What is refused is bounded like the rows.
			if got := tick.Loss.Destinations; got != uint64(min(missing, limit)) {
				t.Fatalf("%d destinations told as lost, %d have no row", got, missing)
			}
		}
	})
}
