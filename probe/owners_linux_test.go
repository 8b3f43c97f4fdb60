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

	"github.com/snattop/snattop/probe/wire"
)

// A pod is told with its namespace, the containers that are seen in it, and
// the addresses of that namespace, not of one that it made inside.
func TestPodIsNamed(t *testing.T) {
	t.Parallel()
	s := deskSampler(t, t.TempDir())
	other := strings.Repeat("ab", 32)
	pod := &namespace{inode: 8, id: 2, owner: CgroupOwner{PodUID: uid, ContainerID: cid}}
	addr, inner := netip.MustParseAddr("10.244.0.9"), netip.MustParseAddr("172.17.0.1")
	s.addrs.byNS[8], s.addrs.byNS[9] = localAddrs{addr}, localAddrs{inner}
	processes := []*process{
		{pid: 1, netns: 7, owner: CgroupOwner{Unit: "init.scope"}},
		{pid: 2, netns: 8, owner: pod.owner},
		{pid: 3, netns: 8, owner: CgroupOwner{PodUID: uid, ContainerID: other}},
		{pid: 4, netns: 9, owner: pod.owner}, // a namespace of its own making
		{pid: 5, netns: 10, owner: CgroupOwner{PodUID: "of a pod without rows", ContainerID: cid}},
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
		"a container without a pod": {&namespace{inode: 8, owner: CgroupOwner{ContainerID: cid}}, wire.Owner{NetNS: 8, Unit: "container " + cid[:12], ContainerIDs: []string{cid}}},
		"a unit's own namespace":    {&namespace{inode: 9, owner: CgroupOwner{Unit: "x.service"}}, wire.Owner{NetNS: 9, Unit: "x.service"}},
		"a command":                 {&namespace{inode: 10, command: "sh"}, wire.Owner{NetNS: 10, Unit: "sh"}},
		"a hostNetwork pod":         {&namespace{inode: 7, host: true, owner: CgroupOwner{PodUID: uid}}, wire.Owner{NetNS: 7, HostNetwork: true, PodUID: uid}},
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

// A process that ends between its two tables has not lost its IPv6 sockets.
func TestProcfsHalfRead(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	proc, pid := fakeProc(t, map[string]string{"ns/net": "", "net/tcp": procTCPHeader + procEstab})
	inode, err := nsInode(filepath.Join(proc, "4242/ns/net"))
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
	if err := p.collect(ns, ending); !errors.Is(err, errNamespaceGone) {
		t.Errorf("ended between the tables: %v", err)
	}
	if err := p.collect(&namespace{inode: inode}, emit); err == nil || errors.Is(err, errNamespaceGone) {
		t.Errorf("no process at all: %v", err)
	}
	if err := p.read(ns, pid, emit); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Another process has the number by now, in another namespace.
func TestProcfsReadsNoStrangers(t *testing.T) {
	t.Parallel()
	proc, pid := fakeProc(t, map[string]string{"ns/net": "", "net/tcp": procTCPHeader + procEstab})
	ns := &namespace{inode: 1, pids: []int{pid}}
	if err := newProcfsCollector(proc).collect(ns, func(*Socket) { t.Error("a stranger's socket") }); !errors.Is(err, errNamespaceGone) {
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
