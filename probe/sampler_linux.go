package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/plain"
	"github.com/snattop/snattop/probe/wire"
)

// sampler takes snapshots of this node. It is not safe for concurrent use.
type sampler struct {
	cfg     Config
	hostNS  uint64
	selfNS  uint64
	list    *processList
	cgroups *cgroupIndex
	thread  *netns.Thread
	ahead   *lookAhead
	// One of the two takes the snapshots: collect lists sockets, counts tells
	// what it has counted.
	collect collector
	counts  counter
	survey  *survey
	people  *people
	ladder  []rung
	agg     *Aggregator
	procs   *procTable
	keys    tupleKeys
	nsIDs   map[uint64]uint32
	memory  map[uint32]nsMemory
	nextNS  uint32
	tracked *trackedReader
	addrs   *addressBook
	ct      *conntrackReader
	scans   scanLimit
	silence *silences
	ports   *portBook

	// waiting holds the sockets of the host's namespace whose holder is not
	// known yet.
	waiting map[uint64]uint64

	// entering is whether other namespaces can be entered.
	entering bool
	// refreshed is whether this snapshot has read the cgroup tree already.
	refreshed bool
	problems  problemList
	sockets   uint64
	// unread counts the namespaces that could not be read in this snapshot.
	unread uint64
}

func newSampler(cfg Config) (sampling, []wire.Feature, error) {
	s := &sampler{
		cfg: cfg, list: newProcessList(cfg.Proc), cgroups: newCgroupIndex(cfg.HostRoot),
		agg: NewAggregator(cfg.MaxRows), procs: newProcTable(), keys: newTupleKeys(),
		nsIDs: make(map[uint64]uint32), memory: make(map[uint32]nsMemory), waiting: make(map[uint64]uint64),
		people: newPeople(), silence: newSilences(), ports: newPortBook(readLocalPorts),
	}
	if cfg.FocusAll {
		s.agg.SetFocus(wire.Focus{All: true})
	}
	var err error
	if s.selfNS, err = netns.Inode("/proc/self/ns/net"); err != nil {
		return nil, nil, fmt.Errorf("finding our own network namespace: %w", err)
	}
	s.hostNS = s.selfNS
	if cfg.Scope == ScopeNode {
		// PID 1 of the node's PID namespace lives in the node's own network.
		if ino, err := netns.Inode(filepath.Join(cfg.Proc, "1/ns/net")); err == nil {
			s.hostNS = ino
		}
	}
	s.thread = netns.NewThread()
	s.addrs = newAddressBook()
	s.tracked = newTrackedReader(s.keys)
	s.ct = newConntrackReader()
	features, err := s.choose()
	if err != nil {
		s.close()
		return nil, features, err
	}
	return s, features, nil
}

func (s *sampler) close() {
	if s.counts != nil {
		_ = s.counts.close() // the process ends, and the kernel takes all
	}
	s.ahead.close()
	s.thread.Close()
}

func (s *sampler) collector() string {
	if s.counts != nil {
		return string(s.counts.name())
	}
	return string(s.collect.name())
}

func (s *sampler) setFocus(f wire.Focus) { s.agg.SetFocus(f) }

// sample takes one snapshot. A collector that fails hands over to the next.
func (s *sampler) sample(ctx context.Context, now time.Time, elapsed time.Duration) (*wire.Tick, error) {
	tick, err := s.snapshot(ctx, now, elapsed)
	var broken *collectorError
	if !errors.As(err, &broken) || ctx.Err() != nil {
		return tick, err
	}
	var reasons []string
	for errors.As(err, &broken) {
		if herr := s.handOver(broken); herr != nil {
			return nil, herr
		}
		reasons = append(reasons, fmt.Sprintf("%v; %s counts from now on", broken, s.collector()))
		tick, err = s.snapshot(ctx, now, 0)
	}
	if err != nil {
		return nil, err
	}
	tick.Collector = s.collector()
	tick.Problems = append(reasons, tick.Problems...)
	return tick, nil
}

// snapshot takes one snapshot with the collector in use.
func (s *sampler) snapshot(ctx context.Context, now time.Time, elapsed time.Duration) (*wire.Tick, error) {
	s.refreshed, s.problems, s.sockets, s.unread = false, problemList{}, 0, 0
	if s.counts != nil {
		return s.tally(ctx, now, elapsed)
	}
	v, err := s.surveyed(now, 0)
	if err != nil {
		return nil, err
	}
	s.agg.Begin()
	asks := s.silence.begin(now)
	if d, ok := s.collect.(*diagCollector); ok {
		d.silence = asks
	}
	var failed error
	s.readAhead(ctx, v.spaces)
	for _, ns := range v.spaces {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.read(ctx, ns); err != nil {
			s.agg.Failed(ns.id)
			if !errors.Is(err, netns.ErrGone) {
				s.unread++
				failed = err
				s.problems.add(err)
				continue
			}
			for _, pid := range ns.pids {
				s.list.forget(pid)
			}
		}
	}
	if s.unread > 0 && s.unread == uint64(len(v.spaces)) {
		return nil, &collectorError{s.collect.name(), failed}
	}
	if s.cfg.Scope == ScopeNode {
		s.readTracked(ctx, now, v.spaces)
	}
	s.agg.sweep()
	s.silence.end()
	s.resolve(now, v.processes, v.spaces)
	s.nameContainers(v.processes)
	if p, ok := s.collect.(*procfsCollector); ok && p.bad > 0 {
		s.problems.add(fmt.Errorf("%d lines of socket tables did not parse", p.bad))
	}
	return s.finish(ctx, now, elapsed, v.spaces), nil
}

