package probe

import (
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/wire"
)

// deskSampler has no kernel: a test feeds its parts.
func deskSampler(t *testing.T, proc string) *sampler {
	t.Helper()
	s := &sampler{
		cfg: Config{Scope: ScopeNode, Proc: proc}, list: newProcessList(proc), agg: NewAggregator(0), procs: newProcTable(),
		nsIDs: map[uint64]uint32{7: 1}, memory: map[uint32]nsMemory{}, waiting: map[uint64]uint64{}, hostNS: 7, selfNS: 7,
		cgroups: &cgroupIndex{byID: map[uint64]cgroup.Owner{}}, addrs: newAddressBook(), tracked: newTrackedReader(newTupleKeys()),
		silence: newSilences(), ports: newPortBook(func() (uint32, error) { return 0, nil }),
	}
	return s
}

func hostSpace() *namespace { return &namespace{inode: 7, id: 1, host: true} }

// countAll is a snapshot of sockets of the host.
func (s *sampler) countAll(sockets ...Socket) {
	s.agg.Begin()
	for i := range sockets {
		s.count(hostSpace(), &sockets[i], nil)
	}
	s.agg.sweep()
}

// Sockets that nobody holds are looked for three times, and not for ever.
func TestResolveGivesUp(t *testing.T) {
	t.Parallel()
	s, now := deskSampler(t, t.TempDir()), time.Unix(1000, 0)
	for range maxTries {
		if s.countAll(tcp(1, StateEstablished, 9)); len(s.waiting) != 1 {
			t.Fatalf("%d wait", len(s.waiting))
		}
		now = now.Add(time.Hour)
		s.resolve(now, nil, nil)
	}
	s.resolve(now.Add(time.Hour), nil, nil)
	if c := s.agg.conns[1]; len(s.waiting) != 0 || c.tries != maxTries {
		t.Errorf("%d wait after %d tries", len(s.waiting), c.tries)
	}
}

// While looks are too dear, nothing is tried and nothing is forgotten; what
// has ended meanwhile waits no longer.
func TestResolveWaitsItsShare(t *testing.T) {
	t.Parallel()
	s, now := deskSampler(t, t.TempDir()), time.Unix(1000, 0)
	s.scans.next = now.Add(time.Second)
	s.countAll(tcp(1, StateEstablished, 9), tcp(2, StateEstablished, 9), tcp(3, StateEstablished, 9))
	s.resolve(now, nil, nil)
	if len(s.waiting) != 3 || s.agg.conns[1].tries != 0 {
		t.Errorf("%d wait, %d tries", len(s.waiting), s.agg.conns[1].tries)
	}
	s.countAll(tcp(1, StateEstablished, 9), tcp(2, StateTimeWait, 9))
	s.resolve(now, nil, nil)
	if _, ok := s.waiting[1]; !ok || len(s.waiting) != 1 {
		t.Errorf("%v wait", s.waiting)
	}
	s.resolve(now.Add(time.Second), nil, nil)
	if s.agg.conns[1].tries != 1 {
		t.Error("nobody looked when it was time")
	}
	if !s.scans.next.After(now.Add(time.Second)) {
		t.Error("a look is not charged")
	}
}

// Every socket that waits is part of every look, however many there are.
func TestResolveStarvesNobody(t *testing.T) {
	t.Parallel()
	s, now := deskSampler(t, "/proc"), time.Unix(1000, 0)
	to := mustListen(t, loopback(), 64)
	conns := newOpened(t)
	conns.dial(t, 2, to, false, 0)
	var seen []Socket
	if err := newDiagCollector().collect(nil, func(sock *Socket) {
		if sock.Remote == to {
			seen = append(seen, *sock)
		}
	}); err != nil {
		t.Skipf("inet_diag does not work here: %v", err)
	}
	all := make([]Socket, 0, 2002)
	const ghosts = 1 << 40 // the kernel's own cookies are far below
	for i := range uint64(2000) {
		ghost := tcp(ghosts+i, StateEstablished, byte(i))
		ghost.Inode = 1<<40 + i
		all = append(all, ghost)
	}
	for i := range seen {
		seen[i].Cgroup = 0
		all = append(all, seen[i])
	}
	self := &process{pid: os.Getpid(), netns: 7, owner: cgroup.Owner{Unit: "me.service"}}
	s.countAll(all...)
	s.resolve(now, []*process{self}, []*namespace{hostSpace()})
	for _, r := range seen {
		c := s.agg.conns[r.Key]
		if row := s.agg.byID[c.row]; int(s.procs.get(c.proc).pid) != os.Getpid() || s.agg.owners.keyOf[row.key.owner].unit != "me.service" {
			t.Errorf("held by %+v, owner %+v", s.procs.get(c.proc), s.agg.owners.keyOf[row.key.owner])
		}
	}
	if len(seen) != 2 || len(s.waiting) != 2000 {
		t.Errorf("%d seen sockets, %d wait", len(seen), len(s.waiting))
	}
	// The last try looks at the processes of other namespaces as well.
	self.netns = 8
	if got := s.candidates([]*process{self}, []*namespace{hostSpace()}, []wantedSocket{{inode: 1, key: ghosts}}); len(got) != 0 {
		t.Errorf("%d candidates elsewhere", len(got))
	}
	c := s.agg.conns[ghosts]
	c.tries = maxTries - 1
	s.agg.conns[ghosts] = c
	if got := s.candidates([]*process{self}, []*namespace{hostSpace()}, []wantedSocket{{inode: 1, key: ghosts}}); len(got) != 1 {
		t.Errorf("%d candidates at the last try", len(got))
	}
}

