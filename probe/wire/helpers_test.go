package wire

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

// stream encodes messages one behind the other.
func stream(t testing.TB, messages ...Message) []byte {
	t.Helper()
	var buf bytes.Buffer
	e := NewEncoder(&buf)
	for _, m := range messages {
		if err := encodeMessage(e, m); err != nil {
			t.Fatal(err)
		}
	}
	if e.Sent() != int64(buf.Len()) {
		t.Fatalf("Sent is %d, written were %d", e.Sent(), buf.Len())
	}
	return buf.Bytes()
}

func encodeMessage(e *Encoder, m Message) error {
	switch {
	case m.Hello != nil:
		return e.Hello(m.Hello)
	case m.Tick != nil:
		return e.Tick(m.Tick)
	case m.Bye != nil:
		return e.Bye(m.Bye)
	case m.Section != nil:
		return e.Section(m.Section)
	default:
		return e.Command(m.Command)
	}
}

// rawFrame is a frame of any kind around any payload.
func rawFrame(t testing.TB, kind Kind, payload []byte) []byte {
	t.Helper()
	b, err := AppendFrame(nil, kind, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// marshal is CBOR in the format's own mode.
func marshal(t testing.TB, v any) []byte {
	t.Helper()
	mode, _, err := Modes()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// destination is the i-th of many addresses.
func destination(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
}

// steadyTick is the change of n destinations that were told before: a second
// of a node on which each of them opened and closed connections.
func steadyTick(n int) *Tick {
	t := &Tick{Seq: 812, UnixNanos: 1_790_000_000_123_456_789, ElapsedNanos: 1_000_123_456}
	for i := range n {
		t.Rows = append(t.Rows, Row{ID: uint32(i + 1), Established: uint32(i % 90), TimeWait: uint32(i % 300), Opens: 3, Closes: 2})
	}
	t.Cost = Cost{WallNanos: 21_000_000, Sockets: 14_000, Namespaces: 63}
	return t
}

// firstTick announces n destinations of some owners.
func firstTick(n int) *Tick {
	t := steadyTick(n)
	t.Full, t.ElapsedNanos = true, 0
	for i := range min(n, 60) {
		t.Owners = append(t.Owners, Owner{
			ID: uint32(i + 1), NetNS: uint64(4_026_532_000 + i), PodUID: fmt.Sprintf("0b0f5c1e-8a4e-4d36-9f3a-%012d", i),
			ContainerIDs: []string{fmt.Sprintf("%064d", i)}, IPs: []netip.Addr{destination(i)},
		})
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		r.Owner, r.Protocol, r.IP, r.Port = uint32(i%60+1), 6, destination(i), 443
	}
	return t
}
