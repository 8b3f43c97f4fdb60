package bpf

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// soon is how long a test waits for what must happen: it is reached only when
// the test fails.
const soon = 30 * time.Second

// open loads the programs, or skips where that is not possible.
func open(t testing.TB, cfg Config) *Counter {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading programs takes root")
	}
	c, err := openHere(cfg)
	if errors.Is(err, ErrNoBTF) || errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	var v *ebpf.VerifierError
	if errors.As(err, &v) {
		t.Fatalf("%+v", v)
	}
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

// openHere is Open, but for a run of the tests that takes the programs for older
// kernels.
func openHere(cfg Config) (*Counter, error) {
	if os.Getenv(oldEnv) != "" {
		return openAs(cfg, before517)
	}
	return Open(cfg)
}

// fresh is a counter that believes that nothing has been open: what earlier
// tests left in TIME_WAIT is not this one's.
func fresh(t testing.TB, cfg Config) *Counter {
	t.Helper()
	c := open(t, cfg)
	seeded(t, c)
	return c
}

// seeded finds what is open in some network namespaces.
func seeded(t testing.TB, c *Counter, spaces ...uint64) (sockets int) {
	t.Helper()
	n, err := c.Seed(spaces)
	must(t, err)
	return int(n)
}

// watch reads a counter, and adds up what it tells.
type watch struct {
	t testing.TB
	c *Counter
	// happened are the events of all readings, now the gauges of the last one.
	happened map[count.Key]count.Events
	now      map[count.Key]count.Gauges
	commands map[count.Key]string
	waits    map[count.Key][]count.Wait
	last     *count.Reading
}

func newWatch(t testing.TB, c *Counter) *watch {
	return &watch{
		t: t, c: c, happened: map[count.Key]count.Events{}, commands: map[count.Key]string{}, waits: map[count.Key][]count.Wait{},
	}
}

// plus adds events up.
func plus(a, b count.Events) count.Events {
	var zero count.Events
	minus := zero.Sub(&b)
	return a.Sub(&minus)
}

// both adds gauges up.
func both(a, b count.Gauges) count.Gauges {
	a.Established += b.Established
	a.Closing += b.Closing
	a.SynSent += b.SynSent
	for i, n := range b.Silent {
		a.Silent[i] += n
	}
	return a
}

func (w *watch) read() {
	w.t.Helper()
	r, err := w.c.Read()
	must(w.t, err)
	w.now = make(map[count.Key]count.Gauges)
	for i := range r.Rows {
		row := &r.Rows[i]
		// A row that is on its way out may have a successor already.
		w.now[row.Key] = both(w.now[row.Key], row.Gauges)
		w.happened[row.Key] = plus(w.happened[row.Key], row.Events)
		w.commands[row.Key] = row.Command
		w.waits[row.Key] = append(w.waits[row.Key], row.Waits...)
	}
	w.last = r
}

// to sums up a destination, whoever its holders are.
func (w *watch) to(dest netip.AddrPort) (g count.Gauges, e count.Events) {
	for key, n := range w.now {
		if key.Remote == dest {
			g = both(g, n)
		}
	}
	for key, n := range w.happened {
		if key.Remote == dest {
			e = plus(e, n)
		}
	}
	return g, e
}

// keys are the holders that a destination ever had.
func (w *watch) keys(dest netip.AddrPort) []count.Key {
	var out []count.Key
	for key := range w.happened {
		if key.Remote == dest {
			out = append(out, key)
		}
	}
	return out
}

// total sums up everything.
func (w *watch) total() (e count.Events) {
	for _, n := range w.happened {
		e = plus(e, n)
	}
	return e
}

// until reads until a condition holds: the kernel needs a moment for what
// happens behind a system call.
func (w *watch) until(what string, ok func() bool) {
	w.t.Helper()
	for began := time.Now(); ; runtime.Gosched() {
		w.read()
		if ok() {
			return
		}
		if time.Since(began) > soon {
			w.t.Fatalf("never: %s; the last reading was %+v", what, w.last)
		}
	}
}

// want waits for a destination to have exactly these connections and events,
// whatever the lives of those that ended, and however often a packet had to
// be sent: an emulated processor is slower than the kernel expects the other side.
func (w *watch) want(what string, dest netip.AddrPort, g count.Gauges, e count.Events) {
	w.t.Helper()
	var nowIs count.Gauges
	var did count.Events
	for began := time.Now(); ; runtime.Gosched() {
		w.read()
		nowIs, did = w.to(dest)
		did.Lives, did.SynRetrans, did.Retrans = e.Lives, e.SynRetrans, e.Retrans
		if nowIs == g && did == e {
			return
		}
		if time.Since(began) > soon {
			w.t.Fatalf("%s: there are %+v after %+v, should be %+v after %+v", what, nowIs, did, g, e)
		}
	}
}
