package probe

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/wire"
)

// A pod and one of its containers.
const (
	uid = "0b0f5c1e-8a4e-4d36-9f3a-1d2c3b4a5f60"
	cid = "4f1c0f9f2a7be8a6f7c3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819"
)

// A pod is told with its namespace, the containers that are seen in it, and
// the addresses of that namespace, not of one that it made inside.
func TestPodIsNamed(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	other := strings.Repeat("ab", 32)
	pod := &namespace{inode: 8, id: 2, owner: cgroup.Owner{PodUID: uid, ContainerID: cid}}
	addr, inner := netip.MustParseAddr("10.244.0.9"), netip.MustParseAddr("172.17.0.1")
	s.addrs.byNS[8], s.addrs.byNS[9] = localAddrs{addr}, localAddrs{inner}
	processes := []*process{
		{pid: 1, netns: 7, owner: cgroup.Owner{Unit: "init.scope"}},
		{pid: 2, netns: 8, owner: pod.owner},
		{pid: 3, netns: 8, owner: cgroup.Owner{PodUID: uid, ContainerID: other}},
		{pid: 4, netns: 9, owner: pod.owner}, // a namespace of its own making
		{pid: 5, netns: 10, owner: cgroup.Owner{PodUID: "of a pod without rows", ContainerID: cid}},
	}
	sock := tcp(1, StateEstablished, 9)
	look := func() *wire.Tick {
		s.agg.Begin()
		s.count(pod, &sock, nil)
		s.agg.sweep()
		s.nameContainers(processes)
		return s.agg.finish(time.Unix(1, 0), 0, s.procs)
	}
	want := []wire.Owner{{ID: 1, NetNS: 8, PodUID: uid, ContainerIDs: []string{cid, other}, IPs: []netip.Addr{addr}}}
	if got := look().Owners; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := look().Owners; len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
}

func TestOwnersByWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	for name, tc := range map[string]struct {
		ns   *namespace
		want wire.Owner
	}{
		"a container without a pod": {&namespace{inode: 8, owner: cgroup.Owner{ContainerID: cid}}, wire.Owner{NetNS: 8, Unit: "container " + cid[:12], ContainerIDs: []string{cid}}},
		"a unit's own namespace":    {&namespace{inode: 9, owner: cgroup.Owner{Unit: "x.service"}}, wire.Owner{NetNS: 9, Unit: "x.service"}},
		"a command":                 {&namespace{inode: 10, command: "sh"}, wire.Owner{NetNS: 10, Unit: "sh"}},
		"a hostNetwork pod":         {&namespace{inode: 7, host: true, owner: cgroup.Owner{PodUID: uid}}, wire.Owner{NetNS: 7, HostNetwork: true, PodUID: uid}},
	} {
		id := s.ownerOf(tc.ns, tc.ns.owner, tc.ns.command)
		got := s.agg.owners.byID[id].wire
		tc.want.ID = id
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
		if again := s.ownerOf(tc.ns, tc.ns.owner, tc.ns.command); again != id {
			t.Errorf("%s: %d, then %d", name, id, again)
		}
	}
}

// oneSocket is a socket table, as a little-endian kernel prints it.
const oneSocket = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n" +
	"   1: 0701F40A:C4EC 04013C14:01BB 01 00000000:00000000 02:000A7D8C 00000000     0        0 31337 2 0000000000000000 20 4 30 10 -1                     \n"

// A process that ends between its two tables has not lost its IPv6 sockets.
func TestProcfsHalfRead(t *testing.T) {
	t.Parallel()
	proc, pid := fakeProc(t, map[string]string{"ns/net": "", "net/tcp": oneSocket})
	inode, err := netns.Inode(filepath.Join(proc, "4242/ns/net"))
	if err != nil {
		t.Fatal(err)
	}
	p, ns := newProcfsCollector(proc), &namespace{inode: inode, pids: []int{1, pid}}
	count := 0
	emit := func(*Socket) { count++ }
	if err := p.collect(ns, emit); err != nil || count != 1 {
		t.Errorf("a kernel without IPv6: %d sockets, %v", count, err)
	}
	ending := func(*Socket) {
		if err := os.RemoveAll(filepath.Join(proc, "4242")); err != nil {
			t.Error(err)
		}
	}
	if err := p.collect(ns, ending); !errors.Is(err, netns.ErrGone) {
		t.Errorf("ended between the tables: %v", err)
	}
	if err := p.collect(&namespace{inode: inode}, emit); err == nil || errors.Is(err, netns.ErrGone) {
		t.Errorf("no process at all: %v", err)
	}
	if err := p.read(ns, pid, emit); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Another process has the number by now, in another namespace.
func TestProcfsReadsNoStrangers(t *testing.T) {
	t.Parallel()
	proc, pid := fakeProc(t, map[string]string{"ns/net": "", "net/tcp": oneSocket})
	ns := &namespace{inode: 1, pids: []int{pid}}
	if err := newProcfsCollector(proc).collect(ns, func(*Socket) { t.Error("a stranger's socket") }); !errors.Is(err, netns.ErrGone) {
		t.Error(err)
	}
}

// Sentences are few, and each is told once.
func TestProblems(t *testing.T) {
	t.Parallel()
	var l problemList
	for i := range 3 * maxProblems {
		l.add(errors.New("no \x1b[2Jaccess"))
		l.add(errors.New(strings.Repeat("x", i)))
	}
	if len(l.texts) != maxProblems || l.texts[0] != "no access" {
		t.Errorf("%q", l.texts)
	}
}
