package bpf

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// crowd opens and ends connections as fast as it can.
type crowd struct {
	listener int
	port     uint16
	// dests is how many destinations there are.
	dests int
	// finished and reset are the connections that it made.
	finished, reset atomic.Uint32
	// left are those that are still to be made.
	left atomic.Int64
	errs chan error
	done sync.WaitGroup
}

// start lets workers make n connections to many destinations.
func start(t *testing.T, workers, n, dests int) *crowd {
	t.Helper()
	fd, at, err := listen(netip.IPv4Unspecified(), 4096)
	must(t, err)
	l := &crowd{listener: fd, port: at.Port(), dests: dests, errs: make(chan error, 2*workers)}
	l.left.Store(int64(n))
	var acceptors sync.WaitGroup
	for range workers {
		acceptors.Go(l.accept)
	}
	for i := range workers {
		l.done.Go(func() { l.work(i) })
	}
	t.Cleanup(func() {
		l.done.Wait()
		// Accepting ends where the listening does.
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		acceptors.Wait()
		_ = unix.Close(fd)
	})
	return l
}

// accept ends each connection when the other side has.
func (l *crowd) accept() {
	var buf [1]byte
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			return
		}
		for {
			if _, err = unix.Read(fd, buf[:]); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		_ = end(fd)
	}
}

// work ends every second connection with a reset.
func (l *crowd) work(worker int) {
	for i := worker; l.left.Add(-1) >= 0; i++ {
		n := uint32(i*7919) % uint32(l.dests)
		fd, err := dial(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 200, byte(n >> 8), byte(n)}), l.port), false, 0)
		if err != nil {
			l.errs <- err
			return
		}
		if i%2 == 0 {
			err = abort(fd)
			l.reset.Add(1)
		} else {
			err = end(fd)
			l.finished.Add(1)
		}
		if err != nil {
			l.errs <- err
			return
		}
	}
}

// ended returns a channel that is closed when all connections are made.
func (l *crowd) ended() <-chan struct{} {
	over := make(chan struct{})
	go func() {
		l.done.Wait()
		close(over)
	}()
	return over
}

// Everything is counted exactly once, while rows are read, given up and given to
// others all the time.
func TestExact(t *testing.T) {
	for _, tc := range []struct {
		name           string
		workers, n     int
		rows, dests    int
		keepsProcesses bool
	}{
		{name: "with room", workers: 4, n: 20_000, rows: 8192, dests: 50, keepsProcesses: true},
		{name: "destinations come and go", workers: 4, n: 20_000, rows: 8192, dests: 2000},
		// A reader without a pause gives rows up as fast as it can: there are never
		// enough.
		{name: "rows run out", workers: 4, n: 10_000, rows: 256, dests: 1000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWatch(t, fresh(t, Config{Rows: tc.rows, Conns: 65_536}))
			l := start(t, tc.workers, tc.n, tc.dests)
			for over := l.ended(); over != nil; {
				select {
				case <-over:
					over = nil
				case err := <-l.errs:
					t.Fatal(err)
				default:
				}
				w.read()
			}
			exact(t, w, l.finished.Load(), l.reset.Load(), tc.rows < tc.dests)
			for key := range w.happened {
				if key.Remote.Port() != l.port || tc.keepsProcesses && key.PID == 0 {
					t.Errorf("a strange row: %+v with %+v", key, w.happened[key])
				}
			}
		})
	}
}

// unseen is how many of a hundred ends may go by: when a processor is starved,
// Linux 6.18 changes states in a soft interrupt without calling either program,
// and does not count that as a skipped run. Checks find them: all ends are
// counted, but how these came about is not known.
const unseen = 5

// exact waits until all has been counted, and demands that nothing was made up,
// that no beginning was missed, and that what was lost is a number.
func exact(t *testing.T, w *watch, finished, reset uint32, loses bool) {
	t.Helper()
	all := finished + reset
	slack := all * unseen / 100
	w.until("every end is seen", func() bool {
		must(t, w.c.Check())
		for _, g := range w.now {
			if g != (count.Gauges{}) {
				return false
			}
		}
		e := w.total()
		told := all - uint32(w.last.Lost)
		return e.Opens >= told && e.Closes >= told
	})
	for range idleReadings { // nothing more comes
		w.read()
	}
	e := w.total()
	near := func(n, want uint32) bool { return n+slack >= want && n <= want+slack }
	lost := uint32(w.last.Lost)
	if e.Opens+lost != all || e.Closes != e.Opens || (lost > 0) != loses || (len(w.last.Problems) > 0) != loses {
		t.Errorf("counted %+v and lost %d of %d (%q); the kernel skipped %d", e, lost, all, w.last.Problems, skipped(t, w.c))
	}
	if loses {
		return
	}
	lived := uint32(0)
	for _, n := range e.Lives {
		lived += n
	}
	if !near(e.Resets, reset) || !near(e.TimeWaits, finished) || !near(lived, all) || e.Fails+e.Refused+e.TimedOut+e.NoPort != 0 {
		t.Errorf("counted %+v with %d lives; %d were finished and %d reset", e, lived, finished, reset)
	}
}

// skipped are the runs that the kernel left out because the same program ran
// already on that processor when an interrupt came.
func skipped(t *testing.T, c *Counter) uint64 {
	t.Helper()
	var sum uint64
	for _, l := range c.links {
		info, err := l.Info()
		must(t, err)
		p, err := ebpf.NewProgramFromID(info.Program)
		must(t, err)
		stats, err := p.Stats()
		must(t, err, p.Close())
		sum += stats.RecursionMisses
	}
	return sum
}