// The owner of a socket of the host is the pod of its cgroup, else the holder.
func TestOwnerOfHostSockets(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	s.cgroups.byID[5] = cgroup.Owner{PodUID: uid, ContainerID: cid}
	s.cgroups.byID[6] = cgroup.Owner{Unit: "kubelet.service"}
	s.cgroups.byID[1] = cgroup.Owner{} // the root
	in := func(key, cgroup uint64) Socket {
		sock := tcp(key, StateEstablished, byte(key))
		sock.Cgroup = cgroup
		return sock
	}
	s.countAll(in(1, 5), in(2, 6), in(3, 1), in(4, 0), in(5, 999))
	tick := s.agg.finish(time.Unix(1, 0), 0, s.procs)
	byID := map[uint32]wire.Owner{}
	for _, o := range tick.Owners {
		byID[o.ID] = o
		if !o.HostNetwork || o.NetNS != 7 {
			t.Errorf("%+v is not told as the host's", o)
		}
	}
	for i, want := range []string{uid, "kubelet.service", "", "", ""} {
		o := byID[tick.Rows[i].Owner]
		if o.PodUID+o.Unit != want {
			t.Errorf("socket %d: %+v, want %q", i+1, o, want)
		}
	}
	if len(s.waiting) != 3 {
		t.Errorf("%d wait for their holder, want 3", len(s.waiting))
	}
}

// Before Linux 5.4 each namespace counts cookies by itself.
func TestCookiesOfTwoNamespaces(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	s.collect = &cannedCollector{tcp(1, StateEstablished, 9)}
	s.agg.Begin()
	for _, ns := range []*namespace{hostSpace(), {inode: 8, id: 2}} {
		if err := s.read(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
	}
	s.agg.sweep()
	if len(s.agg.conns) != 2 || len(s.agg.byID) != 2 {
		t.Errorf("%d sockets in %d rows", len(s.agg.conns), len(s.agg.byID))
	}
}

// A listener that a repeated dump tells twice is one listener.
func TestListenersCountOnce(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	l := tcp(1, StateListen, 0)
	sibling := l
	sibling.Key, sibling.Inode = 2, 77 // SO_REUSEPORT
	s.collect = &cannedCollector{l, sibling, l}
	if err := s.read(t.Context(), hostSpace()); err != nil {
		t.Fatal(err)
	}
	if got := s.memory[1]; got != (nsMemory{listeners: 2}) {
		t.Errorf("got %+v", got)
	}
}

type cannedCollector []Socket

func (*cannedCollector) name() Collector { return "canned" }
func (*cannedCollector) enters() bool    { return false }
func (c *cannedCollector) collect(_ *namespace, emit func(*Socket)) error {
	for _, s := range *c {
		emit(&s)
	}
	return nil
}

// Flows stay between two reads of the tracking table, and when one fails; they
// end when the table is given up for good.
func TestUDPBetweenReads(t *testing.T) {
	t.Parallel()
	s, now := deskSampler(t, t.TempDir()), time.Unix(1000, 0)
	spaces := []*namespace{hostSpace()}
	s.tracked.next = now.Add(time.Second)
	flow := tcp(1, StateEstablished, 9)
	flow.Protocol, flow.Inode = protocolUDP, 0
	round := func(spaces []*namespace, add bool) wire.Row {
		t.Helper()
		s.agg.Begin()
		if add {
			s.agg.add(&flow, udpNamespace, s.agg.owners.id(ownerKey{ns: 7}, true), false)
		} else {
			s.readTracked(t.Context(), now, spaces)
		}
		s.agg.sweep()
		tick := s.agg.finish(now, 0, s.procs)
		if len(tick.Rows) == 0 {
			return wire.Row{}
		}
		return tick.Rows[0]
	}
	if r := round(nil, true); r.Established != 1 || r.Protocol != protocolUDP {
		t.Fatalf("at first: %+v", r)
	}
	for _, spaces := range [][]*namespace{spaces, nil} {
		if r := round(spaces, false); r.ID != 0 {
			t.Errorf("a look without a read changes %+v", r)
		}
	}
	s.tracked.off = errors.New("no such table")
	if r := round(spaces, false); r.Closes != 1 || r.Established != 0 {
		t.Errorf("given up: %+v", r)
	}
}

func TestAddressBook(t *testing.T) {
	t.Parallel()
	b := newAddressBook()
	b.read(7)
	for _, a := range b.of(7) {
		if a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%s names nobody", a)
		}
	}
	shared, own := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	b.byNS[7], b.byNS[8] = localAddrs{shared}, localAddrs{shared, own}
	b.age[9] = 3 // its addresses could never be listed
	host, pod := hostSpace(), &namespace{inode: 8}
	got := b.locals([]*namespace{host, pod})
	if got[shared] != host || got[own] != pod || len(got) != 2 {
		t.Errorf("%v", got)
	}
	b.retain(map[uint64]bool{8: true})
	if len(b.byNS) != 1 || len(b.age) != 0 {
		t.Errorf("%d lists and %d ages are kept", len(b.byNS), len(b.age))
	}
}
