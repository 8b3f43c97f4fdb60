package capture

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is a ring of words: a script of bursts, one for each read.
type fakeSource struct {
	bursts [][]Packet
	// late arrive after the source was stopped.
	late []Packet
	// dropped is what the kernel dropped.
	dropped uint64
	err     error

	mu      sync.Mutex
	seen    uint64
	stopped bool
}

func (f *fakeSource) read(patience time.Duration, fn func(Packet)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(f.bursts) > 0:
		for _, p := range f.bursts[0] {
			f.seen++
			fn(p)
		}
		f.bursts = f.bursts[1:]
		return nil
	case f.stopped && len(f.late) > 0:
		for _, p := range f.late {
			fn(p)
		}
		f.late = nil
		return nil
	case f.err != nil:
		return f.err
	}
	time.Sleep(patience)
	return nil
}

func (f *fakeSource) counts() (seen, dropped uint64, err error) {
	return f.seen + f.dropped, f.dropped, nil
}

func (f *fakeSource) stop() error {
	f.stopped = true
	f.seen += uint64(len(f.late))
	return nil
}

func packet(i, size int) Packet {
	return Packet{UnixNanos: int64(i), Length: uint32(size) + 7, Direction: Direction(i % 3), Data: make([]byte, size)}
}

func burst(n, size int) []Packet {
	out := make([]Packet, n)
	for i := range out {
		out[i] = packet(i, size)
	}
	return out
}

// heard is what a reader of a stream was told.
type heard struct {
	packets uint64
	beats   int
	counts  Counts
	end     *End
	err     error
}

// hear reads a stream; each message waits for its turn.
func hear(r io.Reader, turn func()) (h heard) {
	dec := NewDecoder(r)
	for {
		turn()
		m, err := dec.Next()
		switch {
		case err != nil:
			h.err = err
			return h
		case m.Packets != nil:
			if len(m.Packets.Records) == 0 {
				h.beats++
			}
			h.counts = m.Packets.Counts
			_ = m.Packets.Each(128, func(Packet) error { h.packets++; return nil })
		case m.End != nil:
			h.end, h.counts = m.End, m.End.Counts
		}
	}
}

func startOf() *Start { return &Start{Interface: "veth1", Link: Ethernet, Snaplen: 128} }

// stream runs a capture and hears it until limits or stop ends it.
func stream(t *testing.T, src source, limits Limits, stopAfter time.Duration, turn func()) (heard, error) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), stopAfter)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, src, startOf(), limits, w)
		_ = w.CloseWithError(err)
		done <- err
	}()
	h := hear(r, turn)
	return h, <-done
}

func TestCaptureEnds(t *testing.T) {
	tests := []struct {
		name   string
		src    *fakeSource
		limits Limits
		reason string
		told   uint64
		counts Counts
	}{
		{"when told to", &fakeSource{bursts: [][]Packet{burst(3, 100)}}, Limits{}, EndLeash, 3, Counts{Seen: 3}},
		{"with what was under way", &fakeSource{bursts: [][]Packet{burst(3, 100)}, late: burst(4, 100), dropped: 2}, Limits{}, EndLeash, 7, Counts{Seen: 9, Kernel: 2}},
		{"after its time", &fakeSource{bursts: [][]Packet{burst(3, 100)}}, Limits{Duration: 3 * time.Second}, EndDuration, 3, Counts{Seen: 3}},
		{"at its size", &fakeSource{bursts: [][]Packet{burst(100, 100)}, late: burst(1, 100)}, Limits{Bytes: 10*(100+RecordCost) + 1}, EndSize, 10, Counts{Seen: 10}},
		{"when it fails", &fakeSource{bursts: [][]Packet{burst(3, 100)}, err: errors.New("the interface is gone")}, Limits{}, "the interface is gone", 3, Counts{Seen: 3}},
		{"with nothing", &fakeSource{}, Limits{}, EndLeash, 0, Counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failing := tt.src.err
				h, err := stream(t, tt.src, tt.limits, 10*time.Second, func() {})
				if !errors.Is(err, failing) || h.end == nil {
					t.Fatalf("ended with %v: %+v", err, h)
				}
				if h.end.Reason != tt.reason || h.end.Failed != (failing != nil) || h.packets != tt.told || h.end.Counts != tt.counts {
					t.Errorf("%+v, %+v", h, h.end)
				}
				if tt.reason == EndLeash && h.beats < 5 {
					t.Errorf("%d beats in ten seconds", h.beats)
				}
			})
		})
	}
}

// A reader that is too slow makes drops, and every packet is accounted for.
func TestBackPressureIsCounted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(0, 128).Draw(rt, "size")
		var bursts [][]Packet
		for range rapid.IntRange(1, 40).Draw(rt, "bursts") {
			bursts = append(bursts, burst(rapid.IntRange(1, 20000).Draw(rt, "packets"), size))
		}
		src := &fakeSource{bursts: bursts, late: burst(rapid.IntRange(0, 50).Draw(rt, "late"), size), dropped: rapid.Uint64Range(0, 99).Draw(rt, "dropped")}
		synctest.Test(t, func(t *testing.T) {
			h, err := stream(t, src, Limits{}, 5*time.Second, func() { time.Sleep(time.Second) })
			if err != nil || h.end == nil {
				t.Fatalf("%v, %+v", err, h)
			}
			if c := h.end.Counts; c.Seen != h.packets+c.Kernel+c.Queue {
				t.Fatalf("%d told, %+v", h.packets, c)
			}
		})
	})
	synctest.Test(t, func(t *testing.T) {
		const n = 200000 // 29 MB of records; 8 fit the queue
		h, err := stream(t, &fakeSource{bursts: [][]Packet{burst(n, 128)}}, Limits{}, 5*time.Second, func() { time.Sleep(time.Second) })
		if err != nil || h.end.Counts.Queue < n/2 || h.packets+h.end.Counts.Queue != n {
			t.Errorf("%v: %d told, %+v", err, h.packets, h.end)
		}
	})
}

// A reader that goes away ends the capture, whatever it has not read.
func TestReaderGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- run(t.Context(), &fakeSource{bursts: [][]Packet{burst(200000, 128)}}, startOf(), Limits{}, w)
		}()
		if _, err := NewDecoder(r).Next(); err != nil {
			t.Fatal(err)
		}
		_ = r.CloseWithError(errors.New("gone"))
		if err := <-done; err == nil || !strings.Contains(err.Error(), "gone") {
			t.Error(err)
		}
	})
}
