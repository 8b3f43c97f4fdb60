//go:build bench && linux

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loadArgs is what a load needs to know. It opens connections over loopback in
// a namespace of its own, and counts them itself.
type loadArgs struct {
	// Workers are threads that open and close, each with its own listener.
	Workers int
	// Destinations is how many addresses of 127/8 each spreads its connections
	// over.
	Destinations int
	// Waiting is how many connections the kernel keeps in TIME_WAIT. One for
	// which there is no room is forgotten, and if it ended before its peer did,
	// that gets a reset which nobody ordered.
	Waiting int
}

// manyWaiting is more than any load makes in a minute.
const manyWaiting = 1_000_000

// order is what a load is told to do.
type order struct {
	// For is how long; what was opened has been closed by then or soon after.
	For time.Duration
	// Rate is how many connections a second all workers open together; 0 means
	// as many as they can.
	Rate int
	// Held is up to how many connections to each destination stay open; 0
	// closes each at once.
	Held int
	// Refused makes every 64th connect meet a closed port.
	Refused bool
	// Plain makes clients close first and with a FIN, as most do, instead of in
	// every way in turn.
	Plain bool
}

// tally is the load's own count.
type tally struct {
	// Opens are connects that succeeded, Fails those that did not.
	Opens, Fails uint64
	// Closes are connections closed, by way.
	Closes [ways]uint64
	// Began and Ended are the times of the first and after the last.
	Began, Ended time.Time
	// CPU is the processor time that all of it took the load.
	CPU time.Duration
}

func (t *tally) closes() (n uint64) {
	for _, c := range t.Closes {
		n += c
	}
	return n
}

// resets are closes in which the client sent or received a reset.
func (t *tally) resets() uint64 { return t.Closes[clientResets] + t.Closes[serverResets] }

// rate is how many connections a second came to be.
func (t *tally) rate() float64 { return float64(t.Opens) / t.Ended.Sub(t.Began).Seconds() }

// each is the processor time of one connection.
func (t *tally) each() time.Duration { return t.CPU / time.Duration(t.Opens) }

func (t *tally) add(o tally) {
	t.Opens += o.Opens
	t.Fails += o.Fails
	for i, n := range o.Closes {
		t.Closes[i] += n
	}
}

// load is a running load.
type load struct {
	*actor
	pod  pod
	args loadArgs
}

// startLoad starts a load in a pod and namespace of its own, idle at first.
func startLoad(b *testing.B, args loadArgs) *load {
	b.Helper()
	l := &load{pod: makePod(b, loadPod), args: args}
	l.actor = act(b, stage{fresh: true, cgroup: l.pod.cgroup}, "load", args)
	return l
}

// loadPod is the number of the load's pod.
const loadPod = 1_000_000

// start gives the load an order, finish waits for its count.
func (l *load) start(b *testing.B, o order) {
	b.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		b.Fatal(err)
	}
	l.tell(b, string(text))
}

func (l *load) finish(b *testing.B) *tally {
	b.Helper()
	var t tally
	if err := json.Unmarshal([]byte(l.hear(b)), &t); err != nil {
		b.Fatal(err)
	}
	return &t
}

// do runs an order to its end.
func (l *load) do(b *testing.B, o order) *tally {
	b.Helper()
	l.start(b, o)
	return l.finish(b)
}

// actLoad is the part of a load.
func actLoad(args loadArgs) error {
	if err := configure("link set lo up\n"); err != nil {
		return err
	}
	for name, value := range map[string]string{
		// More ports than listeners leave, so that none is used up.
		"net/ipv4/ip_local_port_range": "16384 65535",
		"net/ipv4/tcp_max_tw_buckets":  strconv.Itoa(args.Waiting),
	} {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
			return err
		}
	}
	workers := make([]*worker, args.Workers)
	for i := range workers {
		w, err := newWorker(i, args.Destinations)
		if err != nil {
			return err
		}
		workers[i] = w
	}
	return obey(func(text string) (string, error) {
		var o order
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return "", err
		}
		t, err := work(workers, o)
		if err != nil {
			return "", err
		}
		answer, err := json.Marshal(t)
		return string(answer), err
	})
}

// work lets all workers follow an order and adds up what they did.
func work(workers []*worker, o order) (tally, error) {
	counts, failures := make([]tally, len(workers)), make([]error, len(workers))
	before, err := ownCPU()
	if err != nil {
		return tally{}, err
	}
	total := tally{Began: time.Now()}
	var done sync.WaitGroup
	for i, w := range workers {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			counts[i], failures[i] = w.follow(o, float64(o.Rate)/float64(len(workers)))
		})
	}
	done.Wait()
	total.Ended = time.Now()
	after, err := ownCPU()
	failures = append(failures, err)
	total.CPU = after - before
	for _, c := range counts {
		total.add(c)
	}
	return total, errors.Join(failures...)
}

// ownCPU is the processor time that this process has taken.
func ownCPU() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// follow opens and closes connections as ordered.
func (w *worker) follow(o order, rate float64) (t tally, err error) {
	began := time.Now()
	for i := 0; ; i++ {
		if rate > 0 {
			due := began.Add(time.Duration(float64(i) / rate * 1e9))
			if due.Sub(began) >= o.For {
				break
			}
			time.Sleep(time.Until(due))
		} else if time.Since(began) >= o.For {
			break
		}
		if o.Refused && i%64 == 63 {
			if err := w.refused(); err != nil {
				return t, err
			}
			t.Fails++
			continue
		}
		if err := w.step(i, o, &t); err != nil {
			return t, fmt.Errorf("connection %d: %w", t.Opens, err)
		}
	}
	for at := range w.held {
		if err := w.shrink(at, 0, o.Plain, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

// step opens the connection that is next, and closes as many of the same
// destination as are too many now.
func (w *worker) step(i int, o order, t *tally) error {
	at := i % len(w.held)
	p, err := w.open(at)
	if err != nil {
		return err
	}
	t.Opens++
	w.held[at] = append(w.held[at], p)
	keep := 0
	if o.Held > 0 {
		keep = 1 + rand.IntN(o.Held)
	}
	return w.shrink(at, keep, o.Plain, t)
}

// shrink closes the oldest connections of a destination but for some.
func (w *worker) shrink(at, keep int, plain bool, t *tally) error {
	for len(w.held[at]) > keep {
		p := w.held[at][0]
		w.held[at] = append(w.held[at][:0], w.held[at][1:]...)
		by := clientFinishes
		if !plain {
			by = mix[t.Opens%uint64(len(mix))]
		}
		if err := p.close(by); err != nil {
			return fmt.Errorf("closing (%d): %w", by, err)
		}
		t.Closes[by]++
	}
	return nil
}
