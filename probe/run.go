package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/snattop/snattop/probe/plain"
	"github.com/snattop/snattop/probe/wire"
)

// sampling is what takes snapshots of a node.
type sampling interface {
	// sample takes one snapshot. elapsed is the time since the one before.
	sample(ctx context.Context, now time.Time, elapsed time.Duration) (*wire.Tick, error)
	setFocus(wire.Focus)
	collector() string
	close()
}

// Output takes what a probe tells; *wire.Encoder is one. A call that blocks
// holds the next snapshot back: pressure from a slow reader reaches the node.
type Output interface {
	Hello(*wire.Hello) error
	Tick(*wire.Tick) error
	Bye(*wire.Bye) error
}

// Reasons in a probe's Bye.
const (
	ByeLeash    = "leash"
	ByeDeadline = "deadline"
)

// Run takes snapshots and tells them until commands is closed (the leash), the
// deadline passes, or ctx ends. It returns nil for the first two.
func Run(ctx context.Context, cfg Config, commands <-chan wire.Command, out Output) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	s, features, err := newSampler(cfg)
	if err != nil {
		// Why no collector works is told before the stream ends.
		herr := out.Hello(hello(cfg, "", features))
		berr := out.Bye(&wire.Bye{Reason: plain.Line(err.Error()), Failed: true})
		return errors.Join(err, herr, berr)
	}
	defer s.close()
	if err := out.Hello(hello(cfg, s.collector(), features)); err != nil {
		return err
	}
	l := loop{cfg: cfg, s: s, out: out, now: time.Now}
	return l.run(ctx, commands)
}

func hello(cfg Config, collector string, features []wire.Feature) *wire.Hello {
	host, _ := os.Hostname() // a name for people; empty says nothing
	return &wire.Hello{
		Probe: cfg.Version, Hostname: plain.Line(host), Kernel: kernelRelease(), Arch: runtime.GOARCH,
		Collector: collector, Features: features, IntervalMillis: cfg.Interval.Milliseconds(), Scope: string(cfg.Scope),
	}
}

// leaseEvery is the time between two touches of the lease.
const leaseEvery = 10 * time.Second

type loop struct {
	cfg Config
	s   sampling
	out Output
	now func() time.Time

	last, leased time.Time
	// cpu is the processor time of this process at the last tick.
	cpu time.Duration
}

func (l *loop) run(ctx context.Context, commands <-chan wire.Command) error {
	ticker := time.NewTicker(l.cfg.Interval)
	defer ticker.Stop()
	var deadline <-chan time.Time
	if l.cfg.Deadline > 0 {
		t := time.NewTimer(l.cfg.Deadline)
		defer t.Stop()
		deadline = t.C
	}
	if err := l.look(ctx); err != nil {
		return err
	}
	for {
		due := true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return l.out.Bye(&wire.Bye{Reason: ByeDeadline})
		case cmd, ok := <-commands:
			if !ok {
				return l.out.Bye(&wire.Bye{Reason: ByeLeash})
			}
			due = l.obey(cmd, ticker)
		case <-ticker.C:
		}
		if !due {
			continue
		}
		if err := l.look(ctx); err != nil {
			return err
		}
	}
}

// look takes one snapshot; a failure is told before the stream ends.
func (l *loop) look(ctx context.Context) error {
	err := l.tick(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return l.fail(err)
	}
}

// fail says why the probe ends, and returns it. An output that failed fails
// again with the same error.
func (l *loop) fail(err error) error {
	berr := l.out.Bye(&wire.Bye{Reason: plain.Line(err.Error()), Failed: true})
	if berr == nil || errors.Is(err, berr) {
		return err
	}
	return errors.Join(err, berr)
}

// obey does what a controller asks, and reports whether to look at once: who
// asks for detail is waiting for it.
func (l *loop) obey(cmd wire.Command, ticker *time.Ticker) bool {
	if cmd.IntervalMillis > 0 {
		c := l.cfg
		c.Interval = time.Duration(min(cmd.IntervalMillis, time.Minute.Milliseconds())) * time.Millisecond
		if c, err := c.complete(); err == nil {
			l.cfg = c
			ticker.Reset(c.Interval)
		}
	}
	if cmd.Focus == nil {
		return false
	}
	l.s.setFocus(*cmd.Focus)
	// Not for a controller that asks all the time.
	return l.now().Sub(l.last) > l.cfg.Interval/4
}

func (l *loop) tick(ctx context.Context) error {
	now := l.now()
	var elapsed time.Duration
	if !l.last.IsZero() {
		elapsed = now.Sub(l.last)
	}
	t, err := l.s.sample(ctx, now, elapsed)
	if err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	t.Cost.WallNanos = int64(l.now().Sub(now))
	cpu := cpuTime()
	t.Cost.CPUNanos, l.cpu = int64(cpu-l.cpu), cpu
	l.last = now
	if l.cfg.Lease != "" && now.Sub(l.leased) >= leaseEvery {
		l.leased = now
		if err := touch(l.cfg.Lease, now); err != nil {
			t.Problems = append(t.Problems, plain.Line(err.Error()))
		}
	}
	return l.out.Tick(t)
}

// touch marks a file as in use; whoever watches it sees that the probe lives.
func touch(path string, now time.Time) error {
	err := os.Chtimes(path, now, now)
	if errors.Is(err, os.ErrNotExist) {
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("touching the lease: %w", err)
	}
	return nil
}
