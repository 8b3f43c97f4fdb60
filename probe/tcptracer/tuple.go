package tcptracer

import (
	"net/netip"
	"time"
)

// tuple is one connection, seen from one end. It holds no pointers, which
// spares the garbage collector a walk through a large table.
type tuple struct {
	netns                 uint64
	local, remote         [16]byte
	localPort, remotePort uint16
}

func makeTuple(netns uint64, local, remote netip.AddrPort) tuple {
	return tuple{
		netns: netns,
		local: local.Addr().As16(), localPort: local.Port(),
		remote: remote.Addr().As16(), remotePort: remote.Port(),
	}
}

// stamp is when something happened. Two tools count time from two starts, so
// only stamps of one tool, told apart by the family that it sees, are compared.
type stamp struct {
	// family is 0 when the time is not known.
	family uint8
	at     time.Duration
}

func (e *Event) stamp() stamp { return stamp{e.Family, e.Time} }

func (s stamp) known() bool { return s.family != 0 }

// before is false when nobody can tell: what arrives later is later then.
func (s stamp) before(o stamp) bool { return s.family == o.family && s.at < o.at }
