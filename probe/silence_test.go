package probe

import (
	"testing"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// The buckets are those of wire.Row: 1, 2, 4, 8, 16, 32, 64 minutes and more.
func TestSilentBucket(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		idle time.Duration
		want uint8 // 1 more than the index
	}{
		{0, 0}, {time.Minute - 1, 0}, {time.Minute, 1}, {2*time.Minute - 1, 1}, {2 * time.Minute, 2}, {4*time.Minute - 1, 2},
		{4 * time.Minute, 3}, {8 * time.Minute, 4}, {16 * time.Minute, 5}, {32 * time.Minute, 6}, {64*time.Minute - 1, 6},
		{64 * time.Minute, 7}, {128 * time.Minute, 7}, {1<<63 - 1, 7},
	} {
		if got := silentBucket(tc.idle, time.Minute); got != tc.want {
			t.Errorf("%s is in %d, want %d", tc.idle, got, tc.want)
		}
	}
}

func TestTellSilence(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		silent [wire.SilentBuckets]uint32
		want   int
	}{{[wire.SilentBuckets]uint32{}, 0}, {[wire.SilentBuckets]uint32{3}, 1}, {[wire.SilentBuckets]uint32{0, 0, 1}, 3}, {[wire.SilentBuckets]uint32{6: 1}, 7}} {
		g := gauges{silent: tc.silent}
		got := tellSilence(&g)
		if len(got) != tc.want || tc.want == 0 && got != nil {
			t.Errorf("%d is told as %d", tc.silent, got)
		}
		for i := range got {
			if got[i] != tc.silent[i] {
				t.Errorf("%d is told as %d", tc.silent, got)
			}
		}
	}
}

// quiet is what a list tells of a connection with so many segments, to which no
// data and no acknowledgement has come for an hour.
func quiet(key uint64, segments uint32) Socket {
	return Socket{Key: key, State: StateEstablished, Silence: silence{known: true, idle: time.Hour, segments: segments}}
}

// Segments that nothing else tells of end a silence; it begins anew when they
// have passed, and is never longer than what the kernel tells.
func TestSilencesCorrect(t *testing.T) {
	t.Parallel()
	s, now := newSilences(), time.Unix(1000, 0)
	idle := func(after time.Duration, sock Socket) time.Duration {
		t.Helper()
		now = now.Add(after)
		if !s.begin(now) {
			t.Fatalf("not due after %s", after)
		}
		s.correct(&sock)
		s.end()
		return sock.Silence.idle
	}
	for i, tc := range []struct {
		after time.Duration
		sock  Socket
		want  time.Duration
	}{
		{0, quiet(1, 9), time.Hour},            // the first answer: no more is known
		{silenceEvery, quiet(1, 9), time.Hour}, // nothing passed
		{silenceEvery, quiet(1, 11), 0},        // a keep-alive of the other side, and what it got
		{5 * time.Minute, quiet(1, 11), 5 * time.Minute},
		{2 * time.Hour, quiet(1, 11), time.Hour}, // the kernel knows better
		{silenceEvery, quiet(1, 1<<32-1), 0},
		{silenceEvery, quiet(1, 3), 0},         // they wrap around
		{silenceEvery, quiet(2, 3), time.Hour}, // another; the first is forgotten
		{silenceEvery, quiet(1, 3), time.Hour},
	} {
		if got := idle(tc.after, tc.sock); got != tc.want {
			t.Errorf("%d: silent for %s, want %s", i, got, tc.want)
		}
	}
	// What is not silent, or not told, takes no memory.
	for _, sock := range []Socket{
		{Key: 7, State: StateEstablished},
		{Key: 8, State: StateEstablished, Silence: silence{known: true, idle: time.Minute - 1}},
		{Key: 9, State: StateCloseWait, Silence: silence{known: true, idle: time.Hour}},
	} {
		was := sock
		if idle(silenceEvery, sock); was != sock || len(s.heard) != 0 {
			t.Errorf("%+v is remembered: %+v", sock, s.heard)
		}
	}
}

// A list that was not asked tells nothing, and forgets nothing.
func TestSilencesBetween(t *testing.T) {
	t.Parallel()
	s, now := newSilences(), time.Unix(1000, 0)
	for i := range 25 {
		due := s.begin(now.Add(time.Duration(i) * time.Second))
		if due != (i%10 == 0) {
			t.Errorf("after %d seconds: due %t", i, due)
		}
		if sock := quiet(1, uint32(i/10)); due {
			s.correct(&sock)
			if i > 0 && sock.Silence.idle != 0 {
				t.Errorf("after %d seconds: silent for %s", i, sock.Silence.idle)
			}
		}
		s.end()
	}
}
