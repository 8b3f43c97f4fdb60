package probe

import (
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netns"
)

var errNotRead = errors.New("not read here")

// A probe that runs for hours takes tens of thousands of snapshots: none of them
// may leave a file, a thread, a namespace or a memory behind. Not parallel: others
// open files as well.
func TestTenThousandTicks(t *testing.T) {
	const every, ticks = 50, 10_000
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			cfg := Config{Scope: ScopePod, Collector: c}
			var ch *child
			if os.Geteuid() == 0 {
				ch = newChild(t)
				ch.say("dial " + ch.listen().String())
				cfg.Scope, cfg.Proc, cfg.HostRoot, cfg.MaxRows = ScopeNode, fewProcesses(t, ch.pid()), t.TempDir(), 500
			}
			copied := func() {}
			if c == CollectorProcfs {
				cfg.Proc, copied = copiedTables(t, cfg.Proc)
			}
			w := newView(t, cfg)
			listener, to, err := listen(netip.MustParseAddr(loopback()), 8)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(listener) }()
			// The connection tracking of the whole machine is none of this load's, and
			// takes milliseconds to read; TestSamplingLeaksNothing reads it.
			w.s.tracked.off, w.s.ct.off = errNotRead, errNotRead
			conns := newOpened(t)
			tick := func(i int) {
				if i%every == 0 {
					conns.dial(t, 1, to, false, 0)
					server, _, err := unix.Accept(listener)
					if err != nil {
						t.Fatal(err)
					}
					_ = unix.Close(server)
				}
				if i%every == every/2 {
					conns.abort()
				}
				if i%(every/2) == 0 {
					copied()
				}
				w.now = w.now.Add(time.Second)
				if _, err := w.s.sample(t.Context(), w.now, time.Second); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 5 * every {
				tick(i)
			}
			files, threads, before := entries(t, "/proc/self/fd"), entries(t, "/proc/self/task"), remembered(w.s)
			objects := bpfObjects(t)
			if c == CollectorEBPF && len(objects) == 0 {
				t.Error("no programs and maps are found")
			}
			for i := range ticks {
				tick(i)
			}
			if got := entries(t, "/proc/self/fd"); got != files {
				t.Errorf("%d files, %d before", got, files)
			}
			if got := bpfObjects(t); !maps.Equal(got, objects) {
				t.Errorf("programs, maps and links are %v, were %v", got, objects)
			}
			if got := entries(t, "/proc/self/task"); got > threads+3 {
				t.Errorf("%d threads, %d before", got, threads)
			}
			for name, n := range remembered(w.s) {
				if n > before[name]+50 {
					t.Errorf("%s: %d are remembered, %d before", name, n, before[name])
				}
			}
			if n := len(w.s.people.known); n > 50 {
				t.Errorf("%d persons are remembered", n)
			}
			if ch != nil {
				if ns, err := netns.Inode(ch.path("ns/net")); err != nil || ns != ch.netns {
					t.Errorf("the child is in %d, %v", ns, err)
				}
			}
		})
	}
}

// bpfObjects are the programs, maps and links that this process holds, as the
// kernel describes open files; nothing is pinned, so that there are no others.
func bpfObjects(t *testing.T) map[string]bool {
	t.Helper()
	out := make(map[string]bool)
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range infos {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the folder's own
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			for _, id := range []string{"prog_id:", "map_id:", "link_id:"} {
				if strings.HasPrefix(line, id) {
					out[strings.TrimSpace(line)] = true
				}
			}
		}
	}
	return out
}

// copiedTables is a /proc whose tables of sockets are copies, and a function that
// makes them anew: to read one of the kernel's it walks the sockets of the whole
// machine, for milliseconds.
func copiedTables(t *testing.T, proc string) (dir string, copied func()) {
	t.Helper()
	if proc == "" {
		proc = "/proc"
	}
	dir = t.TempDir()
	var pids []string
	all, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		pid := filepath.Base(process)
		if err := os.MkdirAll(filepath.Join(dir, pid, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"stat", "cgroup", "cmdline", "comm", "ns", "fd"} {
			if err := os.Symlink(filepath.Join("/proc", pid, name), filepath.Join(dir, pid, name)); err != nil {
				t.Fatal(err)
			}
		}
		pids = append(pids, pid)
	}
	copied = func() {
		for _, pid := range pids {
			for _, name := range []string{"tcp", "tcp6"} {
				text, err := os.ReadFile(filepath.Join("/proc", pid, "net", name))
				if errors.Is(err, fs.ErrNotExist) {
					continue // it has ended, or there is no IPv6
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, pid, "net", name), text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	copied()
	return dir, copied
}
