//go:build kernel && linux

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// patience is how long a watcher may take to start: bcc compiles its program
// first, which an emulated processor does in minutes.
const patience = 6 * time.Minute

// watched is what a watcher has seen of a load.
type watched struct {
	opens, closes, resets, fails, refused uint64
	// lost is what it says itself that it lost.
	lost uint64
	// problems are what else it says.
	problems []string
}

// counts are the numbers alone, which can be compared.
func (w watched) counts() [6]uint64 {
	return [...]uint64{w.opens, w.closes, w.resets, w.fails, w.refused, w.lost}
}

// quietTicks are as many ticks without news as mean that there is none to come.
const quietTicks = 4

// probeWatch is a running snattop-probe, and the sums of what it tells about
// some destinations.
type probeWatch struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready chan error
	ended chan struct{}

	places map[netip.AddrPort]bool

	mu    sync.Mutex
	rows  map[uint32]bool // is the row one of the load's?
	sum   watched
	ticks int
}

// watchWithProbe starts a probe and waits until it watches.
func watchWithProbe(t *testing.T, collector string, place loadPlace) *probeWatch {
	t.Helper()
	w := &probeWatch{t: t, ready: make(chan error, 1), ended: make(chan struct{}), rows: map[uint32]bool{}, places: map[netip.AddrPort]bool{}}
	for _, at := range append(place.Open, place.Refusing...) {
		w.places[at] = true
	}
	w.cmd = exec.Command("./"+probeFile, "--collector", collector, "--interval", "1s")
	in, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	w.cmd.Stderr = &complaints
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		<-w.ended
		if err := w.cmd.Wait(); err != nil {
			t.Errorf("the probe ended badly: %v\n%s", err, complaints.String())
		}
	})
	go func() {
		defer close(w.ended)
		w.read(wire.NewDecoder(out), collector)
	}()
	select {
	case err := <-w.ready:
		if err != nil {
			t.Fatalf("the probe does not watch with %s: %v\n%s", collector, err, complaints.String())
		}
	case <-time.After(patience):
		t.Fatalf("the probe took longer than %s to start with %s", patience, collector)
	}
	return w
}

// read adds up what the probe tells, until it ends. It is ready with its first
// tick after it has started, and only with the collector that was asked for.
func (w *probeWatch) read(dec *wire.Decoder, collector string) {
	for {
		m, err := dec.Next()
		switch {
		case err != nil:
			w.tell(fmt.Errorf("its output ended: %w", err))
			return
		case m.Hello != nil && m.Hello.Collector != collector:
			w.tell(fmt.Errorf("it took %q: %+v", m.Hello.Collector, m.Hello.Features))
		case m.Bye != nil && m.Bye.Failed:
			w.tell(errors.New(m.Bye.Reason))
		case m.Tick != nil:
			w.add(m.Tick)
			if !slices.ContainsFunc(m.Tick.Problems, starting) {
				w.tell(nil)
			}
		}
	}
}

// starting reports whether a problem is only that something takes its time.
func starting(problem string) bool { return strings.Contains(problem, "is still starting") }

// tell is heard the first time.
func (w *probeWatch) tell(err error) {
	select {
	case w.ready <- err:
	default:
	}
}

func (w *probeWatch) add(tick *wire.Tick) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticks++
	if tick.Full {
		clear(w.rows)
	}
	if tick.Collector != "" {
		w.sum.problems = append(w.sum.problems, "the collector "+tick.Collector+" took over")
	}
	for _, p := range tick.Problems {
		if !starting(p) && !slices.Contains(w.sum.problems, p) {
			w.sum.problems = append(w.sum.problems, p)
		}
	}
	w.sum.lost = tick.Loss.Events
	for i := range tick.Rows {
		r := &tick.Rows[i]
		if r.IP.IsValid() { // told with a row's first appearance
			w.rows[r.ID] = r.Protocol == unix.IPPROTO_TCP && w.places[netip.AddrPortFrom(r.IP, r.Port)]
		}
		if tick.Full || !w.rows[r.ID] {
			continue // the first tick tells what was found, not what happened
		}
		w.sum.opens += uint64(r.Opens)
		w.sum.closes += uint64(r.Closes)
		w.sum.resets += uint64(r.Resets)
		w.sum.fails += uint64(r.Fails)
		w.sum.refused += uint64(r.Refused)
	}
	for _, id := range tick.GoneRows {
		delete(w.rows, id)
	}
}

// settled waits until the probe has nothing more to tell, and returns it all.
func (w *probeWatch) settled() watched {
	w.t.Helper()
	var before watched
	since, began := 0, time.Now()
	for {
		w.mu.Lock()
		now, ticks := w.sum, w.ticks
		now.problems = slices.Clone(now.problems)
		w.mu.Unlock()
		switch {
		case now.counts() != before.counts():
			before, since = now, ticks
		case ticks >= since+quietTicks:
			return now
		}
		select {
		case <-w.ended:
			w.t.Fatal("the probe ended while it watched")
		case <-time.After(100 * time.Millisecond):
		}
		if time.Since(began) > patience {
			w.t.Fatalf("the probe told %d ticks in %s", ticks, patience)
		}
	}
}

func (w *probeWatch) pid() int { return w.cmd.Process.Pid }
