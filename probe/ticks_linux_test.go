package probe

import (
	"errors"
	"net/netip"
	"os"
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
	const every = 50
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			ticks := 10_000
			if c == CollectorProcfs {
				ticks = 500 // each walks the table of the whole machine, for milliseconds
			}
			cfg := Config{Scope: ScopePod, Collector: c}
			var ch *child
			if os.Geteuid() == 0 {
				ch = newChild(t)
				ch.say("dial " + ch.listen().String())
				cfg.Scope, cfg.Proc, cfg.HostRoot, cfg.MaxRows = ScopeNode, fewProcesses(t, ch.pid()), t.TempDir(), 500
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
				w.now = w.now.Add(time.Second)
				if _, err := w.s.sample(t.Context(), w.now, time.Second); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 5 * every {
				tick(i)
			}
			files, threads, before := entries(t, "/proc/self/fd"), entries(t, "/proc/self/task"), remembered(w.s)
			for i := range ticks {
				tick(i)
			}
			if got := entries(t, "/proc/self/fd"); got != files {
				t.Errorf("%d files, %d before", got, files)
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
