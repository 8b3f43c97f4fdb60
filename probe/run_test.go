package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// fakeSampler takes snapshots out of thin air.
type fakeSampler struct {
	cost   time.Duration
	err    error
	failAt int

	mu      sync.Mutex
	taken   []time.Time
	elapsed []time.Duration
	focus   []wire.Focus
}

func (f *fakeSampler) sample(_ context.Context, now time.Time, elapsed time.Duration) (*wire.Tick, error) {
	f.mu.Lock()
	f.taken = append(f.taken, now)
	f.elapsed = append(f.elapsed, elapsed)
	n := len(f.taken)
	f.mu.Unlock()
	time.Sleep(f.cost) // inside a bubble: fake time
	if f.err != nil && n == f.failAt {
		return nil, f.err
	}
	return &wire.Tick{Seq: uint64(n)}, nil
}

func (f *fakeSampler) setFocus(w wire.Focus) { f.focus = append(f.focus, w) }
func (*fakeSampler) collector() string       { return "fake" }
func (*fakeSampler) close()                  {}

// fakeOutput keeps what it is told. It takes its time for a tick.
type fakeOutput struct {
	slow time.Duration
	err  error

	mu    sync.Mutex
	ticks []*wire.Tick
	byes  []wire.Bye
}

func (*fakeOutput) Hello(*wire.Hello) error { return nil }

func (o *fakeOutput) Tick(t *wire.Tick) error {
	time.Sleep(o.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ticks = append(o.ticks, t)
	return o.err
}

func (o *fakeOutput) Bye(b *wire.Bye) error {
	o.byes = append(o.byes, *b)
	return o.err
}

// bench is a loop on the bench, in the fake time of a bubble.
type bench struct {
	s        *fakeSampler
	out      *fakeOutput
	l        loop
	commands chan wire.Command
	began    time.Time
	done     chan error
	cancel   context.CancelFunc
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{s: &fakeSampler{}, out: &fakeOutput{}, commands: make(chan wire.Command), began: time.Now(), done: make(chan error, 1)}
	b.l = loop{cfg: cfg, s: b.s, out: b.out, now: time.Now}
	return b
}

func (b *bench) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	t.Cleanup(cancel)
	go func() { b.done <- b.l.run(ctx, b.commands) }()
}

// at are the times of the snapshots since the start.
func (b *bench) at() []time.Duration {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	out := make([]time.Duration, 0, len(b.s.taken))
	for _, t := range b.s.taken {
		out = append(out, t.Sub(b.began))
	}
	return out
}

func (b *bench) wantAt(t *testing.T, want ...time.Duration) {
	t.Helper()
	if got := b.at(); !slices.Equal(got, want) {
		t.Errorf("snapshots at %v, want %v", got, want)
	}
}

// leash lets the probe go, and returns what it ends with.
func (b *bench) leash() error {
	close(b.commands)
	return <-b.done
}

func (b *bench) wantBye(t *testing.T, want wire.Bye) {
	t.Helper()
	if !slices.Equal(b.out.byes, []wire.Bye{want}) {
		t.Errorf("byes %+v, want one %+v", b.out.byes, want)
	}
}

const second = time.Second

func TestRunTicksAtTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Interval: 2 * second})
		b.s.cost = second / 2
		b.start(t)
		time.Sleep(5 * second)
		synctest.Wait()
		b.wantAt(t, 0, 2*second, 4*second)
		if want := []time.Duration{0, 2 * second, 2 * second}; !slices.Equal(b.s.elapsed, want) {
			t.Errorf("elapsed %v, want %v", b.s.elapsed, want)
		}
		for _, tick := range b.out.ticks {
			if tick.Cost.WallNanos != int64(b.s.cost) {
				t.Errorf("a cost of %d", tick.Cost.WallNanos)
			}
		}
		if err := b.leash(); err != nil {
			t.Error(err)
		}
		b.wantBye(t, wire.Bye{Reason: ByeLeash})
		b.wantAt(t, 0, 2*second, 4*second)
	})
}

func TestRunDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Deadline: 2500 * time.Millisecond})
		b.start(t)
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		if took := time.Since(b.began); took != 2500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		b.wantBye(t, wire.Bye{Reason: ByeDeadline})
		b.wantAt(t, 0, second, 2*second)
	})
}

func TestRunSamplerFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("netlink\x1b[2J is gone")
		b := newBench(t, Config{})
		b.s.err, b.s.failAt = boom, 2
		b.start(t)
		if err := <-b.done; !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		b.wantBye(t, wire.Bye{Reason: "taking a snapshot: netlink is gone", Failed: true})
		if len(b.out.ticks) != 1 {
			t.Errorf("%d ticks", len(b.out.ticks))
		}
	})
}

