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
//   - A connection may have gone out from a port before something listens
//     there. A port that is new is therefore read once with everything on it,
//     and as often again as a connection that went out is still there. The
//     first read of a namespace knows no connections, so needs none of it.
//   - The connections that a listener accepted may outlive it, and nothing
//     remembers the ones left out. Its port is therefore heard for one read
//     more: what is on it then came from outside, and is remembered as such
//     from then on. After that, the port is like any other.
type inboundPorts struct {
	// tried means that a read was begun before: connections may be known.
	tried bool
	// left are the ports left out of the last complete read, clear those that
	// may be left out of the next; ascending both.
	left, clear []uint16

	// Of the read that goes on: whether it is the first, the ports with wildcard
	// listeners, those left out, and those of the rest from which something went
	// out.
	first   bool
	heard   map[uint16]bool
	leaving []uint16
	mixed   map[uint16]bool
}

// begin starts a read; one that was not ended is forgotten.
func (p *inboundPorts) begin() {
	p.first, p.tried = !p.tried, true
	p.heard, p.leaving, p.mixed = make(map[uint16]bool), nil, nil
}

// hear takes one listener.
func (p *inboundPorts) hear(local netip.AddrPort) {
	if local.Addr().IsUnspecified() {
		p.heard[local.Port()] = true
	}
}

// leave returns, when all listeners were heard, the ports to leave out, and
// those whose listener has gone since the last read.
func (p *inboundPorts) leave() (out, gone []uint16) {
	for port := range p.heard {
		if _, clear := slices.BinarySearch(p.clear, port); clear || p.first {
			p.leaving = append(p.leaving, port)
		}
	}
	slices.Sort(p.leaving)
	p.leaving = p.leaving[:min(len(p.leaving), maxFilterPorts)]
	for _, port := range p.left {
		if !p.heard[port] {
			gone = append(gone, port)
		}
	}
	return p.leaving, gone
}

// watches reports whether saw wants to know of connections on a port.
func (p *inboundPorts) watches(port uint16) bool { return p.heard[port] && !p.mixed[port] }

// saw notes a connection that went out from a port.
func (p *inboundPorts) saw(port uint16) {
	if p.mixed == nil {
		p.mixed = make(map[uint16]bool)
	}
	p.mixed[port] = true
}

// end completes a read.
func (p *inboundPorts) end() {
	p.left, p.clear = p.leaving, p.clear[:0]
	for port := range p.heard {
		if !p.mixed[port] {
			p.clear = append(p.clear, port)
		}
	}
	slices.Sort(p.clear)
}

// wentOut reports whether a socket is remembered as one that did not come from
// outside.
func (a *Aggregator) wentOut(key uint64) bool {
	c, ok := a.conns[key]
	return ok && c.flags&connInbound == 0
}
