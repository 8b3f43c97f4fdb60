package capture

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Link is how a packet begins.
type Link uint16

// The links, by their numbers in capture files (LINKTYPE_…).
const (
	// Ethernet begins with an Ethernet header.
	Ethernet Link = 1
	// RawIP begins with the header of IPv4 or IPv6; nothing else is wanted there.
	RawIP Link = 101
)

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100 // IEEE 802.1Q
	etherQinQ = 0x88a8 // IEEE 802.1ad
	etherIPv6 = 0x86dd

	ipICMP   = 1
	ipTCP    = 6
	ipUDP    = 17
	ipICMPv6 = 58
	ipSCTP   = 132
	// Extension headers of IPv6 (RFC 8200, RFC 4302).
	ipHopByHop = 0
	ipRouting  = 43
	ipFragment = 44
	ipAuth     = 51
	ipDestOpts = 60

	// maxTags and maxExtensions bound the walk to what a filter asks for: a
	// program in the kernel has no loops.
	maxTags       = 2
	maxExtensions = 6

	ethernetHeader = 14
	tagSize        = 4
	ipv6Header     = 40
)

// Match reports whether a filter wants a packet. It is what Program does in
// the kernel, written down once more in plain words.
func (f Filter) Match(link Link, packet []byte) bool {
	if f.empty() && link == Ethernet {
		return true
	}
	at, kind := 0, 0
	switch link {
	case Ethernet:
		var ok bool
		if at, kind, ok = network(packet); !ok {
			return false
		}
	case RawIP:
		if len(packet) == 0 {
			return false
		}
		kind = map[byte]int{4: etherIPv4, 6: etherIPv6}[packet[0]>>4]
	}
	switch p := packet[min(at, len(packet)):]; kind {
	case etherIPv4:
		return f.matchIPv4(p)
	case etherIPv6:
		return f.matchIPv6(p)
	case etherARP:
		return f.matchARP(p)
	default:
		return false
	}
}

// network finds the network header behind an Ethernet header and its tags.
func network(packet []byte) (at, kind int, ok bool) {
	at = ethernetHeader
	for tags := 0; ; tags++ {
		if len(packet) < at {
			return 0, 0, false
		}
		kind = int(binary.BigEndian.Uint16(packet[at-2:]))
		if kind != etherVLAN && kind != etherQinQ || tags == maxTags {
			return at, kind, true
		}
		at += tagSize
	}
}

func (f Filter) matchARP(p []byte) bool {
	if f.Proto != "" || len(f.Ports) > 0 || len(p) < 28 {
		return false
	}
	// Only ARP for IPv4 over Ethernet: addresses of six and four bytes.
	if binary.BigEndian.Uint16(p[2:]) != etherIPv4 || p[4] != 6 || p[5] != 4 {
		return false
	}
	return f.matchHosts(netip.AddrFrom4([4]byte(p[14:18])), netip.AddrFrom4([4]byte(p[24:28])))
}

func (f Filter) matchIPv4(p []byte) bool {
	if len(p) < 20 || !f.matchHosts(netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))) {
		return false
	}
	later := binary.BigEndian.Uint16(p[6:])&0x1fff != 0
	return f.matchTransport(int(p[9]), ipICMP, later, p, int(p[0]&0xf)*4)
}

func (f Filter) matchIPv6(p []byte) bool {
	if len(p) < ipv6Header || !f.matchHosts(netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))) {
		return false
	}
	if f.Proto == "" && len(f.Ports) == 0 {
		return true
	}
	next, at, later := int(p[6]), ipv6Header, false
	for range maxExtensions {
		switch next {
		case ipHopByHop, ipRouting, ipDestOpts, ipFragment, ipAuth:
			if len(p) < at+8 {
				return false
			}
		default:
			return f.matchTransport(next, ipICMPv6, later, p, at)
		}
		var size int
		switch next {
		case ipFragment:
			size = 8
			later = binary.BigEndian.Uint16(p[at+2:])&0xfff8 != 0
		case ipAuth:
			size = (int(p[at+1]) + 2) * 4
		default:
			size = (int(p[at+1]) + 1) * 8
		}
		next = int(p[at])
		at += size
		if later {
			break // what follows is a piece of something
		}
	}
	return f.matchTransport(next, ipICMPv6, later, p, at)
}

// matchTransport looks at the protocol and, where the packet has them, ports.
func (f Filter) matchTransport(proto, icmp int, later bool, p []byte, at int) bool {
	want, ok := map[Proto]int{TCP: ipTCP, UDP: ipUDP, SCTP: ipSCTP, ICMP: icmp}[f.Proto]
	if ok && proto != want {
		return false
	}
	if len(f.Ports) == 0 {
		return true
	}
	if proto != ipTCP && proto != ipUDP && proto != ipSCTP {
		return false
	}
	if later {
		return true
	}
	if len(p) < at+4 {
		return false
	}
	return slices.Contains(f.Ports, binary.BigEndian.Uint16(p[at:])) || slices.Contains(f.Ports, binary.BigEndian.Uint16(p[at+2:]))
}

// matchHosts reports whether a packet from src to dst has an end in Hosts and
// one in Own, where they are set.
func (f Filter) matchHosts(src, dst netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(src) || p.Contains(dst) }
	is := func(a netip.Addr) bool { return a == src || a == dst }
	return (len(f.Hosts) == 0 || slices.ContainsFunc(f.Hosts, in)) && (len(f.Own) == 0 || slices.ContainsFunc(f.Own, is))
}
