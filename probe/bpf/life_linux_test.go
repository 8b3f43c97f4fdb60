package bpf

import (
	"math/bits"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// bucket says where a life belongs: wire.Life in Go.
func bucket(life time.Duration) int {
	return min(bits.Len64(uint64(life/time.Millisecond)), wire.LifeBuckets-1)
}

func TestBuckets(t *testing.T) {
	for life, want := range map[time.Duration]int{
		0: 0, time.Millisecond - 1: 0, time.Millisecond: 1, 2*time.Millisecond - 1: 1, 2 * time.Millisecond: 2,
		1023 * time.Millisecond: 10, 1024 * time.Millisecond: 11, 1<<22*time.Millisecond - 1: 22, 1 << 22 * time.Millisecond: 23,
		1 << 33 * time.Millisecond: 23,
	} {
		if got := bucket(life); got != want {
			t.Errorf("%s is in bucket %d, want %d", life, got, want)
		}
	}
}

// The programs put lives of every length where they belong. A life is made long
// by moving its beginning.
func TestLives(t *testing.T) {
	const ms = time.Millisecond
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	now := func() time.Duration {
		var ts unix.Timespec
		must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
		return time.Duration(ts.Nano())
	}
	for _, age := range []time.Duration{0, 1 * ms, 3 * ms, 16 * ms, 100 * ms, 1024 * ms, 5000 * ms, time.Minute, time.Hour, 1 << 22 * ms, 24 * time.Hour, 1 << 32 * ms, 1 << 40 * ms} {
		s := serve(t, loopback(), 8)
		client, accepted := s.pair(false)
		var since uint64
		ours := uint64(1)
		if age > 0 {
			since = uint64(max(now()-age, 1))
			if now() < age {
				since = uint64(now()) - uint64(age) // before the machine began
			}
		}
		for key, conn := range followed(t, w.c) {
			if ours = key; age > 0 {
				conn.Since = since
				remember(t, w.c, key, conn)
			}
			since = conn.Since
			break
		}
		begun := time.Duration(since)
		least := now() - begun
		must(t, abort(client), end(accepted))
		w.until("it has ended", func() bool { _, e := w.to(s.at); return e.Closes == 1 })
		most := now() - begun
		_, e := w.to(s.at)
		in := -1
		for i, n := range e.Lives {
			if n > 0 {
				in = i
			}
		}
		if in < bucket(least) || in > bucket(most) || e.Lives[max(in, 0)] != 1 {
			t.Errorf("a life of %s to %s (%x) is in bucket %d: %v", least, most, ours, in, e.Lives)
		}
	}
}

// A connection that was there before has no length.
func TestLifeOfTheSeeded(t *testing.T) {
	s := serve(t, loopback(), 8)
	client, accepted := s.pair(false)
	c := open(t, Config{Rows: 8192})
	seeded(t, c, netns(t))
	w := newWatch(t, c)
	w.want("found", s.at, count.Gauges{Established: 1}, count.Events{})
	must(t, abort(client), end(accepted))
	w.until("it has ended", func() bool { _, e := w.to(s.at); return e.Closes == 1 })
	if _, e := w.to(s.at); e.Lives != (count.Events{}).Lives || e.Opens != 0 {
		t.Errorf("%+v", e)
	}
}
