package probe

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/plain"
)

// netLink is a network interface, as rtnetlink(7) tells it.
type netLink struct {
	index int
	name  string
	// kind is the driver's word ("veth", "ipvlan"); "" for real devices.
	kind string
	// hardware is what its packets begin with (ARPHRD_…).
	hardware uint16
	up       bool
	// peer is the index of the other end of a veth, or of what a virtual
	// device sits on; 0 when there is none. It counts in the namespace that
	// peerNS numbers, or in the link's own where peerNS is -1.
	peer   int
	peerNS int32
}

// Of include/uapi/linux/rtnetlink.h, if_link.h and if.h.
const (
	rtmNewLink    = 16
	rtmGetLink    = 18
	iflaIfname    = 3
	iflaLink      = 5
	iflaLinkInfo  = 18
	iflaLinkNetNS = 37
	iflaInfoKind  = 1
	iffUp         = 1
	ifinfoSize    = 16
)

// parseLink reads the payload of a message about a link.
func parseLink(b []byte) (netLink, error) {
	if len(b) < ifinfoSize {
		return netLink{}, netlink.ErrShort
	}
	l := netLink{
		hardware: binary.NativeEndian.Uint16(b[2:]), index: int(binary.NativeEndian.Uint32(b[4:])),
		up: binary.NativeEndian.Uint32(b[8:])&iffUp != 0, peerNS: -1,
	}
	err := netlink.Attrs(b[ifinfoSize:], func(kind uint16, value []byte) {
		switch {
		case kind == iflaIfname:
			l.name = plain.Line(nulTerminated(value))
		case kind == iflaLink && len(value) >= 4:
			l.peer = int(binary.NativeEndian.Uint32(value))
		case kind == iflaLinkNetNS && len(value) >= 4:
			l.peerNS = int32(binary.NativeEndian.Uint32(value)) //nolint:gosec // signed by definition
		case kind == iflaLinkInfo:
			// What does not parse within names no driver.
			_ = netlink.Attrs(value, func(kind uint16, value []byte) {
				if kind == iflaInfoKind {
					l.kind = plain.Line(nulTerminated(value))
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

// defaultRoute names the interface of the best default route in the texts of
// /proc/net/route and /proc/net/ipv6_route; "" when there is none.
func defaultRoute(v4, v6 string) string {
	best, metric := "", uint64(0)
	better := func(name, text string, base int) {
		m, err := strconv.ParseUint(text, base, 32)
		if err == nil && (best == "" || m < metric) {
			best, metric = name, m
		}
	}
	for line := range strings.Lines(v4) {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask …
		f := strings.Fields(line)
		if len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" {
			better(f[0], f[6], 10)
		}
	}
	if best != "" {
		return best
	}
	for line := range strings.Lines(v6) {
		// destination length source length hop metric references use flags name
		f := strings.Fields(line)
		if len(f) == 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && f[9] != "lo" {
			better(f[9], f[5], 16)
		}
	}
	return best
}