// finish ends a snapshot.
func (s *sampler) finish(ctx context.Context, now time.Time, elapsed time.Duration, spaces []*namespace) *wire.Tick {
	switch n := s.list.hidden; {
	case n == 1:
		s.problems.text("a process hides its namespaces from us")
	case n > 1:
		s.problems.text(fmt.Sprintf("%d processes hide their namespaces from us", n))
	}
	if s.list.partial && s.cfg.Scope == ScopeNode {
		s.problems.text(s.cfg.Proc + " shows our own processes only (hidepid)")
	}
	s.localPorts(ctx, now, spaces)
	tick := s.agg.finish(now, elapsed, s.procs)
	tick.Conntrack = s.conntrack(ctx, now, spaces, tick.Full)
	tick.Sources = s.sources(tick.Full)
	tick.Loss.Namespaces = s.unread
	tick.Problems = s.problems.texts
	tick.Cost = wire.Cost{Sockets: s.sockets, Namespaces: uint32(len(spaces))} //nolint:gosec // a count of namespaces
	return tick
}

// look lists the processes and the namespaces to read.
func (s *sampler) look(now time.Time) ([]*process, []*namespace, error) {
	processes, err := s.list.read(now)
	if err != nil {
		return nil, nil, err
	}
	if s.cfg.Scope == ScopePod {
		ns := &namespace{inode: s.selfNS, id: s.nsID(s.selfNS)}
		for _, p := range processes {
			if p.netns == s.selfNS {
				ns.pids = append(ns.pids, p.pid)
			}
		}
		return processes, []*namespace{ns}, nil
	}
	spaces := s.namespaces(processes)
	live := make(map[uint64]bool, len(spaces))
	for _, ns := range spaces {
		live[ns.inode] = true
	}
	for inode, id := range s.nsIDs {
		if !live[inode] {
			delete(s.memory, id)
			delete(s.nsIDs, inode)
		}
	}
	s.addrs.retain(live)
	if d, ok := s.collect.(*diagCollector); ok {
		d.retain(live)
	}
	return processes, spaces, nil
}

// read counts the sockets of one namespace.
func (s *sampler) read(ctx context.Context, ns *namespace) error {
	if s.quiet(ns) {
		return nil
	}
	heard := make(listeners)
	// A dump that was read again tells listeners again.
	type identity struct{ key, inode uint64 }
	met := make(map[identity]bool)
	var m nsMemory
	emit := func(sock *Socket) {
		s.sockets++
		// Before Linux 5.4 every namespace counts its cookies from 1.
		sock.Key ^= uint64(ns.id) << 40
		if sock.State == StateListen {
			met[identity{sock.Key, sock.Inode}] = true
			heard.add(sock)
			return
		}
		m.flows++
		s.silence.correct(sock)
		s.count(ns, sock, heard)
	}
	err := s.dump(ctx, ns, emit)
	m.listeners = len(met)
	if err == nil {
		s.memory[ns.id] = m
	}
	return err
}

// dump runs the collector on one namespace.
func (s *sampler) dump(ctx context.Context, ns *namespace, emit func(*Socket)) error {
	if !s.collect.enters() && s.cfg.Scope == ScopeNode && s.entering {
		// Addresses only name the owners of UDP flows: a failure costs no socket.
		_ = s.inside(ctx, ns, func() error {
			s.addrs.read(ns.inode)
			return nil
		})
	}
	if s.foundAhead(ns, emit) {
		return nil
	}
	return s.listSockets(ctx, ns, s.collect, emit)
}

// listSockets runs a collector on one namespace.
func (s *sampler) listSockets(ctx context.Context, ns *namespace, with collector, emit func(*Socket)) error {
	if !with.enters() {
		return with.collect(ns, emit)
	}
	return s.inside(ctx, ns, func() error {
		s.addrs.read(ns.inode)
		return with.collect(ns, emit)
	})
}

// maxDoors bounds the processes through which a namespace is tried: they end
// between the listing and the reading, hardly many of one namespace at once.
const maxDoors = 4

