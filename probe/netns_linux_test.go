package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/thread"
	"github.com/snattop/snattop/probe/wire"
)

func nodeView(t *testing.T, c Collector, children ...*child) *view {
	t.Helper()
	pids := make([]int, 0, len(children))
	for _, c := range children {
		pids = append(pids, c.pid())
	}
	return newView(t, Config{Scope: ScopeNode, Collector: c, Proc: fewProcesses(t, pids...), HostRoot: t.TempDir()})
}

// The same address in two namespaces is two destinations of two owners.
func TestNamespaceOfAProcess(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			ch := newChild(t)
			w := nodeView(t, c, ch)
			to := ch.listen()
			for range 3 {
				ch.say("dial " + to.String())
			}
			w.s.setFocus(wire.Focus{All: true})
			w.look()
			r := w.rowTo(to)
			o := w.owners[r.ownerID]
			if r.now.established != 3 || o.NetNS != ch.netns || o.NetNS == w.s.selfNS || o.HostNetwork {
				t.Errorf("%+v of %+v, the namespace is %d", r.now, o, ch.netns)
			}
			if len(r.procs) != 1 || int(r.procs[0].PID) != ch.pid() || r.procs[0].Established != 3 {
				t.Errorf("held by %+v, want %d", r.procs, ch.pid())
			}
			ch.say("abort")
			w.look()
			if r.now != (gauges{}) || w.sums[r.key] != (events{closes: 3}) {
				t.Errorf("after the end: %+v with %+v", r.now, w.sums[r.key])
			}
		})
	}
}

// listers are the collectors that read every namespace at every look.
func listers() []Collector { return []Collector{CollectorDiag, CollectorProcfs} }

// countingCollector counts the reads of each namespace.
type countingCollector struct {
	collector
	of map[uint64]int
}

func (c *countingCollector) collect(ns *namespace, emit func(*Socket)) error {
	if c.of == nil {
		c.of = make(map[uint64]int)
	}
	c.of[ns.inode]++
	return c.collector.collect(ns, emit)
}

// Namespaces have their turns at different looks; one without a process has
// them as well.
func TestQuietNamespacesTakeTurns(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	bound, _ := boundNamespace(t, root, 0)
	first, second := newChild(t), newChild(t)
	w := newView(t, Config{Collector: CollectorDiag, Proc: fewProcesses(t, first.pid(), second.pid()), HostRoot: root})
	reads := &countingCollector{collector: w.s.collect}
	w.s.collect = reads
	w.look()
	turns := make(map[uint64]int)
	for i := range quietFor + 1 {
		reads.of = nil
		w.look()
		for _, ns := range []uint64{bound, first.netns, second.netns} {
			if reads.of[ns] > 0 {
				if _, again := turns[ns]; again {
					t.Errorf("namespace %d was read twice", ns)
				}
				turns[ns] = i
			}
		}
	}
	if len(turns) != 3 || turns[bound] == turns[first.netns] || turns[first.netns] == turns[second.netns] {
		t.Errorf("turns: %v", turns)
	}
}

// A namespace without flows is not read while the kernel counts none, and read
// in the very look that follows a new connection.
func TestQuietNamespaceIsNotMissed(t *testing.T) {
	t.Parallel()
	for _, c := range listers() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			ch := newChild(t)
			to := ch.listen()
			w := nodeView(t, c, ch)
			reads := &countingCollector{collector: w.s.collect}
			w.s.collect = reads
			w.look() // nothing is known
			for range 2 {
				reads.of = nil
				for range quietFor + 1 {
					w.look()
				}
				if n := reads.of[ch.netns]; n != 1 {
					t.Errorf("read %d times in %d looks", n, quietFor+1)
				}
			}
			ch.say("dial " + to.String())
			w.look()
			if r := w.rowTo(to); r.now.established != 1 || w.sums[r.key] != (events{opens: 1}) {
				t.Errorf("%+v with %+v", r.now, w.sums[r.key])
			}
			ch.say("abort")
			w.look()
			w.look()
			if rows := w.rowsTo(to); len(rows) != 0 {
				t.Errorf("the row stays: %+v", rows[0])
			}
		})
	}
}

// dyingCollector lets a process end in the middle of a snapshot.
type dyingCollector struct {
	collector
	before func()
}

func (d *dyingCollector) collect(ns *namespace, emit func(*Socket)) error {
	d.before()
	return d.collector.collect(ns, emit)
}

// A pod that goes between the listing and the reading is everyday life.
func TestNamespaceVanishes(t *testing.T) {
	t.Parallel()
	for _, c := range listers() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			ch := newChild(t)
			w := nodeView(t, c, ch)
			to := ch.listen()
			ch.say("dial " + to.String())
			// Our own namespace is read first, as it is not quiet.
			newOpened(t).dial(t, 1, mustListen(t, loopback(), 8), false, 0)
			w.look()
			r := w.rowTo(to)
			alive := true
			w.s.collect = &dyingCollector{w.s.collect, func() {
				if alive {
					alive = false
					ch.die()
				}
			}}
			tick := w.look()
			if told := strings.Join(tick.Problems, "\n"); tick.Loss.Namespaces != 0 || strings.Contains(told, strconv.Itoa(ch.pid())) {
				t.Errorf("lost %d, problems %q", tick.Loss.Namespaces, told)
			}
			if r.now.established != 1 || w.sums[r.key] != (events{}) {
				t.Errorf("what is not known to have ended: %+v with %+v", r.now, w.sums[r.key])
			}
			// The zombie is still there, and no door to anything.
			w.look()
			if r.now != (gauges{}) || w.sums[r.key] != (events{closes: 1}) {
				t.Errorf("after the end: %+v with %+v", r.now, w.sums[r.key])
			}
		})
	}
}

