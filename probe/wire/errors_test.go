package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

// damaged is a good frame, then one that is changed by harm.
func damaged(t *testing.T, harm func([]byte) []byte) (stream []byte, offset int64) {
	t.Helper()
	good := rawFrame(t, KindBye, marshal(t, Bye{Reason: "leash"}))
	bad := harm(bytes.Clone(good))
	return append(good, bad...), int64(len(good))
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		harm func([]byte) []byte
		want error
	}{
		"magic, first byte":  {func(b []byte) []byte { b[0] = 'X'; return b }, ErrMagic},
		"magic, second byte": {func(b []byte) []byte { b[1] = 's'; return b }, ErrMagic},
		"text of a shell":    {func([]byte) []byte { return []byte("sh: snattop-probe: not found\n") }, ErrMagic},
		"version":            {func(b []byte) []byte { b[2] = Version + 1; return b }, ErrVersion},
		"kind":               {func(b []byte) []byte { b[3] = 77; return b }, ErrKind},
		"too long": {func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[4:], MaxPayload+1)
			return b
		}, ErrTooLong},
		"checksum":        {func(b []byte) []byte { b[8] ^= 1; return b }, ErrChecksum},
		"payload changed": {func(b []byte) []byte { b[len(b)-1] ^= 0x20; return b }, ErrChecksum},
		"header cut":      {func(b []byte) []byte { return b[:headerSize-1] }, ErrTruncated},
		"one byte":        {func(b []byte) []byte { return b[:1] }, ErrTruncated},
		"no payload":      {func(b []byte) []byte { return b[:headerSize] }, ErrTruncated},
		"payload cut":     {func(b []byte) []byte { return b[:len(b)-1] }, ErrTruncated},
		"garbage":         {func([]byte) []byte { return rawFrame(t, KindTick, []byte("not CBOR at all")) }, ErrPayload},
		"empty payload":   {func([]byte) []byte { return rawFrame(t, KindTick, nil) }, ErrPayload},
		"a wrong type":    {func([]byte) []byte { return rawFrame(t, KindBye, marshal(t, map[int]any{1: 5})) }, ErrPayload},
		"a list":          {func([]byte) []byte { return rawFrame(t, KindBye, marshal(t, []int{1})) }, ErrPayload},
		"bytes behind":    {func([]byte) []byte { return rawFrame(t, KindBye, append(marshal(t, Bye{}), 0)) }, ErrPayload},
		"a key twice":     {func([]byte) []byte { return rawFrame(t, KindBye, []byte{0xa2, 1, 0x61, 'a', 1, 0x61, 'b'}) }, ErrPayload},
		"no UTF-8":        {func([]byte) []byte { return rawFrame(t, KindBye, []byte{0xa1, 1, 0x61, 0xff}) }, ErrPayload},
		"a tag":           {func([]byte) []byte { return rawFrame(t, KindBye, []byte{0xa1, 1, 0xc0, 0x61, 'a'}) }, ErrPayload},
		"unknown length":  {func([]byte) []byte { return rawFrame(t, KindBye, []byte{0xbf, 0xff}) }, ErrPayload},
		"deep": {func([]byte) []byte {
			return rawFrame(t, KindBye, append([]byte{0xa1, 9}, append(bytes.Repeat([]byte{0x81}, 40), 0)...))
		}, ErrPayload},
		"address of five bytes": {func([]byte) []byte {
			return rawFrame(t, KindTick, marshal(t, map[int]any{7: []any{map[int]any{4: []byte("12345")}}}))
		}, ErrPayload},
		"row's address with a zone": {func([]byte) []byte {
			return rawFrame(t, KindTick, marshal(t, Tick{Rows: []Row{{ID: 1, IP: netip.MustParseAddr("fe80::1%\x1b[2J")}}}))
		}, ErrPayload},
		"owner's address with a zone": {func([]byte) []byte {
			return rawFrame(t, KindTick, marshal(t, Tick{Owners: []Owner{{ID: 1, IPs: []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}}}}))
		}, ErrPayload},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, offset := damaged(t, tc.harm)
			// Behind the harm stands a good frame that must not be reached.
			in = append(in, stream(t, Message{Bye: &Bye{}})...)
			if errors.Is(tc.want, ErrTruncated) {
				in, _ = damaged(t, tc.harm)
			}
			dec := NewDecoder(iotest.OneByteReader(bytes.NewReader(in)))
			if m, err := dec.Next(); err != nil || m.Bye == nil {
				t.Fatalf("the good frame: %+v, %v", m, err)
			}
			m, err := dec.Next()
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !errors.Is(err, tc.want) || !errors.Is(e.Reason, tc.want) {
				t.Errorf("reason %v, want %v", e.Reason, tc.want)
			}
			if e.Offset != offset {
				t.Errorf("offset %d, want %d", e.Offset, offset)
			}
			if m != (Message{}) {
				t.Errorf("a message came with the error: %+v", m)
			}
			if again, err2 := dec.Next(); err2 != err || again != (Message{}) { //nolint:errorlint // the very same value
				t.Errorf("the error does not stick: %v", err2)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	if got := (&Error{Offset: 7, Reason: ErrMagic}).Error(); got != "frame at byte 7: not a frame of this format" {
		t.Error(got)
	}
	if got := (&Error{Offset: 7, Reason: ErrKind, Detail: "kind 9"}).Error(); !strings.HasSuffix(got, "known: kind 9") {
		t.Error(got)
	}
}

