package probe

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/probe/wire"
)

func TestSourceCounts(t *testing.T) {
	t.Parallel()
	c := newSourceCounts()
	a, b, far := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::1")
	for range 3 {
		c.add(b, protocolTCP)
	}
	c.add(a, protocolTCP)
	c.add(a, protocolUDP)
	c.add(far, protocolUDP)
	c.add(far, protocolUDP)
	c.add(netip.MustParseAddr("127.0.0.1"), protocolTCP)
	c.add(netip.IPv6Loopback(), protocolUDP)
	got, err := c.list(func(ip netip.Addr) bool { return ip == a })
	want := []wire.Source{{IP: b, TCP: 3}, {IP: a, TCP: 1, UDP: 1, Local: true}, {IP: far, UDP: 2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := newSourceCounts().list(nowhere); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

func nowhere(netip.Addr) bool { return false }

func numbered(n int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a000000+uint32(n))))
}

// What is not told is named.
func TestSourcesAreBounded(t *testing.T) {
	t.Parallel()
	c := newSourceCounts()
	for i := range maxSources + 44 {
		for range 1 + i%2 {
			c.add(numbered(i), protocolTCP)
		}
	}
	got, err := c.list(nowhere)
	if len(got) != maxSources || got[0] != (wire.Source{IP: numbered(1), TCP: 2}) || got[149].TCP != 2 || got[150].TCP != 1 {
		t.Errorf("%d sources, the first %+v", len(got), got[0])
	}
	if err == nil || !strings.Contains(err.Error(), "300 addresses") {
		t.Errorf("%v", err)
	}
	for i := range maxCounted {
		c.add(numbered(i), protocolUDP)
	}
	c.add(numbered(maxCounted), protocolUDP)
	c.add(numbered(5), protocolUDP)
	got, err = c.list(nowhere)
	if len(got) != maxSources || got[0] != (wire.Source{IP: numbered(5), TCP: 2, UDP: 2}) {
		t.Errorf("%d sources, the first %+v", len(got), got[0])
	}
	if err == nil || !strings.Contains(err.Error(), " 1 entries are of none") {
		t.Errorf("%v", err)
	}
}

// A controller that keeps what it was told last knows the sources at any time.
func TestChangedSources(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var told, has []wire.Source
		for range rapid.IntRange(1, 8).Draw(t, "reads") {
			now := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.Source {
				return wire.Source{IP: numbered(rapid.IntRange(1, 3).Draw(t, "ip")), TCP: rapid.Uint32Range(1, 2).Draw(t, "tcp")}
			}), 0, 2).Draw(t, "sources")
			out := changedSources(told, now)
			if out != nil {
				if len(out) == 0 || slices.Equal(out, told) {
					t.Fatalf("%+v is told after %+v", out, told)
				}
				told, has = out, out
			}
			open := slices.DeleteFunc(slices.Clone(has), func(s wire.Source) bool { return s.TCP+s.UDP == 0 })
			if !slices.Equal(open, now) {
				t.Fatalf("there is %+v, known is %+v", now, has)
			}
		}
	})
}
