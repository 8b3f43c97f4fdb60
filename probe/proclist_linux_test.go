package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
)

// statLine is /proc/<pid>/stat up to field 24.
func statLine(command, state string, flags uint64, start string) string {
	return fmt.Sprintf("4242 (%s) %s 1 4242 4242 0 -1 %d 1 2 3 4 5 6 7 8 20 0 1 0 %s 1000 20\n", command, state, flags, start)
}

func TestSocketInode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint64{
		"socket:[12345]": 12345, "socket:[0]": 0, "socket:[18446744073709551615]": 1<<64 - 1,
	} {
		if got, ok := socketInode([]byte(in)); !ok || got != want {
			t.Errorf("%q: %d, %t", in, got, ok)
		}
	}
	for _, in := range []string{"", "pipe:[1]", "socket:[", "socket:[]", "socket:[1", "socket:[x]", "socket:[-1]", "socket:[18446744073709551616]", "/socket:[1]"} {
		if got, ok := socketInode([]byte(in)); ok {
			t.Errorf("%q: %d", in, got)
		}
	}
}

// fakeProc is a /proc of one process whose files a test writes.
func fakeProc(t *testing.T, files map[string]string) (proc string, pid int) {
	t.Helper()
	proc, pid = t.TempDir(), 4242
	dir := filepath.Join(proc, "4242")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return proc, pid
}

// What is known of a process is believed once it has settled, and forgotten
// when its number is another's.
func TestProcessListRemembers(t *testing.T) {
	t.Parallel()
	pod := "0::/kubepods/pod" + uid + "/" + cid
	proc, pid := fakeProc(t, map[string]string{"stat": statLine("sh", "S", 0, "5"), "cgroup": "0::/init.scope", "ns/net": ""})
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(proc, "4242", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, now := newProcessList(proc), time.Unix(1000, 0)
	read := func(after time.Duration) cgroup.Owner {
		t.Helper()
		now = now.Add(after)
		list, err := l.read(now)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].pid != pid {
			t.Fatalf("%d processes", len(list))
		}
		return list[0].owner
	}
	if got := read(0); got.Unit != "init.scope" {
		t.Errorf("at first: %+v", got)
	}
	write("cgroup", pod) // the runtime moves it to its pod
	if got := read(settled / 2); got.PodUID != uid {
		t.Errorf("a young process is believed: %+v", got)
	}
	read(settled)
	write("cgroup", "0::/elsewhere.scope")
	if got := read(2 * settled); got.PodUID != uid {
		t.Errorf("a settled process is read again: %+v", got)
	}
	l.forget(pid)
	if got := read(time.Second); got.Unit != "elsewhere.scope" {
		t.Errorf("after forgetting: %+v", got)
	}
	read(2 * settled)
	write("cgroup", pod)
	write("stat", statLine("sh", "S", 0, "6"))
	if got := read(time.Second); got.PodUID != uid {
		t.Errorf("another process of the same number: %+v", got)
	}
	if err := os.RemoveAll(filepath.Join(proc, "4242")); err != nil {
		t.Fatal(err)
	}
	if list, err := l.read(now); err != nil || len(list)+len(l.known) != 0 {
		t.Errorf("%d listed, %d known, %v", len(list), len(l.known), err)
	}
	if _, err := newProcessList(filepath.Join(proc, "nothing")).read(now); err == nil {
		t.Error("no /proc is no error")
	}
}

func TestFindHolders(t *testing.T) {
	t.Parallel()
	to := mustListen(t, loopback(), 8)
	conns := newOpened(t)
	conns.dial(t, 2, to, false, 0)
	var want []wantedSocket
	for _, fd := range conns.fds {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		// Two keys of one file, and one that is asked for twice.
		for _, key := range []uint64{1, 2, 1} {
			want = append(want, wantedSocket{inode: st.Ino, key: key})
		}
	}
	if want = sortWanted(want); len(want) != 4 {
		t.Fatalf("wanted: %+v", want)
	}
	self := &process{pid: os.Getpid()}
	after := &process{pid: os.Getpid()}
	list := []*process{{pid: 1 << 30}, self, after}
	if files := findHolders("/proc", list, want); files == 0 {
		t.Error("no files were looked at")
	}
	for _, w := range want {
		if w.by != self {
			t.Errorf("%d is held by %+v", w.inode, w.by)
		}
	}
	missing := []wantedSocket{{inode: 1}, {inode: 1 << 60}}
	if findHolders("/proc", list, missing); missing[0].by != nil || missing[1].by != nil {
		t.Errorf("nobody's sockets are held by %+v", missing)
	}
	if files := findHolders("/proc", list, nil); files != 0 {
		t.Errorf("%d files for nothing", files)
	}
}

// The tree is walked as it is; a name outside UTF-8 is no reason to stop.
func TestCgroupIndex(t *testing.T) {
	t.Parallel()
	x := &cgroupIndex{root: t.TempDir(), found: true, byID: map[uint64]cgroup.Owner{}}
	paths := []string{"system.slice/sshd.service", "kubepods/pod" + uid + "/" + cid, "bad\xff.service"}
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Join(x.root, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.refresh(); err != nil {
		t.Fatal(err)
	}
	var got []cgroup.Owner
	for _, p := range paths {
		ino, err := netns.Inode(filepath.Join(x.root, p)) // any inode
		if err != nil {
			t.Fatal(err)
		}
		o, known := x.owner(ino)
		if !known {
			t.Errorf("%q is not known", p)
		}
		got = append(got, o)
	}
	want := []cgroup.Owner{{Unit: "sshd.service"}, {PodUID: uid, ContainerID: cid}, {Unit: "bad\ufffd.service"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, known := x.owner(1 << 62); known {
		t.Error("an ID of nobody is known")
	}
	if none := newCgroupIndex(t.TempDir()); none.found || none.refresh() != nil {
		t.Errorf("a tree was found in an empty folder: %+v", none)
	}
}
