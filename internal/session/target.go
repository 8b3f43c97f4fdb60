package session

import (
	"cmp"
	"net/netip"

	"github.com/snattop/snattop/internal/snat"
)

// target is a destination as it is kept: there may be a million of them, and
// an address takes half as much here.
type target struct {
	ip       [16]byte // of IPv4, mapped
	port     uint16
	protocol snat.Protocol
}

// targetOf is the destination without a zone, which none has here.
func targetOf(d snat.Dest) target {
	return target{ip: d.IP.As16(), port: d.Port, protocol: d.Protocol}
}

func (t *target) addr() netip.Addr { return netip.AddrFrom16(t.ip).Unmap() }

func (t *target) dest() snat.Dest {
	return snat.Dest{Protocol: t.protocol, IP: t.addr(), Port: t.port}
}

// compare orders by address, port and protocol.
func (t *target) compare(o *target) int {
	return cmp.Or(t.addr().Compare(o.addr()), cmp.Compare(t.port, o.port), cmp.Compare(t.protocol, o.protocol))
}