// inside runs fn inside a namespace.
func (s *sampler) inside(ctx context.Context, ns *namespace, fn func() error) error {
	if ns.inode == s.selfNS {
		return s.thread.Do(ctx, netns.Place{}, fn)
	}
	at := netns.Place{Path: ns.path, Inode: ns.inode}
	err := s.thread.Do(ctx, at, fn)
	for i, pid := range ns.pids {
		if !errors.Is(err, netns.ErrGone) {
			break
		}
		s.list.forget(pid)
		if i+1 >= min(len(ns.pids), maxDoors) {
			break
		}
		at.Path = s.door(ns.pids[i+1])
		err = s.thread.Do(ctx, at, fn)
	}
	return err
}

// door is where a process's network namespace can be entered.
func (s *sampler) door(pid int) string {
	return filepath.Join(s.cfg.Proc, strconv.Itoa(pid), "ns/net")
}

// count hands one socket to the aggregator with its owner and direction. Both
// are settled when a socket is first met: a listener may close later, and a
// socket in TIME_WAIT has no owner in the kernel any more.
func (s *sampler) count(ns *namespace, sock *Socket, heard listeners) {
	if sock.State == StateClose {
		s.agg.ending(sock.Key)
		return
	}
	if s.agg.knows(sock) {
		s.agg.add(sock, ns.id, 0, false)
		return
	}
	if sock.State.phase() == phaseNone {
		return
	}
	inbound := heard.accepts(sock.Local)
	owner, sure := uint32(0), true
	if !inbound {
		owner, sure = s.owner(ns, sock)
	}
	if s.agg.add(sock, ns.id, owner, inbound) && !sure && sock.Inode != 0 {
		s.waiting[sock.Key] = sock.Inode
	}
}

// owner says who holds a socket; sure is false when the holder has yet to be
// looked for among the processes.
func (s *sampler) owner(ns *namespace, sock *Socket) (id uint32, sure bool) {
	if s.cfg.Scope == ScopePod {
		return s.agg.owners.id(ownerKey{ns: ns.inode}, false), true
	}
	if !ns.host && ns.owner.PodUID != "" {
		return s.ownerOf(ns, ns.owner, ""), true
	}
	by := s.cgroupOwner(sock.Cgroup)
	if !by.Zero() {
		return s.ownerOf(ns, by, ""), true
	}
	if !ns.host {
		return s.ownerOf(ns, ns.owner, ns.command), true
	}
	return s.agg.owners.id(ownerKey{ns: ns.inode}, true), false
}

func (s *sampler) ownerOf(ns *namespace, o cgroup.Owner, command string) uint32 {
	switch {
	case o.PodUID != "":
		id := s.agg.owners.id(ownerKey{podUID: o.PodUID}, ns.host)
		s.agg.owners.sawNamespace(id, ns.inode)
		s.agg.owners.sawContainer(id, o.ContainerID)
		return id
	case o.ContainerID != "":
		id := s.agg.owners.id(ownerKey{ns: ns.inode, unit: "container " + o.ContainerID[:12]}, ns.host)
		s.agg.owners.sawContainer(id, o.ContainerID)
		return id
	case o.Unit != "":
		return s.agg.owners.id(ownerKey{ns: ns.inode, unit: o.Unit}, ns.host)
	default:
		return s.agg.owners.id(ownerKey{ns: ns.inode, unit: command}, ns.host)
	}
}

// cgroupOwner looks a socket's cgroup up, reading the tree again at most once
// in a snapshot.
func (s *sampler) cgroupOwner(id uint64) cgroup.Owner {
	if id == 0 {
		return cgroup.Owner{}
	}
	o, known := s.cgroups.owner(id)
	if known || s.refreshed {
		return o
	}
	s.refreshed = true
	if err := s.cgroups.refresh(); err != nil {
		s.problems.add(fmt.Errorf("reading the cgroup tree: %w", err))
	}
	o, _ = s.cgroups.owner(id)
	return o
}

// nameContainers tells the containers that live in pods with rows.
func (s *sampler) nameContainers(processes []*process) {
	for _, p := range processes {
		if p.owner.PodUID == "" {
			continue
		}
		if id, ok := s.agg.owners.ids[ownerKey{podUID: p.owner.PodUID}]; ok {
			s.agg.owners.sawContainer(id, p.owner.ContainerID)
			// A pod may hold namespaces of its own making; its addresses are
			// those of the first that was met.
			if p.netns != s.hostNS && p.netns == s.agg.owners.byID[id].wire.NetNS {
				s.agg.owners.setIPs(id, s.addrs.of(p.netns))
			}
		}
	}
}

// problemList keeps a few distinct sentences.
type problemList struct{ texts []string }

const maxProblems = 8

func (l *problemList) add(err error) { l.text(err.Error()) }

func (l *problemList) text(text string) {
	text = plain.Line(text)
	if len(l.texts) >= maxProblems {
		return
	}
	for _, t := range l.texts {
		if t == text {
			return
		}
	}
	l.texts = append(l.texts, text)
}

// kernelRelease returns what uname -r prints.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// cpuTime returns what this process has taken so far, in user and kernel
// mode (getrusage(2)).
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// localAddrs is the set of addresses of one namespace.
type localAddrs []netip.Addr
