package probe

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// tape feeds an aggregator snapshot by snapshot.
type tape struct {
	t *testing.T
	a *Aggregator
	p *procTable
}

func newTape(t *testing.T, rows int) *tape {
	t.Helper()
	return &tape{t: t, a: NewAggregator(rows), p: newProcTable()}
}

// take is one whole snapshot: before is called between sweep and finish.
func (p *tape) take(before func(), sockets ...Socket) *wire.Tick {
	p.t.Helper()
	p.a.Begin()
	for i := range sockets {
		s := &sockets[i]
		if p.a.knows(s) {
			p.a.add(s, 1, 0, false)
			continue
		}
		p.a.add(s, 1, p.a.owners.id(ownerKey{ns: 1}, false), false)
	}
	p.a.sweep()
	if before != nil {
		before()
	}
	return p.a.finish(time.Unix(1, 0), time.Second, p.p)
}

// tcp is a socket to 20.0.0.<dest>:443.
func tcp(key uint64, state State, dest byte) Socket {
	return Socket{
		Key: key, Protocol: protocolTCP, State: state, Inode: 1000 + key,
		Local:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(40000+key)),
		Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, 0, 0, dest}), 443),
	}
}

func (p *tape) wantRows(got []wire.Row, want ...wire.Row) {
	p.t.Helper()
	for i := range got { // where a row leads is told once, and tested elsewhere
		got[i].Owner, got[i].Protocol, got[i].IP, got[i].Port = 0, 0, netip.Addr{}, 0
	}
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		p.t.Errorf("rows %+v, want %+v", got, want)
	}
}

func TestLifeOfAConnection(t *testing.T) {
	t.Parallel()
	p := newTape(t, 0)
	p.wantRows(p.take(nil).Rows)
	p.wantRows(p.take(nil, tcp(1, StateSynSent, 9)).Rows, wire.Row{ID: 1, SynSent: 1})
	p.wantRows(p.take(nil, tcp(1, StateSynSent, 9)).Rows)
	p.wantRows(p.take(nil, tcp(1, StateEstablished, 9)).Rows, wire.Row{ID: 1, Established: 1, Opens: 1})
	p.wantRows(p.take(nil, tcp(1, StateFinWait2, 9)).Rows, wire.Row{ID: 1, Closing: 1})
	p.wantRows(p.take(nil, tcp(1, StateTimeWait, 9)).Rows, wire.Row{ID: 1, TimeWait: 1, Closes: 1})
	p.wantRows(p.take(nil, tcp(1, StateTimeWait, 9)).Rows)
	p.wantRows(p.take(nil).Rows, wire.Row{ID: 1})
	tick := p.take(nil)
	p.wantRows(tick.Rows)
	if !reflect.DeepEqual(tick.GoneRows, []uint32{1}) || !reflect.DeepEqual(tick.GoneOwners, []uint32{1}) {
		t.Errorf("gone rows %v, owners %v", tick.GoneRows, tick.GoneOwners)
	}
}

func TestEndings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, after []Socket
		want          wire.Row
	}{
		"given up":                {[]Socket{tcp(1, StateSynSent, 9)}, nil, wire.Row{Fails: 1}},
		"the server closed first": {[]Socket{tcp(1, StateCloseWait, 9)}, nil, wire.Row{Closes: 1}},
		"reset":                   {[]Socket{tcp(1, StateEstablished, 9)}, nil, wire.Row{Closes: 1}},
		"cooled down":             {[]Socket{tcp(1, StateTimeWait, 9)}, nil, wire.Row{}},
		"lived between two looks": {nil, []Socket{tcp(1, StateTimeWait, 9)}, wire.Row{TimeWait: 1, Opens: 1, Closes: 1}},
		"answered and closed":     {[]Socket{tcp(1, StateSynSent, 9)}, []Socket{tcp(1, StateTimeWait, 9)}, wire.Row{TimeWait: 1, Opens: 1, Closes: 1}},
		"a tuple used again":      {[]Socket{tcp(1, StateTimeWait, 9)}, []Socket{tcp(1, StateEstablished, 9)}, wire.Row{Established: 1, Opens: 1}},
		"a retry on one socket":   {[]Socket{tcp(1, StateEstablished, 9)}, []Socket{tcp(1, StateSynSent, 9)}, wire.Row{SynSent: 1, Closes: 1}},
		"simultaneous open":       {[]Socket{tcp(1, StateSynSent, 9)}, []Socket{tcp(1, StateSynRecv, 9)}, wire.Row{Fails: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTape(t, 0)
			p.take(nil, tc.before...)
			want := tc.want
			want.ID = 1
			p.wantRows(p.take(nil, tc.after...).Rows, want)
		})
	}
}

