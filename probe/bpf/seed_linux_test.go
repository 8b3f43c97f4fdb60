package bpf

import (
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// standing is a connection that was there before the programs.
type standing struct {
	name string
	at   netip.AddrPort
	want count.Gauges
	// pid is its holder, 0 when there is none.
	pid int
	// end ends it, after which it has had these events.
	end  func() error
	then count.Events
}

// before makes one connection of each kind.
func before(t *testing.T) []standing {
	var all []standing
	self := os.Getpid()
	reset := count.Events{Closes: 1, Resets: 1, ResetsOut: 1}
	for _, f := range families() {
		if f.name == "IPv6" {
			needIPv6(t)
		}
		s := serve(t, f.listen(), 8)
		client, _ := s.pair(f.mapped)
		all = append(all, standing{f.name + ", open", s.at, count.Gauges{Established: 1}, self, func() error { return abort(client) }, reset})

		s = serve(t, f.listen(), 8)
		half, other := s.pair(f.mapped)
		must(t, unix.Shutdown(half, unix.SHUT_WR))
		all = append(all, standing{
			f.name + ", half closed", s.at, count.Gauges{Closing: 1}, self, func() error { return end(other) }, count.Events{Closes: 1, TimeWaits: 1},
		})

		s = serve(t, f.listen(), 8)
		ours, theirs := s.pair(f.mapped)
		must(t, unix.Shutdown(theirs, unix.SHUT_WR), readable(ours))
		all = append(all, standing{
			f.name + ", half closed by the other", s.at, count.Gauges{Closing: 1}, self, func() error { return end(ours) }, count.Events{Closes: 1},
		})

		s = serve(t, f.listen(), 0)
		filler, err := dial(s.at, f.mapped, 0)
		must(t, err)
		attempt, err := dial(s.at, f.mapped, unix.SOCK_NONBLOCK)
		must(t, err)
		all = append(all, standing{
			f.name + ", attempting", s.at, count.Gauges{Established: 1, SynSent: 1}, self,
			func() error { return join(end(attempt), abort(filler)) }, count.Events{Fails: 1, Closes: 1, Resets: 1, ResetsOut: 1},
		})
	}
	return all
}

func join(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Whatever was open before is found with its state and its holder, and followed
// from then on.
func TestSeeding(t *testing.T) {
	all := before(t)
	c := open(t, Config{})
	sockets := seeded(t, c, netns(t))
	if sockets < 2*len(all) {
		t.Errorf("%d sockets were met, there are %d at least", sockets, 2*len(all))
	}
	w := newWatch(t, c)
	w.read()
	for _, s := range all {
		g, e := w.to(s.at)
		e.SynRetrans = 0 // a SYN is sent again after a second, which an emulated processor takes
		keys := w.keys(s.at)
		if g != s.want || e != (count.Events{}) || len(keys) != 1 || int(keys[0].PID) != s.pid || keys[0].NetNS != netns(t) {
			t.Errorf("%s: %+v after %+v, held by %+v", s.name, g, e, keys)
		}
		must(t, s.end())
		w.want(s.name+", ended", s.at, count.Gauges{}, s.then)
	}
	if w.last.Lost != 0 {
		t.Errorf("lost %d: %q", w.last.Lost, w.last.Problems)
	}
	// A second seeding is refused: it would count everything twice.
	if _, err := c.Seed([]uint64{netns(t)}); err == nil {
		t.Error("what is open was looked for again")
	}
}

// What is in TIME_WAIT is found with the time that it has left; nobody holds it.
func TestSeedingTimeWait(t *testing.T) {
	elsewhere(t, func() error {
		s := serve(t, loopback(), 8)
		defer s.close()
		const n = 3
		for range n {
			client, accepted := s.pair(false)
			must(t, end(client), end(accepted))
		}
		c := open(t, Config{Rows: 64})
		seeded(t, c, netns(t))
		w := newWatch(t, c)
		w.want("found", s.at, count.Gauges{}, count.Events{Closes: n})
		for _, key := range w.keys(s.at) {
			sum := uint32(0)
			for _, wait := range w.waits[key] {
				sum += wait.Count
				if wait.Left <= 0 || wait.Left > time.Minute {
					t.Errorf("%d end in %s", wait.Count, wait.Left)
				}
			}
			if sum != n || key.PID != 0 {
				t.Errorf("%+v waits for %+v", key, w.waits[key])
			}
		}
		w.read()
		if g, e := w.to(s.at); g != (count.Gauges{}) || e != (count.Events{Closes: n}) || len(w.waits) != 1 {
			t.Errorf("told again: %+v", e)
		}
		return nil
	})
}

// What was accepted here is not ours, whatever the listener listens on.
func TestSeedingLeavesOutTheAccepted(t *testing.T) {
	elsewhere(t, func() error {
		clients := map[uint16]bool{}
		var dests []netip.AddrPort
		one, six := loopback(), netip.IPv6Loopback()
		for _, pair := range [][2]netip.Addr{
			{netip.IPv4Unspecified(), loopback()}, {netip.IPv6Unspecified(), loopback()}, {netip.IPv6Unspecified(), six}, {one, one}, {six, six},
		} {
			s := serve(t, pair[0], 8)
			dest := netip.AddrPortFrom(pair[1], s.at.Port())
			fd, err := dial(dest, false, 0)
			must(t, err)
			_, port, err := localPort(fd)
			must(t, err)
			s.accept()
			clients[port] = true
			dests = append(dests, dest)
		}
		c := open(t, Config{Rows: 64})
		seeded(t, c, netns(t))
		w := newWatch(t, c)
		w.read()
		for _, dest := range dests {
			if g, _ := w.to(dest); g != (count.Gauges{Established: 1}) {
				t.Errorf("%s has %+v", dest, g)
			}
		}
		if len(w.now) != len(dests) {
			t.Errorf("%d rows for %d destinations: %+v", len(w.now), len(dests), w.now)
		}
		for key := range w.now {
			if clients[key.Remote.Port()] {
				t.Errorf("an accepted connection is told: %+v", key)
			}
		}
		return nil
	})
}

// A socket that two processes hold is one's, and counts once; one that was left to
// a child is the child's.
func TestSeedingSharedSockets(t *testing.T) {
	shared, left := serve(t, loopback(), 8), serve(t, loopback(), 8)
	a, _ := shared.pair(false)
	b, _ := left.pair(false)
	child := act(t, nil, "hold", "", os.NewFile(dup(t, a), "shared"), os.NewFile(dup(t, b), "left"))
	must(t, end(b))
	c := open(t, Config{})
	seeded(t, c, netns(t))
	w := newWatch(t, c)
	w.want("shared", shared.at, count.Gauges{Established: 1}, count.Events{})
	for at, pids := range map[netip.AddrPort][]int{shared.at: {os.Getpid(), child.cmd.Process.Pid}, left.at: {child.cmd.Process.Pid}} {
		if keys := w.keys(at); len(keys) != 1 || !slices.Contains(pids, int(keys[0].PID)) {
			t.Errorf("%s is held by %+v, want one of %v", at, keys, pids)
		}
	}
	child.leave()
	w.want("left alone", left.at, count.Gauges{}, count.Events{Closes: 1, TimeWaits: 1})
}

func dup(t *testing.T, fd int) uintptr {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	must(t, err)
	return uintptr(n)
}

// Namespaces that are not seeded have nothing open.
func TestSeedingNamespaces(t *testing.T) {
	home := serve(t, loopback(), 8)
	home.pair(false)
	elsewhere(t, func() error {
		c := open(t, Config{Rows: 64})
		there := serve(t, loopback(), 8)
		client, _ := there.pair(false)
		// It was begun after the programs were there, and is met all the same.
		if n := seeded(t, c, netns(t)); n != 2 {
			t.Errorf("met %d sockets", n)
		}
		w := newWatch(t, c)
		w.want("there", there.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
		if g, _ := w.to(home.at); g != (count.Gauges{}) {
			t.Errorf("a namespace that was not seeded has %+v", g)
		}
		var st unix.Stat_t
		must(t, unix.Stat("/proc/thread-self/ns/net", &st))
		if keys := w.keys(there.at); len(keys) != 1 || keys[0].NetNS != st.Ino {
			t.Errorf("%+v, the namespace is %d", keys, st.Ino)
		}
		return abort(client)
	})
}
