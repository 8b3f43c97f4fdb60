package probe

import (
	"encoding/binary"
	"testing"
)

func TestDefaultRoute(t *testing.T) {
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	none := "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
	six := "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth6\n"
	for _, tt := range []struct{ v4, v6, want string }{
		{"", "", ""},
		{head, none, ""},
		{head + "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth1\t00000000\t0100000A\t0003\t0\t0\t50\t00000000\t0\t0\t0\n", six, "eth1"},
		{head + "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n", none + six, "eth6"},
		{head + "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", "", ""}, // half of all addresses is no default
		{"garbage\n", "garbage\n", ""},
	} {
		if got := defaultRoute(tt.v4, tt.v6); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.v4, tt.v6, got, tt.want)
		}
	}
}

// linkMessage is a message about a veth, as the kernel writes it.
func linkMessage() []byte {
	attr := func(dst []byte, kind uint16, value []byte) []byte {
		dst = binary.NativeEndian.AppendUint16(dst, uint16(4+len(value)))
		dst = binary.NativeEndian.AppendUint16(dst, kind)
		dst = append(dst, value...)
		for len(dst)%4 != 0 {
			dst = append(dst, 0)
		}
		return dst
	}
	b := make([]byte, ifinfoSize)
	binary.NativeEndian.PutUint16(b[2:], 1)
	binary.NativeEndian.PutUint32(b[4:], 7)
	binary.NativeEndian.PutUint32(b[8:], iffUp)
	b = attr(b, iflaIfname, []byte("eth0\x00"))
	b = attr(b, iflaLink, binary.NativeEndian.AppendUint32(nil, 12))
	b = attr(b, iflaLinkNetNS, binary.NativeEndian.AppendUint32(nil, 3))
	return attr(b, iflaLinkInfo, attr(nil, iflaInfoKind, []byte("veth\x00")))
}

func TestParseLink(t *testing.T) {
	got, err := parseLink(linkMessage())
	if want := (netLink{index: 7, name: "eth0", kind: "veth", hardware: 1, up: true, peer: 12, peerNS: 3}); err != nil || got != want {
		t.Errorf("%v: %+v, want %+v", err, got, want)
	}
	if got, err := parseLink(linkMessage()[:ifinfoSize]); err != nil || got.peerNS != -1 || got.name != "" {
		t.Errorf("without attributes: %v, %+v", err, got)
	}
	if _, err := parseLink(make([]byte, ifinfoSize-1)); err == nil {
		t.Error("half a message is a link")
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(linkMessage())
	f.Add(linkMessage()[:ifinfoSize+6])
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseLink(b) })
}
