package capture

import (
	"encoding/binary"
	"net/netip"
)

// The packets of these tests, built by hand.

func ether(kind uint16, tags int, payload []byte) []byte {
	out := make([]byte, 12, 64)
	for i := range tags {
		tag := uint16(etherVLAN)
		if i == 0 && tags > 1 {
			tag = etherQinQ
		}
		out = binary.BigEndian.AppendUint16(out, tag)
		out = binary.BigEndian.AppendUint16(out, uint16(100+i))
	}
	return append(binary.BigEndian.AppendUint16(out, kind), payload...)
}

// ports are the first bytes of TCP, UDP and SCTP, with some of what follows.
func ports(src, dst uint16) []byte {
	out := binary.BigEndian.AppendUint16(nil, src)
	return append(binary.BigEndian.AppendUint16(out, dst), 1, 2, 3, 4, 5, 6, 7, 8)
}

func ipv4(src, dst string, proto byte, options int, fragment uint16, payload []byte) []byte {
	out := make([]byte, 20+4*options)
	out[0] = 0x40 | byte(5+options)
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)+len(payload)))
	binary.BigEndian.PutUint16(out[6:], fragment)
	out[9] = proto
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(out[12:], s[:])
	copy(out[16:], d[:])
	return append(out, payload...)
}

// ext is an extension header of IPv6: its kind and its bytes, the first of
// which is filled in.
type ext struct {
	kind byte
	body []byte
}

func ipv6(src, dst string, proto byte, exts []ext, payload []byte) []byte {
	out := make([]byte, 40)
	out[0] = 0x60
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(out[8:], s[:])
	copy(out[24:], d[:])
	next := 6
	for _, e := range exts {
		out[next] = e.kind
		next = len(out)
		out = append(out, e.body...)
	}
	out[next] = proto
	return append(out, payload...)
}

func arp(src, dst string) []byte {
	out := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2}
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	out = append(append(out, s[:]...), 0, 0, 0, 0, 0, 0)
	return append(out, d[:]...)
}

func options(words int) ext {
	body := make([]byte, 8*(words+1))
	body[1] = byte(words)
	return ext{ipDestOpts, body}
}

func fragmentHeader(offset uint16) ext {
	body := make([]byte, 8)
	binary.BigEndian.PutUint16(body[2:], offset<<3|1)
	return ext{ipFragment, body}
}

func authHeader(words byte) ext {
	body := make([]byte, 4*(int(words)+2))
	body[1] = words
	return ext{ipAuth, body}
}