// A reader's own error is no fault of the format.
func TestReaderError(t *testing.T) {
	t.Parallel()
	boom := errors.New("connection reset")
	good := stream(t, Message{Bye: &Bye{Reason: "leash"}})
	for name, n := range map[string]int{"at a frame": 0, "in a header": 5, "in a payload": headerSize + 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dec := NewDecoder(io.MultiReader(bytes.NewReader(good), bytes.NewReader(good[:n]), iotest.ErrReader(boom)))
			if _, err := dec.Next(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := dec.Next()
				var e *Error
				if !errors.Is(err, boom) || errors.As(err, &e) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// failing accepts some bytes, then no more.
type failing struct{ room, writes int }

var errFull = errors.New("no room")

func (f *failing) Write(b []byte) (int, error) {
	f.writes++
	if len(b) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(b)
	return len(b), nil
}

// After half a frame no other may follow: it would read as garbage.
func TestEncoderStopsAfterAFailedWrite(t *testing.T) {
	t.Parallel()
	w := &failing{room: 20}
	e := NewEncoder(w)
	if err := e.Hello(&Hello{Hostname: "node", Kernel: "6.8"}); !errors.Is(err, errFull) {
		t.Fatalf("got %v", err)
	}
	if e.Sent() != 20 {
		t.Errorf("Sent is %d, want 20", e.Sent())
	}
	w.room = 1 << 20
	if err := e.Bye(&Bye{}); !errors.Is(err, errFull) {
		t.Errorf("the error does not stick: %v", err)
	}
	if w.writes != 1 {
		t.Errorf("%d writes, want 1", w.writes)
	}
}

// A tick that is too long is refused whole, and the stream stays good.
func TestEncoderRefusesTooLong(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	e := NewEncoder(&buf)
	if err := e.Bye(&Bye{Reason: strings.Repeat("x", MaxPayload)}); !errors.Is(err, ErrTooLong) {
		t.Fatalf("got %v", err)
	}
	if buf.Len() != 0 {
		t.Fatalf("%d bytes were written", buf.Len())
	}
	if err := e.Bye(&Bye{Reason: "too long"}); err != nil {
		t.Fatal(err)
	}
	if m, err := NewDecoder(&buf).Next(); err != nil || m.Bye.Reason != "too long" {
		t.Errorf("got %+v, %v", m, err)
	}
}
