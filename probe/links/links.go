// Package links tells network interfaces and what the kernel has learned of
// their neighbours, as rtnetlink(7) has them.
package links

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"

	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/plain"
)

// Link is a network interface.
type Link struct {
	Index int
	Name  string
	// Kind is the driver's word ("veth", "ipvlan"); "" for real devices.
	Kind string
	// Hardware is what its packets begin with (ARPHRD_…), Address its own
	// hardware address as `ip link` writes it.
	Hardware uint16
	Address  string
	// Up is whether it was set up, State what it is by RFC 2863: "UP", "DOWN",
	// "LOWERLAYERDOWN", "UNKNOWN".
	Up    bool
	State string
	MTU   int
	// Master is the index of the bridge that it is a port of, 0 without.
	Master int
	// Peer is the index of the other end of a veth, or of what a virtual
	// device sits on; 0 when there is none. It counts in the namespace that
	// PeerNS numbers, or in the link's own where PeerNS is -1.
	Peer   int
	PeerNS int32
	Stats  Stats
}

// Stats are the counters of an interface since it was made.
type Stats struct {
	// Packets were received and sent; Errors and Dropped of both directions.
	Packets, Errors, Dropped uint64
}

// Of include/uapi/linux/rtnetlink.h, if_link.h and if.h.
const (
	rtmNewLink    = 16
	rtmGetLink    = 18
	iflaAddress   = 1
	iflaIfname    = 3
	iflaMTU       = 4
	iflaLink      = 5
	iflaMaster    = 10
	iflaOperstate = 16
	iflaLinkInfo  = 18
	iflaStats64   = 23
	iflaLinkNetNS = 37
	iflaInfoKind  = 1
	iffUp         = 1
	ifinfoSize    = 16
	// struct rtnl_link_stats64: rx and tx packets, bytes, errors, dropped.
	stats64Size = 8 * 8
)

// states are the names of IF_OPER_… by their numbers.
var states = [...]string{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"}

// parse reads the payload of a message about a link.
func parse(b []byte) (Link, error) {
	if len(b) < ifinfoSize {
		return Link{}, netlink.ErrShort
	}
	l := Link{
		Hardware: binary.NativeEndian.Uint16(b[2:]), Index: int(binary.NativeEndian.Uint32(b[4:])),
		Up: binary.NativeEndian.Uint32(b[8:])&iffUp != 0, PeerNS: -1,
	}
	err := netlink.Attrs(b[ifinfoSize:], func(kind uint16, value []byte) {
		switch {
		case kind == iflaIfname:
			l.Name = plain.Line(nulTerminated(value))
		case kind == iflaAddress && len(value) <= 32:
			l.Address = net.HardwareAddr(value).String()
		case kind == iflaMTU && len(value) >= 4:
			l.MTU = int(binary.NativeEndian.Uint32(value))
		case kind == iflaMaster && len(value) >= 4:
			l.Master = int(binary.NativeEndian.Uint32(value))
		case kind == iflaOperstate && len(value) >= 1 && int(value[0]) < len(states):
			l.State = states[value[0]]
		case kind == iflaStats64 && len(value) >= stats64Size:
			at := func(i int) uint64 { return binary.NativeEndian.Uint64(value[8*i:]) }
			l.Stats = Stats{Packets: at(0) + at(1), Errors: at(4) + at(5), Dropped: at(6) + at(7)}
		case kind == iflaLink && len(value) >= 4:
			l.Peer = int(binary.NativeEndian.Uint32(value))
		case kind == iflaLinkNetNS && len(value) >= 4:
			l.PeerNS = int32(binary.NativeEndian.Uint32(value)) //nolint:gosec // signed by definition
		case kind == iflaLinkInfo:
			// What does not parse within names no driver.
			_ = netlink.Attrs(value, func(kind uint16, value []byte) {
				if kind == iflaInfoKind {
					l.Kind = plain.Line(nulTerminated(value))
				}
			})
		}
	})
	return l, err
}

func nulTerminated(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	return text
}

// Neighbour is an address of the network beside, and what is known of it.
type Neighbour struct {
	IP netip.Addr
	// Link is the index of the interface.
	Link int
	// State is the kernel's word: REACHABLE, STALE, INCOMPLETE, FAILED, …
	State string
}

const (
	rtmNewNeigh = 28
	rtmGetNeigh = 30
	ndmsgSize   = 12
	ndaDst      = 1
)

// neighbourStates are the names of NUD_… bits.
var neighbourStates = map[uint16]string{
	0x00: "NONE", 0x01: "INCOMPLETE", 0x02: "REACHABLE", 0x04: "STALE", 0x08: "DELAY", 0x10: "PROBE", 0x20: "FAILED", 0x40: "NOARP", 0x80: "PERMANENT",
}

// parseNeighbour reads the payload of a message about a neighbour; ok is false
// for what has no address of the Internet's (bridges keep hardware's).
func parseNeighbour(b []byte) (n Neighbour, ok bool, err error) {
	if len(b) < ndmsgSize {
		return n, false, netlink.ErrShort
	}
	n.Link = int(int32(binary.NativeEndian.Uint32(b[4:]))) //nolint:gosec // an index, signed by definition
	n.State = neighbourStates[binary.NativeEndian.Uint16(b[8:])]
	err = netlink.Attrs(b[ndmsgSize:], func(kind uint16, value []byte) {
		if kind == ndaDst {
			n.IP, ok = netip.AddrFromSlice(value)
		}
	})
	return n, ok, err
}
