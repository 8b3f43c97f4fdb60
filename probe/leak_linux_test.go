package probe

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// remembered counts what a sampler keeps from one snapshot to the next.
func remembered(s *sampler) map[string]int {
	return map[string]int{
		"waiting": len(s.waiting), "processes": len(s.list.known), "holders": len(s.procs.infos), "sockets": len(s.agg.conns),
		"rows": len(s.agg.byID), "owners": len(s.agg.owners.byID), "namespaces": len(s.nsIDs), "memory": len(s.memory),
		"addresses": len(s.addrs.age), "tables": len(s.ct.last),
	}
}

// A probe runs for hours. Not parallel: others open files as well.
func TestSamplingLeaksNothing(t *testing.T) {
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			cfg := Config{Scope: ScopePod, Collector: c, FocusAll: true}
			if os.Geteuid() == 0 {
				ch := newChild(t)
				ch.say("dial " + ch.listen().String())
				cfg.Scope, cfg.Proc, cfg.HostRoot = ScopeNode, fewProcesses(t, ch.pid()), t.TempDir()
			}
			w := newView(t, cfg)
			listener, to, err := listen(netip.MustParseAddr(loopback()), 8)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(listener) }()
			conns := newOpened(t)
			look := func(times int) {
				for range times {
					conns.dial(t, 1, to, false, 0)
					server, _, err := unix.Accept(listener)
					if err != nil {
						t.Fatal(err)
					}
					w.look()
					conns.abort()
					_ = unix.Close(server)
					w.look()
				}
			}
			look(10)
			files, threads, before := entries(t, "/proc/self/fd"), entries(t, "/proc/self/task"), remembered(w.s)
			look(150)
			if got := entries(t, "/proc/self/fd"); got != files {
				t.Errorf("%d files, %d before", got, files)
			}
			// The runtime starts threads as it likes, but not one a snapshot.
			if got := entries(t, "/proc/self/task"); got > threads+3 {
				t.Errorf("%d threads, %d before", got, threads)
			}
			for name, n := range remembered(w.s) {
				if n > before[name]+50 {
					t.Errorf("%s: %d are remembered, %d before", name, n, before[name])
				}
			}
		})
	}
}

func TestSamplersEndTheirThreads(t *testing.T) {
	start := func() {
		s, _, err := newSampler(mustComplete(t, Config{Scope: ScopePod}))
		if err != nil {
			t.Skipf("no collector works here: %v", err)
		}
		if _, err := s.sample(t.Context(), time.Unix(1, 0), 0); err != nil {
			t.Fatal(err)
		}
		s.setFocus(wire.Focus{})
		s.close()
	}
	for range 5 {
		start()
	}
	files, threads := entries(t, "/proc/self/fd"), entries(t, "/proc/self/task")
	for range 40 {
		start()
	}
	if got := entries(t, "/proc/self/fd"); got != files {
		t.Errorf("%d files, %d before", got, files)
	}
	if got := entries(t, "/proc/self/task"); got > threads+5 {
		t.Errorf("%d threads, %d before", got, threads)
	}
}

func mustComplete(t *testing.T, c Config) Config {
	t.Helper()
	c, err := c.complete()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