// An output that fails is told once, not once for the tick and once for the bye.
func TestRunOutputFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("broken pipe")
		b := newBench(t, Config{})
		b.out.err = boom
		b.start(t)
		if err := <-b.done; err != boom { //nolint:errorlint // alone, not joined
			t.Errorf("got %v", err)
		}
	})
}

func TestRunContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.start(t)
		synctest.Wait()
		b.cancel()
		if err := <-b.done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(b.out.byes) != 0 {
			t.Errorf("byes %+v", b.out.byes)
		}
	})
}

// Who asks for detail waits for it, so a look follows at once; who asks all
// the time does not make the node look all the time.
func TestRunFocusLooksEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Interval: 4 * second})
		b.start(t)
		focus := func(after time.Duration) {
			time.Sleep(after)
			b.commands <- wire.Command{Focus: &wire.Focus{Owners: []uint32{uint32(len(b.s.focus))}}}
			synctest.Wait()
		}
		focus(500 * time.Millisecond)  // 0.5 s: too soon after the first look
		focus(1500 * time.Millisecond) // 2 s: early look
		for range 8 {
			focus(100 * time.Millisecond) // up to 2.8 s: too soon
		}
		focus(second) // 3.8 s: early look
		time.Sleep(second)
		synctest.Wait()
		b.wantAt(t, 0, 2*second, 3800*time.Millisecond, 4*second)
		if len(b.s.focus) != 11 {
			t.Errorf("%d changes of focus reached the sampler", len(b.s.focus))
		}
		if err := b.leash(); err != nil {
			t.Error(err)
		}
	})
}

func TestRunIntervalChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Interval: 10 * second})
		b.start(t)
		time.Sleep(second)
		b.commands <- wire.Command{IntervalMillis: 500}
		time.Sleep(1200 * time.Millisecond)
		b.commands <- wire.Command{IntervalMillis: 50}      // too fast: not obeyed
		b.commands <- wire.Command{IntervalMillis: -1}      // nonsense
		b.commands <- wire.Command{}                        // nothing
		b.commands <- wire.Command{IntervalMillis: 1 << 60} // the slowest there is
		time.Sleep(61 * second)
		synctest.Wait()
		b.wantAt(t, 0, 1500*time.Millisecond, 2*second, 62200*time.Millisecond)
		if err := b.leash(); err != nil {
			t.Error(err)
		}
	})
}

// A slow reader delays the next snapshot. Nothing queues up behind it.
func TestRunBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.out.slow = 3500 * time.Millisecond
		b.start(t)
		time.Sleep(12 * second)
		synctest.Wait()
		b.wantAt(t, 0, 3500*time.Millisecond, 7*second, 10500*time.Millisecond)
		b.out.mu.Lock()
		if len(b.out.ticks) != 3 {
			t.Errorf("%d ticks were taken", len(b.out.ticks))
		}
		b.out.mu.Unlock()
		go close(b.commands)
		if err := <-b.done; err != nil {
			t.Error(err)
		}
		b.wantBye(t, wire.Bye{Reason: ByeLeash})
	})
}

func TestRunTouchesTheLease(t *testing.T) {
	t.Parallel()
	lease := filepath.Join(t.TempDir(), "lease")
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Lease: lease})
		b.start(t)
		touched := func() time.Duration {
			synctest.Wait()
			info, err := os.Stat(lease)
			if err != nil {
				t.Fatal(err)
			}
			return info.ModTime().Sub(b.began)
		}
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if _, err := os.Stat(lease); err != nil {
			t.Errorf("the lease is not made: %v", err)
		}
		time.Sleep(10 * second)
		if got := touched(); got != 10*second {
			t.Errorf("touched at %s, want 10s", got)
		}
		time.Sleep(20 * second)
		if got := touched(); got != 30*second {
			t.Errorf("touched at %s, want 30s", got)
		}
		if err := b.leash(); err != nil {
			t.Error(err)
		}
	})
}

// A lease that cannot be touched is a problem that is told, no end.
func TestRunLeaseFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Lease: filepath.Join(t.TempDir(), "no such folder", "lease")})
		b.start(t)
		time.Sleep(11 * second)
		synctest.Wait()
		if err := b.leash(); err != nil {
			t.Error(err)
		}
		for i, tick := range b.out.ticks {
			if want := i%10 == 0; (len(tick.Problems) == 1) != want {
				t.Errorf("tick %d has the problems %q", i, tick.Problems)
			}
		}
	})
}
