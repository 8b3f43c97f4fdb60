package snat

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Protocol is an IP protocol number (IANA "Assigned Internet Protocol
// Numbers"); only TCP and UDP use source ports of a balancer here.
type Protocol uint8

// The two protocols that consume source ports.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// String returns "tcp", "udp" or the number.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	default:
		return "proto-" + strconv.Itoa(int(p))
	}
}

// Dest is a destination: the unit in which a balancer runs out of ports.
type Dest struct {
	Protocol Protocol
	IP       netip.Addr
	Port     uint16
}

// String formats the destination as "20.60.1.9:443 tcp".
func (d Dest) String() string {
	return fmt.Sprintf("%s %s", netip.AddrPortFrom(d.IP, d.Port), d.Protocol)
}

// Load is the number of flows of one destination.
type Load struct {
	// Open counts established and closing flows.
	Open int
	// Lost are those of Open that have been silent for longer than the
	// balancer's idle timeout: their port is gone. Doubtful are those that may
	// have, or whose port may be one of another destination.
	Lost, Doubtful int
	// Attempting counts flows whose SYN waits for an answer. They may have
	// been refused a port, so they count for the maximum only.
	Attempting int
	// Abandoned counts attempts that ended without a connection and whose port,
	// if they had one, may still be held. They count for the maximum only.
	Abandoned int
	// Cooling counts closed flows whose port the balancer still holds.
	Cooling int
}

// Add returns the sum of two loads.
func (l Load) Add(o Load) Load {
	return Load{
		Open: l.Open + o.Open, Lost: l.Lost + o.Lost, Doubtful: l.Doubtful + o.Doubtful,
		Attempting: l.Attempting + o.Attempting, Abandoned: l.Abandoned + o.Abandoned, Cooling: l.Cooling + o.Cooling,
	}
}

// Sure is the number of ports that the flows need at the least.
func (l Load) Sure() int { return max(l.Open-l.Lost-l.Doubtful, 0) }

// Held is the number of ports that the flows probably hold.
func (l Load) Held() int { return max(l.Open-l.Lost, 0) + l.Cooling }

// Most is the number of ports that the flows hold at the most.
func (l Load) Most() int { return l.Open + l.Attempting + l.Abandoned + l.Cooling }

// Ports are the bounds of the number of source ports in use.
type Ports struct {
	// Min is the peak over destinations of open flows that have a port.
	Min int
	// Estimate is the peak over destinations of open and cooling flows,
	// never above a known budget and never below Min.
	Estimate int
	// Max is the sum over destinations of open, attempting and cooling flows.
	Max int
}

// Bounds derives the port bounds of a set of eligible loads, one per distinct
// destination of one protocol (the balancer keeps the pools of TCP and UDP
// apart). A budget of zero or less means that it is not known.
func Bounds(loads []Load, budget int) Ports {
	var p Peaks
	for _, l := range loads {
		p.Add(l)
	}
	return p.Bounds(budget)
}

// Peaks are what the bounds are derived from: the fullest destination by what
// its flows surely and probably hold, and the sum of what all of them may hold.
type Peaks struct{ Sure, Held, Most int }

// Add counts one more destination.
func (p *Peaks) Add(l Load) {
	p.Sure, p.Held = max(p.Sure, l.Sure()), max(p.Held, l.Held())
	p.Most += l.Most()
}

// Bounds derives the port bounds under a budget, as the function does.
func (p *Peaks) Bounds(budget int) Ports {
	out := Ports{Min: p.Sure, Estimate: p.Held, Max: p.Most}
	if budget > 0 {
		out.Estimate = min(out.Estimate, budget)
	}
	// Sockets may outnumber a stale budget; what is open is a fact.
	out.Estimate = max(out.Estimate, out.Min)
	out.Max = max(out.Max, out.Estimate)
	return out
}

// Widened returns the bounds for a time at which connections that ended before
// anybody looked may still hold ports: all that the budget allows.
func (p Ports) Widened(budget int) Ports {
	p.Max = max(p.Max, budget)
	return p
}
