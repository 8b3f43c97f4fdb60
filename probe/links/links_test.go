package links

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/snattop/snattop/probe/netlink"
)

func u32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// linkMessage is a message about a veth that is a port of a bridge.
func linkMessage() []byte {
	b := make([]byte, ifinfoSize)
	binary.NativeEndian.PutUint16(b[2:], 1)
	binary.NativeEndian.PutUint32(b[4:], 7)
	binary.NativeEndian.PutUint32(b[8:], iffUp|0x1000)
	b = netlink.Attr(b, iflaIfname, []byte("veth\x1b[2J1234\x00"))
	b = netlink.Attr(b, iflaAddress, []byte{2, 0, 0, 0, 0, 9})
	b = netlink.Attr(b, iflaMTU, u32(1460))
	b = netlink.Attr(b, iflaMaster, u32(3))
	b = netlink.Attr(b, iflaOperstate, []byte{6})
	var stats []byte
	for _, n := range []uint64{10, 20, 0, 0, 1, 2, 3, 4} {
		stats = binary.NativeEndian.AppendUint64(stats, n)
	}
	b = netlink.Attr(b, iflaStats64, append(stats, make([]byte, 128)...))
	b = netlink.Attr(b, iflaLink, u32(2))
	b = netlink.Attr(b, iflaLinkNetNS, u32(5))
	return netlink.Attr(b, iflaLinkInfo|0x8000, netlink.Attr(nil, iflaInfoKind, []byte("veth\x00")))
}

func TestParseLink(t *testing.T) {
	t.Parallel()
	got, err := parse(linkMessage())
	want := Link{
		Index: 7, Name: "veth1234", Kind: "veth", Hardware: 1, Address: "02:00:00:00:00:09", Up: true, State: "UP", MTU: 1460, Master: 3,
		Peer: 2, PeerNS: 5, Stats: Stats{Packets: 30, Errors: 3, Dropped: 7},
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for n := range ifinfoSize {
		if _, err := parse(linkMessage()[:n]); !errors.Is(err, netlink.ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func neighbourMessage(ip netip.Addr, state uint16) []byte {
	b := make([]byte, ndmsgSize)
	binary.NativeEndian.PutUint32(b[4:], 3)
	binary.NativeEndian.PutUint16(b[8:], state)
	return netlink.Attr(b, ndaDst, ip.AsSlice())
}

func TestParseNeighbour(t *testing.T) {
	t.Parallel()
	ip := netip.MustParseAddr("10.244.0.7")
	for state, want := range map[uint16]string{0x20: "FAILED", 0x01: "INCOMPLETE", 0x02: "REACHABLE", 0x03: ""} {
		got, ok, err := parseNeighbour(neighbourMessage(ip, state))
		if err != nil || !ok || got != (Neighbour{IP: ip, Link: 3, State: want}) {
			t.Errorf("%#x: %+v, %t, %v", state, got, ok, err)
		}
	}
	hardware := netlink.Attr(make([]byte, ndmsgSize), ndaDst, []byte{2, 0, 0, 0, 0, 9})
	if _, ok, err := parseNeighbour(hardware); ok || err != nil {
		t.Errorf("a bridge's entry: %t, %v", ok, err)
	}
	if _, _, err := parseNeighbour(make([]byte, 4)); !errors.Is(err, netlink.ErrShort) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(linkMessage())
	f.Add(neighbourMessage(netip.MustParseAddr("fd00::7"), 0x20))
	f.Fuzz(func(t *testing.T, in []byte) {
		if l, err := parse(in); err == nil && l.MTU < 0 {
			t.Errorf("%+v", l)
		}
		if n, ok, err := parseNeighbour(in); ok && err == nil && !n.IP.IsValid() {
			t.Errorf("%+v", n)
		}
	})
}

func FuzzDefaultRoute(f *testing.F) {
	f.Add("Iface\tDestination\neth0\t00000000\t0100E00A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "")
	f.Fuzz(func(_ *testing.T, v4, v6 string) { DefaultRoute(v4, v6) })
}