// A program may connect one socket twice, to two places.
func TestSocketConnectsElsewhere(t *testing.T) {
	t.Parallel()
	p := newTape(t, 0)
	p.take(nil, tcp(1, StateSynSent, 8))
	p.wantRows(p.take(nil, tcp(1, StateSynSent, 9)).Rows, wire.Row{ID: 1, Fails: 1}, wire.Row{ID: 2, SynSent: 1})
}

// Another process got the same local port for the same destination.
func TestTupleOfAnotherSocket(t *testing.T) {
	t.Parallel()
	p := newTape(t, 0)
	p.take(nil, tcp(1, StateEstablished, 9))
	again := tcp(1, StateEstablished, 9)
	again.Inode++
	p.wantRows(p.take(nil, again).Rows, wire.Row{ID: 1, Established: 1, Opens: 1, Closes: 1})
	orphan := again
	orphan.Inode = 0
	p.wantRows(p.take(nil, orphan).Rows)
}

func TestInboundMakesNoRows(t *testing.T) {
	t.Parallel()
	a, procs := NewAggregator(1), newProcTable()
	for _, state := range []State{StateEstablished, StateCloseWait, StateTimeWait, 0} {
		a.Begin()
		for key := range uint64(3) {
			if s := tcp(key+1, state, byte(key)); a.add(&s, 1, 0, true) {
				t.Error("an inbound socket has a row")
			}
		}
		a.sweep()
		tick := a.finish(time.Unix(1, 0), 0, procs)
		if len(tick.Rows)+len(tick.Owners)+len(tick.GoneRows) != 0 || tick.Loss != (wire.Loss{}) {
			t.Errorf("state %d: %+v", state, tick)
		}
	}
	if len(a.conns) != 0 {
		t.Errorf("%d sockets are kept", len(a.conns))
	}
}

// What does not fit is counted for as long as it does not fit, and comes in
// without a false open when there is room.
func TestRefusedDestinations(t *testing.T) {
	t.Parallel()
	p := newTape(t, 1)
	both := []Socket{tcp(1, StateEstablished, 1), tcp(2, StateEstablished, 2), tcp(3, StateEstablished, 2)}
	for range 3 {
		if tick := p.take(nil, both...); tick.Loss.Destinations != 1 {
			t.Errorf("%d destinations are lost, want 1", tick.Loss.Destinations)
		}
	}
	p.take(nil, both[1:]...) // the row is told as empty
	p.take(nil, both[1:]...) // and goes
	tick := p.take(nil, both[1:]...)
	p.wantRows(tick.Rows, wire.Row{ID: 2, Established: 2})
	if tick.Loss.Destinations != 0 {
		t.Errorf("%d destinations are lost still", tick.Loss.Destinations)
	}
	p.wantRows(p.take(nil).Rows, wire.Row{ID: 2, Closes: 2})
}

func TestMove(t *testing.T) {
	t.Parallel()
	p := newTape(t, 0)
	p.take(nil)
	owners := map[uint32]uint64{}
	learn := func(tick *wire.Tick) {
		for _, o := range tick.Owners {
			owners[o.ID] = o.NetNS
		}
	}
	move := func(key, ns uint64) func() {
		return func() { p.a.move(key, p.a.owners.id(ownerKey{ns: ns}, false)) }
	}
	// Found in the same look: the first owner is never told.
	tick := p.take(move(1, 7), tcp(1, StateEstablished, 9))
	learn(tick)
	if len(tick.Owners) != 1 || len(tick.Rows) != 1 || owners[tick.Rows[0].Owner] != 7 || tick.Rows[0].Opens != 1 {
		t.Errorf("found at once: %+v", tick)
	}
	// Found late: its open stays where it was told, and another socket's open
	// of this very look stays as well.
	tick = p.take(nil, tcp(1, StateEstablished, 9), tcp(2, StateEstablished, 9))
	learn(tick)
	first := tick.Rows[0]
	tick = p.take(move(2, 7), tcp(1, StateEstablished, 9), tcp(2, StateEstablished, 9), tcp(3, StateEstablished, 9))
	byID := map[uint32]wire.Row{}
	for _, r := range tick.Rows {
		byID[r.ID] = r
	}
	if r := byID[first.ID]; r.Established != 1 || r.Opens != 1 {
		t.Errorf("the owner that lost a socket: %+v", r)
	}
	for id, r := range byID {
		if id != first.ID && (r.Established != 2 || r.Opens != 0) {
			t.Errorf("the owner that won a socket: %+v", r)
		}
	}
}

