package probe

import (
	"net/netip"
	"slices"
)

// inboundPorts decides for one namespace which ports the kernel may leave out
// of a dump: those whose connections all came from outside, and take no source
// port of ours. A server with 100,000 clients then costs no more than its
// listener.
//
// The answer has to be the same as without the filter, where a connection's
// direction is settled when it is first met (listeners.accepts) and kept for
// its life. So:
//
//   - Only listeners on a wildcard address count: accepts judges their ports
//     whatever the address. Others are few.
//   - A connection may have gone out from a port before something listened
//     there. A port that is new is therefore read once with everything on it,
//     and as often again as a connection that went out is still there. The
//     first read of a namespace knows no connections, so needs none of it.
//   - The connections that a listener accepted may outlive it, and nothing
//     remembers the ones left out. A listener is therefore heard for one read
//     more than it lives: what is on its port then is taken to have come from
//     outside, and remembered as such. After that, the port is like any other.
type inboundPorts struct {
	// tried means that a read was begun before: connections may be known.
	tried bool
	// last holds the ports with wildcard listeners at the last complete read,
	// and whether they may be left out.
	last map[uint16]bool

	// Of the read that goes on: whether it is the first, the ports with wildcard
	// listeners, with whether nothing was seen to have gone out from them, and
	// those left out.
	first bool
	heard map[uint16]bool
	out   []uint16
}

// begin starts a read; one that was not ended is forgotten.
func (p *inboundPorts) begin() {
	p.first, p.tried = !p.tried, true
	p.heard, p.out = make(map[uint16]bool, len(p.last)), nil
}

// undo takes back a begin of which nothing was told.
func (p *inboundPorts) undo() { p.tried = !p.first }

// hear takes one listener.
func (p *inboundPorts) hear(local netip.AddrPort) {
	if local.Addr().IsUnspecified() {
		p.heard[local.Port()] = true
	}
}

// leave returns, when all listeners were heard, the ports to leave out, and
// those whose listeners have gone since the last read; ascending both.
func (p *inboundPorts) leave() (out, gone []uint16) {
	for port := range p.heard {
		if p.first || p.last[port] {
			p.out = append(p.out, port)
		}
	}
	slices.Sort(p.out)
	p.out = p.out[:min(len(p.out), maxFilterPorts)]
	for port := range p.last {
		if _, heard := p.heard[port]; !heard {
			gone = append(gone, port)
		}
	}
	slices.Sort(gone)
	return p.out, gone
}

// watches reports whether saw wants to know of connections on a port.
func (p *inboundPorts) watches(port uint16) bool { return p.heard[port] }

// saw notes a connection that went out from a port.
func (p *inboundPorts) saw(port uint16) { p.heard[port] = false }

// end completes a read.
func (p *inboundPorts) end() { p.last = p.heard }

// wentOut reports whether a socket is remembered as one that did not come from
// outside.
func (a *Aggregator) wentOut(key uint64) bool {
	c, ok := a.conns[key]
	return ok && c.flags&connInbound == 0
}