// Of two processes in a namespace the first may be a zombie for hours; the
// namespace is read through the other.
func TestZombieHidesNoNamespace(t *testing.T) {
	t.Parallel()
	ch := newChild(t)
	l := newProcessList(fewProcesses(t, ch.pid()))
	has := func() bool {
		all, err := l.read(newView(t, Config{Scope: ScopePod, Collector: CollectorProcfs}).now)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.pid == ch.pid() {
				return true
			}
		}
		return false
	}
	if !has() {
		t.Fatal("the process is not listed")
	}
	ch.die()
	if has() {
		t.Error("the zombie is listed")
	}
}

// A namespace is entered through another of its processes when the first one
// has ended, and never through a number that is somebody else's by now.
func TestInsideTriesOtherDoors(t *testing.T) {
	t.Parallel()
	ch := newChild(t)
	w := nodeView(t, CollectorDiag, ch)
	const nobody = 1 << 30
	for name, tc := range map[string]struct {
		pids []int
		want error
	}{
		"the first has ended":    {[]int{nobody, ch.pid()}, nil},
		"the first is elsewhere": {[]int{os.Getpid(), ch.pid()}, nil},
		"none is left":           {[]int{nobody, nobody + 1}, netns.ErrGone},
		"all are elsewhere":      {[]int{os.Getpid()}, netns.ErrGone},
		"no more than a few":     {[]int{nobody, nobody + 1, nobody + 2, nobody + 3, ch.pid()}, netns.ErrGone},
	} {
		found := uint64(0)
		ns := &namespace{inode: ch.netns, path: w.s.door(tc.pids[0]), pids: tc.pids}
		err := w.s.inside(t.Context(), ns, func() (err error) {
			found, err = netns.Inode("/proc/thread-self/ns/net")
			return err
		})
		if !errors.Is(err, tc.want) || (err == nil) != (found == ch.netns) {
			t.Errorf("%s: in %d, %v", name, found, err)
		}
	}
	// Home again, every time.
	if err := w.s.thread.Do(t.Context(), netns.Place{}, func() error {
		if at, err := netns.Inode("/proc/thread-self/ns/net"); err != nil || at != w.s.selfNS {
			return fmt.Errorf("the thread is in %d, %w", at, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// The first thread is what others see of a process.
func TestOwnThreadIsNotTheFirst(t *testing.T) {
	t.Parallel()
	const n = 50
	tids, held := make(chan int, n), make(chan struct{})
	for range n {
		thread.Own(func() {
			tids <- unix.Gettid()
			<-held
		})
	}
	seen := map[int]bool{os.Getpid(): true}
	for range n {
		tid := <-tids
		if seen[tid] {
			t.Errorf("thread %d is not its own, or the first", tid)
		}
		seen[tid] = true
	}
	close(held)
}

// boundNamespace makes a namespace without a process, bound below a root as
// "ip netns" and container runtimes do, with n connections inside.
func boundNamespace(t *testing.T, root string, n int) (inode uint64, to netip.AddrPort) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	path := filepath.Join(root, "run/netns/snattop-test")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	conns, lacking := newOpened(t), false
	done := make(chan error, 1)
	thread.Own(func() {
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				lacking = true
				return err
			}
			if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
				lacking = true
				return err
			}
			t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
			if err := loopbackUp(); err != nil {
				return err
			}
			fd, at, err := listen(netip.MustParseAddr(loopback()), 64)
			if err != nil {
				return err
			}
			to, conns.fds = at, append(conns.fds, fd)
			for range n {
				fd, err := dial(to, false, 0)
				if err != nil {
					return err
				}
				conns.fds = append(conns.fds, fd)
			}
			inode, err = netns.Inode(path)
			return err
		}()
	})
	if err := <-done; lacking {
		t.Skipf("root may not make and bind a network namespace here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return inode, to
}

// A pod's namespace may outlive its processes. Its sockets are seen, told as
// those of another namespace, and found with a process that lives elsewhere.
func TestBoundNamespace(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	inode, to := boundNamespace(t, root, 6)
	w := newView(t, Config{Scope: ScopeNode, Collector: CollectorDiag, Proc: fewProcesses(t), HostRoot: root, FocusAll: true})
	w.look()
	r := w.rowTo(to)
	o := w.owners[r.ownerID]
	if r.now != (gauges{established: 6}) || o.NetNS != inode || inode == w.s.selfNS || o.HostNetwork {
		t.Errorf("%+v of %+v, the namespace is %d", r.now, o, inode)
	}
	if o.Unit == "" {
		t.Errorf("nothing names %+v", o)
	}
	for range maxTries - 1 {
		w.look()
	}
	if !mine(r, 6) {
		t.Errorf("held by %+v, this is %d", r.procs, os.Getpid())
	}
}

// procfs cannot show it, and says so.
func TestBoundNamespaceByProcfs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	boundNamespace(t, root, 1)
	w := newView(t, Config{Scope: ScopeNode, Collector: CollectorProcfs, Proc: fewProcesses(t), HostRoot: root})
	if tick := w.look(); tick.Loss.Namespaces != 1 || !strings.Contains(strings.Join(tick.Problems, "\n"), "no process lives") {
		t.Errorf("lost %d, problems %q", tick.Loss.Namespaces, tick.Problems)
	}
}