// Moves that lead nowhere change nothing.
func TestMoveNowhere(t *testing.T) {
	t.Parallel()
	p := newTape(t, 1)
	same := p.a.owners.id(ownerKey{ns: 1}, false)
	tick := p.take(func() {
		p.a.move(99, same)                                 // unknown
		p.a.move(1, same)                                  // where it is
		p.a.move(1, p.a.owners.id(ownerKey{ns: 2}, false)) // no room there
		p.a.move(2, p.a.owners.id(ownerKey{ns: 2}, false)) // has no row
	}, tcp(1, StateEstablished, 1), tcp(2, StateEstablished, 2))
	p.wantRows(tick.Rows, wire.Row{ID: 1, Established: 1})
}

// Of many processes the largest are told, in an order that stays.
func TestProcessesAreBounded(t *testing.T) {
	t.Parallel()
	procs := newProcTable()
	counts := make(map[uint32]*procCount)
	for i := range uint32(maxProcesses + 50) {
		counts[procs.ref(procInfo{pid: 7, start: uint64(i)})] = &procCount{established: i % 100, synSent: 1}
	}
	first := tellProcesses(counts, procs, maxTickProcesses)
	if len(first) != maxProcesses || first[0].Established != 99 {
		t.Fatalf("%d processes, the first with %d", len(first), first[0].Established)
	}
	for range 5 {
		if !reflect.DeepEqual(tellProcesses(counts, procs, maxTickProcesses), first) {
			t.Fatal("the order changes by itself")
		}
	}
	if got := tellProcesses(counts, procs, 3); !reflect.DeepEqual(got, first[:3]) {
		t.Errorf("with room for three: %d", len(got))
	}
}

// What is told of an owner is told again when it changes, and only then.
func TestOwnerChanges(t *testing.T) {
	t.Parallel()
	o := newOwnerTable()
	id := o.id(ownerKey{podUID: "p"}, false)
	used := map[uint32]bool{id: true}
	steps := []struct {
		name string
		do   func()
		told bool
	}{
		{"new", func() {}, true},
		{"nothing", func() {}, false},
		{"its namespace", func() { o.sawNamespace(id, 7) }, true},
		{"another namespace", func() { o.sawNamespace(id, 8) }, false},
		{"a container", func() { o.sawContainer(id, "c") }, true},
		{"the same container", func() { o.sawContainer(id, "c") }, false},
		{"no container", func() { o.sawContainer(id, "") }, false},
		{"addresses", func() { o.setIPs(id, []netip.Addr{netip.MustParseAddr("10.0.0.1")}) }, true},
		{"the same addresses", func() { o.setIPs(id, []netip.Addr{netip.MustParseAddr("10.0.0.1")}) }, false},
		{"strangers", func() { o.sawContainer(99, "c"); o.sawNamespace(99, 1); o.setIPs(99, nil) }, false},
	}
	for _, s := range steps {
		s.do()
		told, gone := o.changes(used)
		if (len(told) == 1) != s.told || len(gone) != 0 {
			t.Errorf("%s: told %+v, gone %v", s.name, told, gone)
		}
	}
	for i := range 2 * maxContainers {
		o.sawContainer(id, string(rune('A'+i)))
	}
	if told, _ := o.changes(used); len(told[0].ContainerIDs) != maxContainers || told[0].NetNS != 7 {
		t.Errorf("%d containers, namespace %d", len(told[0].ContainerIDs), told[0].NetNS)
	}
	if _, gone := o.changes(nil); len(gone) != 1 || len(o.ids)+len(o.byID)+len(o.keyOf) != 0 {
		t.Errorf("gone %v, kept %d", gone, len(o.byID))
	}
}
