package probe

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// The helpers below make real sockets with system calls, so that a test says
// exactly which states there are.

func sockaddr(at netip.AddrPort, mapped bool) (family int, sa unix.Sockaddr) {
	if at.Addr().Is4() && !mapped {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// listen opens a listener on a free port of an address.
func listen(addr netip.Addr, backlog int) (fd int, at netip.AddrPort, err error) {
	family, sa := sockaddr(netip.AddrPortFrom(addr, 0), false)
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, at, err
	}
	if err = errors.Join(unix.Bind(fd, sa), unix.Listen(fd, backlog)); err != nil {
		return 0, at, errors.Join(err, unix.Close(fd))
	}
	got, err := unix.Getsockname(fd)
	switch sa := got.(type) {
	case *unix.SockaddrInet4:
		at = netip.AddrPortFrom(addr, uint16(sa.Port))
	case *unix.SockaddrInet6:
		at = netip.AddrPortFrom(addr, uint16(sa.Port))
	}
	return fd, at, err
}

// dial connects. Mapped means an IPv6 socket that speaks IPv4.
func dial(to netip.AddrPort, mapped bool, flags int) (fd int, err error) {
	family, sa := sockaddr(to, mapped)
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0); err != nil {
		return 0, err
	}
	err = unix.Connect(fd, sa)
	for errors.Is(err, unix.EINTR) { // it goes on by itself: EISCONN tells
		if err = unix.Connect(fd, sa); errors.Is(err, unix.EISCONN) {
			err = nil
		}
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// abort closes with a reset: nothing is left, not even TIME_WAIT. A child that
// is being started would share the socket until it runs its own program.
func abort(fd int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return errors.Join(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Close(fd))
}

// opened are file descriptors that end with the test at the latest.
type opened struct{ fds []int }

func (o *opened) dial(t *testing.T, n int, to netip.AddrPort, mapped bool, flags int) {
	t.Helper()
	for range n {
		fd, err := dial(to, mapped, flags)
		if err != nil {
			t.Fatalf("connecting to %s: %v", to, err)
		}
		o.fds = append(o.fds, fd)
	}
}

func (o *opened) abort() {
	for _, fd := range o.fds {
		_ = abort(fd)
	}
	o.fds = nil
}

func newOpened(t *testing.T) *opened {
	t.Helper()
	o := &opened{}
	t.Cleanup(o.abort)
	return o
}

// nextLoopback numbers the addresses of loopback.
var nextLoopback atomic.Uint32

// loopback returns an address of this machine that no other test uses: what
// they leave in TIME_WAIT must not stand in the way. No two runs that follow
// each other use the same ones.
func loopback() string {
	n := nextLoopback.Add(1)
	return netip.AddrFrom4([4]byte{127, byte(1 + os.Getpid()%250), byte(n >> 8), byte(n)}).String()
}

func mustListen(t *testing.T, addr string, backlog int) netip.AddrPort {
	t.Helper()
	a := netip.MustParseAddr(addr)
	if a.Is6() && !a.Is4In6() {
		if text, err := os.ReadFile("/proc/net/if_inet6"); err != nil || !strings.Contains(string(text), " lo") {
			t.Skip("this kernel has no IPv6 on its loopback")
		}
	}
	fd, at, err := listen(a, backlog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return at
}

// view is a sampler, and a receiver of what it tells. Each look is a minute
// after the one before, so that nothing waits for its share of time.
type view struct {
	t   *testing.T
	s   *sampler
	v   *receiver
	now time.Time
	// owners are those told so far.
	owners map[uint32]wire.Owner
	// sums are the events of every look.
	sums map[flowKey]events
	last *wire.Tick
}

func newView(t *testing.T, cfg Config) *view {
	t.Helper()
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	s, features, err := newSampler(cfg)
	if err != nil {
		t.Skipf("the collector %q does not work here: %v (%+v)", cfg.Collector, err, features)
	}
	t.Cleanup(s.close)
	return &view{
		t: t, s: s.(*sampler), v: newReceiver(), now: time.Unix(1_790_000_000, 0),
		owners: map[uint32]wire.Owner{}, sums: map[flowKey]events{},
	}
}

func (w *view) look() *wire.Tick {
	w.t.Helper()
	w.now = w.now.Add(time.Minute)
	tick, err := w.s.sample(w.t.Context(), w.now, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	happened, err := w.v.apply(tick)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range tick.Owners {
		w.owners[o.ID] = o
	}
	for k, e := range happened {
		s := w.sums[k]
		w.sums[k] = events{s.opens + e.opens, s.closes + e.closes, s.fails + e.fails}
	}
	w.last = tick
	return tick
}

// rowsTo are the live rows to a destination; others on this machine may use
// the same address and port in other namespaces.
func (w *view) rowsTo(to netip.AddrPort) []*received {
	var out []*received
	for _, r := range w.v.rows {
		if r.key.dest == to && r.key.proto == protocolTCP {
			out = append(out, r)
		}
	}
	return out
}

// rowTo is the one row to a destination.
func (w *view) rowTo(to netip.AddrPort) *received {
	w.t.Helper()
	rows := w.rowsTo(to)
	if len(rows) != 1 {
		w.t.Fatalf("%d rows to %s (problems: %q)", len(rows), to, w.last.Problems)
	}
	return rows[0]
}

// until looks again until a condition holds; the kernel needs a moment for
// what happens behind a system call.
func (w *view) until(what string, ok func() bool) {
	w.t.Helper()
	for began := time.Now(); ; runtime.Gosched() {
		w.look()
		if ok() {
			return
		}
		if time.Since(began) > soon {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// mine reports whether the only process of a row is this one.
func mine(r *received, n int) bool {
	return len(r.procs) == 1 && int(r.procs[0].PID) == os.Getpid() && int(r.procs[0].Established+r.procs[0].SynSent) == n
}

// collectors are those that work here without anything installed.
func collectors() []Collector {
	out := []Collector{CollectorDiag, CollectorProcfs}
	if countsHere() {
		out = append(out, CollectorEBPF)
	}
	return out
}

// countsHere reports whether this machine lets us load programs.
var countsHere = sync.OnceValue(func() bool {
	c, err := newEBPFCounter(64)
	return err == nil && c.close() == nil
})

// sight is a configuration with which a collector sees this test's sockets.
func sight(t *testing.T, c Collector) Config {
	t.Helper()
	if c == CollectorEBPF {
		return Config{Scope: ScopeNode, Collector: c, Proc: fewProcesses(t), HostRoot: t.TempDir(), MaxRows: 1000}
	}
	return Config{Scope: ScopePod, Collector: c}
}

func focused(c Config) Config {
	c.FocusAll = true
	return c
}

func TestKernelEstablished(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		for _, tc := range []struct {
			name, listen, dial string
			mapped             bool
		}{
			{"IPv4", "0.0.0.0", loopback(), false},
			{"IPv6", "::1", "::1", false},
			{"mapped", "::", loopback(), true},
			{"to a dual-stack listener", "::", loopback(), false},
		} {
			t.Run(string(c)+" "+tc.name, func(t *testing.T) {
				t.Parallel()
				const n = 7
				to := netip.AddrPortFrom(netip.MustParseAddr(tc.dial), mustListen(t, tc.listen, 64).Port())
				w, conns := newView(t, focused(sight(t, c))), newOpened(t)
				w.look()
				conns.dial(t, n, to, tc.mapped, 0)
				w.look()
				r := w.rowTo(to)
				if r.now != (gauges{established: n}) || w.sums[r.key] != (events{opens: n}) {
					t.Errorf("%+v with %+v", r.now, w.sums[r.key])
				}
				if !mine(r, n) || !strings.Contains(r.procs[0].Command, filepath.Base(os.Args[0])) {
					t.Errorf("held by %+v, this is %d", r.procs, os.Getpid())
				}
				conns.abort()
				w.look()
				if r.now != (gauges{}) || w.sums[r.key] != (events{opens: n, closes: n}) {
					t.Errorf("after the end: %+v with %+v", r.now, w.sums[r.key])
				}
				w.look()
				if rows := w.rowsTo(to); len(rows) != 0 {
					t.Errorf("the row stays: %+v", rows[0])
				}
			})
		}
	}
}

// What was there at the start opened before.
func TestKernelFirstLookHasNoOpens(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			to := mustListen(t, loopback(), 64)
			conns := newOpened(t)
			conns.dial(t, 3, to, false, 0)
			w := newView(t, sight(t, c))
			tick := w.look()
			if r := w.rowTo(to); !tick.Full || r.now.established != 3 || w.sums[r.key] != (events{}) || r.detailed {
				t.Errorf("full %t, %+v with %+v", tick.Full, r.now, w.sums[r.key])
			}
		})
	}
}

// The side that closes first keeps the port; the kernel knows no owner any
// more, but the row does.
func TestKernelTimeWait(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			fd, to, err := listen(netip.MustParseAddr(loopback()), 8)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(fd) }()
			w := newView(t, sight(t, c))
			client, err := dial(to, false, 0)
			if err != nil {
				t.Fatal(err)
			}
			server, _, err := unix.Accept(fd)
			if err != nil {
				t.Fatal(err)
			}
			w.look()
			r := w.rowTo(to)
			// Half closed by a program that stays: without one, the kernel moves what
			// is left into TIME_WAIT at once, and shows it as closing all the same.
			_ = unix.Shutdown(client, unix.SHUT_WR)
			defer func() { _ = unix.Close(client) }()
			w.until("closing", func() bool { return r.now == gauges{closing: 1} })
			if w.sums[r.key] != (events{}) {
				t.Errorf("half closed: %+v", w.sums[r.key])
			}
			_ = unix.Close(server)
			w.until("TIME_WAIT", func() bool { return r.now == gauges{timeWait: 1} })
			w.look()
			if got := w.sums[r.key]; got != (events{closes: 1}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A listener whose queue is full answers nothing: connections to it attempt for
// minutes, as they do when SNAT ports have run out.
func TestKernelAttempting(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			const n = 5
			to := mustListen(t, loopback(), 0)
			filler, attempts := newOpened(t), newOpened(t)
			filler.dial(t, 1, to, false, 0)
			w := newView(t, focused(sight(t, c)))
			w.look()
			attempts.dial(t, n, to, false, unix.SOCK_NONBLOCK)
			w.look()
			r := w.rowTo(to)
			if r.now != (gauges{established: 1, synSent: n}) || w.sums[r.key] != (events{}) {
				t.Errorf("%+v with %+v", r.now, w.sums[r.key])
			}
			if !mine(r, n+1) {
				t.Errorf("held by %+v", r.procs)
			}
			attempts.abort()
			w.look()
			if r.now != (gauges{established: 1}) || w.sums[r.key] != (events{fails: n}) {
				t.Errorf("given up: %+v with %+v", r.now, w.sums[r.key])
			}
		})
	}
}

// Two ways to read one table tell the same.
func TestCollectorsAgree(t *testing.T) {
	t.Parallel()
	var views []*view
	for _, c := range collectors() {
		views = append(views, newView(t, sight(t, c)))
	}
	conns := newOpened(t)
	var dests []netip.AddrPort
	for i := range 6 {
		to := mustListen(t, loopback(), 64)
		dests = append(dests, to)
		conns.dial(t, 1+i, to, i%2 == 0, 0)
	}
	for _, w := range views {
		w.look()
	}
	for i, to := range dests {
		for _, w := range views {
			if got := w.rowTo(to).now; got != (gauges{established: uint32(1 + i)}) {
				t.Errorf("%s: %s has %+v", w.s.collector(), to, got)
			}
		}
	}
	half := opened{fds: slices.Clone(conns.fds[:1])}
	half.abort()
	conns.fds = conns.fds[1:]
	for _, w := range views {
		w.look()
		if r := w.rowsTo(dests[0]); len(r) == 1 && r[0].now != (gauges{}) {
			t.Errorf("%s: %+v after the end", w.s.collector(), r[0].now)
		}
	}
}

// The scope of a node needs no root to see at least the probe's own namespace.
func TestKernelScopeNode(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			to := mustListen(t, loopback(), 64)
			w, conns := newView(t, Config{Scope: ScopeNode, Collector: c, Proc: fewProcesses(t), HostRoot: t.TempDir()}), newOpened(t)
			w.look()
			conns.dial(t, 4, to, false, 0)
			w.look()
			r := w.rowTo(to)
			o := w.owners[r.ownerID]
			if r.now.established != 4 || o.NetNS != w.s.selfNS || o.HostNetwork != (w.s.selfNS == w.s.hostNS) {
				t.Errorf("%+v of %+v", r.now, o)
			}
			w.s.setFocus(wire.Focus{Owners: []uint32{r.ownerID}})
			w.look()
			if !mine(r, 4) {
				t.Errorf("held by %+v", r.procs)
			}
		})
	}
}
