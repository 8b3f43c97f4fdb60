package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// FuzzDecoder feeds whole streams: nothing panics, every end is a clean one or
// an error that stands inside the stream, and what decodes says the same when
// it is sent on.
func FuzzDecoder(f *testing.F) {
	for _, m := range messages() {
		f.Add(stream(f, m))
	}
	two := stream(f, Message{Hello: &Hello{Probe: "x"}}, Message{Tick: steadyTick(3)})
	f.Add(two)
	f.Add(two[:len(two)-2])
	f.Add(append(bytes.Clone(two), "ST"...))
	f.Fuzz(func(t *testing.T, in []byte) {
		dec := NewDecoder(bytes.NewReader(in))
		for {
			m, err := dec.Next()
			if err != nil {
				checkEnd(t, err, int64(len(in)))
				return
			}
			sameAgain(t, m)
		}
	})
}

// FuzzPayload wraps payloads into good frames: the checksum hides them from
// FuzzDecoder.
func FuzzPayload(f *testing.F) {
	for _, m := range messages() {
		b := stream(f, m)
		f.Add(b[3], b[headerSize:])
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		m, err := NewDecoder(bytes.NewReader(rawFrame(t, Kind(kind), payload))).Next()
		if err != nil {
			checkEnd(t, err, 1)
			return
		}
		sameAgain(t, m)
	})
}

func checkEnd(t *testing.T, err error, size int64) {
	t.Helper()
	if errors.Is(err, io.EOF) {
		return
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Offset < 0 || e.Offset >= size {
		t.Fatalf("offset %d of %d bytes", e.Offset, size)
	}
}

func sameAgain(t *testing.T, m Message) {
	t.Helper()
	first := stream(t, m)
	again, err := NewDecoder(bytes.NewReader(first)).Next()
	if err != nil {
		t.Fatalf("what was decoded does not decode again: %v", err)
	}
	if !reflect.DeepEqual(stream(t, again), first) {
		t.Fatalf("%+v became %+v", m, again)
	}
}
