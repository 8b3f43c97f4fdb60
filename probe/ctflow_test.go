package probe

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/snattop/snattop/probe/netlink"
)

// ctEntry builds one entry of a tracking table, as the kernel sends it, of a flow
// that has been answered.
func ctEntry(proto uint8, src, dst netip.AddrPort) []byte {
	return ctStatusOf(ctTuples(proto, src, dst), 0x18e) // confirmed, assured, seen reply, NAT done
}

// ctStatusOf appends CTA_STATUS: bits of enum ip_conntrack_status.
func ctStatusOf(entry []byte, status uint32) []byte {
	return netlink.Attr(entry, ctaStatus, binary.BigEndian.AppendUint32(nil, status))
}

// ctTuples builds an entry's header and its tuples, of which the reply stands
// behind the original one.
func ctTuples(proto uint8, src, dst netip.AddrPort) []byte {
	tuple := func(src, dst netip.AddrPort) []byte {
		from, to := uint16(ctaIPv4Src), uint16(ctaIPv4Dst)
		if src.Addr().Is6() {
			from, to = ctaIPv6Src, ctaIPv6Dst
		}
		ip := netlink.Attr(nil, from, src.Addr().AsSlice())
		ip = netlink.Attr(ip, to, dst.Addr().AsSlice())
		l4 := netlink.Attr(nil, ctaProtoNum, []byte{proto})
		l4 = netlink.Attr(l4, ctaProtoSrcPort, binary.BigEndian.AppendUint16(nil, src.Port()))
		l4 = netlink.Attr(l4, ctaProtoDstPort, binary.BigEndian.AppendUint16(nil, dst.Port()))
		return netlink.Attr(netlink.Attr(nil, ctaTupleIP|0x8000, ip), ctaTupleProto|0x8000, l4)
	}
	b := []byte{familyINET, 0, 0, 0}
	b = netlink.Attr(b, ctaTupleOrig|0x8000, tuple(src, dst))
	return netlink.Attr(b, 2|0x8000, tuple(dst, src)) // CTA_TUPLE_REPLY
}

func TestParseCtFlow(t *testing.T) {
	t.Parallel()
	src4, dst4 := netip.MustParseAddrPort("10.244.1.7:5353"), netip.MustParseAddrPort("20.60.1.4:53")
	src6, dst6 := netip.MustParseAddrPort("[fd00::7]:5353"), netip.MustParseAddrPort("[2603::4]:53")
	for name, tc := range map[string]struct {
		in   []byte
		want Socket
		ok   bool
	}{
		"IPv4": {ctEntry(protocolUDP, src4, dst4), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src4, Remote: dst4}, true},
		"IPv6": {ctEntry(protocolUDP, src6, dst6), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src6, Remote: dst6}, true},
		"TCP":  {ctEntry(protocolTCP, src4, dst4), Socket{Protocol: protocolTCP, State: StateEstablished, Local: src4, Remote: dst4}, true},
		"no answer yet": {
			ctStatusOf(ctTuples(protocolUDP, src4, dst4), 0x188), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src4, Remote: dst4, Unanswered: true}, true,
		},
		"answered and no more": {
			ctStatusOf(ctTuples(protocolUDP, src4, dst4), ctStatusSeenReply), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src4, Remote: dst4}, true,
		},
		"no status":             {ctTuples(protocolUDP, src4, dst4), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src4, Remote: dst4}, true},
		"a status of two bytes": {netlink.Attr(ctTuples(protocolUDP, src4, dst4), ctaStatus, []byte{0, 0}), Socket{Protocol: protocolUDP, State: StateEstablished, Local: src4, Remote: dst4}, true},
		"ICMP":                  {ctEntry(1, src4, dst4), Socket{}, false},
		"no tuple":              {[]byte{2, 0, 0, 0}, Socket{}, false},
		"a tuple without addresses": {
			netlink.Attr([]byte{2, 0, 0, 0}, ctaTupleOrig, netlink.Attr(nil, ctaTupleProto, netlink.Attr(nil, ctaProtoNum, []byte{protocolUDP}))), Socket{}, false,
		},
	} {
		var s Socket
		ok, err := parseCtFlow(tc.in, &s)
		if err != nil || ok != tc.ok || s != tc.want {
			t.Errorf("%s: %t, %v, %+v", name, ok, err, s)
		}
	}
}

func TestParseCtCutShort(t *testing.T) {
	t.Parallel()
	bad := []byte{9, 0, 1, 0, 0}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		bad = []byte{0, 9, 0, 1, 0}
	}
	head := []byte{2, 0, 0, 0}
	ip := netlink.Attr(nil, ctaTupleIP, bad)
	l4 := netlink.Attr(nil, ctaTupleProto, bad)
	for name, in := range map[string][]byte{
		"no header":        {2, 0, 0},
		"the entry":        append(head, bad...),
		"its tuple":        netlink.Attr(head, ctaTupleOrig, bad),
		"its addresses":    netlink.Attr(head, ctaTupleOrig, ip),
		"its protocol":     netlink.Attr(head, ctaTupleOrig, l4),
		"then a good part": netlink.Attr(head, ctaTupleOrig, netlink.Attr(ip, ctaTupleProto, netlink.Attr(nil, ctaProtoNum, []byte{protocolUDP}))),
	} {
		var s Socket
		if ok, err := parseCtFlow(in, &s); ok || !errors.Is(err, netlink.ErrShort) {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
}

func FuzzParseCt(f *testing.F) {
	f.Add(ctEntry(protocolUDP, netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")))
	f.Add([]byte{2, 0, 0, 0})
	f.Add(ctStatusOf(ctTuples(protocolUDP, netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.10:53")), 0))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Socket
		if ok, err := parseCtFlow(in, &s); ok && (err != nil || !s.Local.Addr().IsValid() || !s.Remote.Addr().IsValid()) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
