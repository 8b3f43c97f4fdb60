package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
)

// A header is nobody's promise: memory follows what arrives.
func TestClaimedLengthTakesNoMemory(t *testing.T) {
	header := append([]byte{magic0, magic1, Version, byte(KindTick)}, make([]byte, 8)...)
	binary.BigEndian.PutUint32(header[4:], MaxPayload)
	in := bytes.Join([][]byte{header, make([]byte, 1000)}, nil)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := NewFrameReader(bytes.NewReader(in)).Next()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTruncated) {
		t.Fatalf("got %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 256<<10 {
		t.Errorf("1,000 bytes that claim to be 16 MiB took %d bytes", took)
	}
}

// The whole point of deltas: a busy node's tick is a few kilobytes.
func TestTickSize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		tick  *Tick
		limit int
	}{
		{"200 destinations, steady", steadyTick(200), 5_000},
		{"200 destinations, first", firstTick(200), 16_000},
		{"20,000 destinations, first", firstTick(20_000), 1 << 20},
	} {
		size := len(stream(t, Message{Tick: tc.tick}))
		t.Logf("%s: %d bytes", tc.name, size)
		if size > tc.limit {
			t.Errorf("%s: %d bytes, want at most %d", tc.name, size, tc.limit)
		}
	}
}

func BenchmarkEncodeTick(b *testing.B) {
	for name, tick := range map[string]*Tick{"200 steady": steadyTick(200), "2000 steady": steadyTick(2000), "2000 first": firstTick(2000)} {
		b.Run(name, func(b *testing.B) {
			e := NewEncoder(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Tick(tick); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(e.Sent())/float64(b.N), "bytes/tick")
		})
	}
}

func BenchmarkDecodeTick(b *testing.B) {
	frame := stream(b, Message{Tick: steadyTick(2000)})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewDecoder(bytes.NewReader(frame)).Next(); err != nil {
			b.Fatal(err)
		}
	}
}