// Rows that run out lose the processes first, and then count what they lose.
func TestRowsRunOut(t *testing.T) {
	const rows, n = 64, 100
	w := newWatch(t, fresh(t, Config{Rows: rows}))
	s := serve(t, netip.IPv4Unspecified(), 4096)
	var fds []int
	for range n {
		fd, err := dial(netip.AddrPortFrom(loopback(), s.at.Port()), false, 0)
		must(t, err)
		fds = append(fds, fd)
	}
	w.read()
	e := w.total()
	with, without := 0, 0
	for key, g := range w.now {
		switch {
		case g != count.Gauges{Established: 1}:
			t.Errorf("%+v has %+v", key, g)
		case key.PID == 0:
			without++
		default:
			with++
		}
	}
	if with != rows-rows/spareShare || without != rows/spareShare || int(e.Opens) != rows || int(e.Opens)+int(w.last.Lost) != n {
		t.Errorf("%d rows with a process, %d without, %d opens, %d lost", with, without, e.Opens, w.last.Lost)
	}
	if told := strings.Join(w.last.Problems, "\n"); !strings.Contains(told, fmt.Sprintf("%d connections were not counted", n-rows)) || !strings.Contains(told, fmt.Sprint(rows)) {
		t.Errorf("problems: %q", told)
	}
	for _, fd := range fds {
		must(t, abort(fd))
	}
	w.until("all rows are free", func() bool { return len(w.now) == 0 && free(t, w.c) == rows })
	if e := w.total(); e.Closes != rows || e.Opens != rows {
		t.Errorf("in all %+v", e)
	}
	// There is room again, for processes as well.
	fd, err := dial(s.at2(), false, 0)
	must(t, err)
	w.want("room again", s.at2(), count.Gauges{Established: 1}, count.Events{Opens: 1})
	if keys := w.keys(s.at2()); len(keys) != 1 || keys[0].PID == 0 {
		t.Errorf("counted for %+v", keys)
	}
	must(t, abort(fd))
	if w.last.Lost != n-rows {
		t.Errorf("lost %d in the end", w.last.Lost)
	}
}

// at2 is where a wildcard listener is reached on an address that only it uses.
func (s *server) at2() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 250, 0, 1}), s.at.Port())
}

// free counts the rows that nobody has, by taking them all.
func free(t *testing.T, c *Counter) int {
	t.Helper()
	n := 0
	for _, p := range c.parts {
		var indices []uint32
		for {
			var i uint32
			if err := p.free.LookupAndDelete(nil, &i); err != nil {
				break
			}
			indices = append(indices, i)
		}
		for i := len(indices) - 1; i >= 0; i-- {
			must(t, p.free.Update(nil, indices[i], 0))
		}
		n += len(indices)
	}
	return n
}

// Connections beyond those that can be followed are a number too.
func TestConnectionsRunOut(t *testing.T) {
	const conns, n = 42, 100
	w := newWatch(t, fresh(t, Config{Rows: 1024, Conns: conns}))
	s := serve(t, loopback(), 4096)
	var fds []int
	for range n {
		fd, err := dial(s.at, false, 0)
		must(t, err)
		fds = append(fds, fd)
	}
	w.want("as many as there is room for", s.at, count.Gauges{Established: conns}, count.Events{Opens: conns})
	if told := strings.Join(w.last.Problems, "\n"); w.last.Lost != n-conns || !strings.Contains(told, fmt.Sprintf("%d connections were not counted", n-conns)) {
		t.Errorf("lost %d of %d: %q", w.last.Lost, n, told)
	}
	for _, fd := range fds {
		must(t, abort(fd))
	}
	w.want("all gone", s.at, count.Gauges{}, count.Events{Opens: conns, Closes: conns, Resets: conns, ResetsOut: conns})
	fd, err := dial(s.at, false, 0)
	must(t, err)
	w.want("room again", s.at, count.Gauges{Established: 1}, count.Events{Opens: conns + 1, Closes: conns, Resets: conns, ResetsOut: conns})
	must(t, abort(fd))
}

// Rows are used again and again: as many destinations as come to be in a day
// need no more room than those of a moment.
func TestRowsAreRecycled(t *testing.T) {
	const rows, at, generations = 64, 20, 30
	w := newWatch(t, fresh(t, Config{Rows: rows}))
	s := serve(t, netip.IPv4Unspecified(), 4096)
	for range generations {
		var dests []netip.AddrPort
		for range at {
			dest := netip.AddrPortFrom(loopback(), s.at.Port())
			fd, err := dial(dest, false, 0)
			must(t, err, abort(fd))
			dests = append(dests, dest)
		}
		w.until("the rows are free", func() bool { return free(t, w.c) == rows })
		for _, dest := range dests {
			g, e := w.to(dest)
			e.Lives = count.Events{}.Lives
			if g != (count.Gauges{}) || e != (count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1}) {
				t.Fatalf("%s has %+v after %+v", dest, g, e)
			}
		}
	}
	if high := len(w.c.parts[0].state); high != at {
		t.Errorf("%d rows were in use for %d destinations at a time", high, at)
	}
	if len(w.happened) != at*generations || w.last.Lost != 0 {
		t.Errorf("%d rows told of %d destinations, %d lost", len(w.happened), at*generations, w.last.Lost)
	}
}

// A row that stands still keeps its key for the next connection of the same
// kind, for a while; one with connections keeps it for ever.
func TestRowInUseIsKept(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	s := serve(t, loopback(), 64)
	client, accepted := s.pair(false)
	w.want("open", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
	for range 5 * idleReadings {
		w.read()
		if g, _ := w.to(s.at); g != (count.Gauges{Established: 1}) {
			t.Fatalf("an open connection is told as %+v", g)
		}
	}
	if n := free(t, w.c); n != 63 {
		t.Errorf("%d rows are free", n)
	}
	must(t, end(client), end(accepted))
	w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, TimeWaits: 1})
}
