package azure

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
)

// The metrics, in lower case: names are compared without regard to it, but
// the balancer's SnatConnectionCount and the gateway's SNATConnectionCount are
// never in one answer.
//
// Source: Azure Monitor, "Supported metrics" for Microsoft.Network/loadBalancers
// and for Microsoft.Network/natGateways.
const (
	metricUsed        = "usedsnatports"
	metricAllocated   = "allocatedsnatports"
	metricConnections = "snatconnectioncount"
	metricTotal       = "totalconnectioncount"
	metricDropped     = "packetdropcount"
)

// The dimensions, in lower case.
const (
	dimBackend  = "backendipaddress"
	dimProtocol = "protocoltype"
	dimState    = "connectionstate"
)

// ragged is how many intervals a series may lag behind the newest of its node
// and still be added to it: the newest minutes of different frontends do not
// come at once, and one that has ended goes on to be told for as long as the
// time span reaches back.
const ragged = 3

// newestOf adds series up as of the newest of them; nil when there are none.
func newestOf(all []series, interval time.Duration) (sum *int, at time.Time) {
	for _, s := range all {
		if s.end.After(at) {
			at = s.end
		}
	}
	if at.IsZero() {
		return nil, at
	}
	var f float64
	for _, s := range all {
		if at.Sub(s.end) <= ragged*interval {
			f += s.value
		}
	}
	n := int(math.Round(min(f, maxFigure)))
	return &n, at
}

// group is what is added up: a node's series of one metric, and of one
// protocol or state.
type group struct {
	ip     netip.Addr
	metric string
	which  string
}

// grouped sorts series by group; those of addresses that are not asked for are
// left out.
func grouped(all []series, wanted map[netip.Addr]string, which func(series) (string, bool)) map[group][]series {
	groups := map[group][]series{}
	for _, s := range all {
		ip, err := netip.ParseAddr(s.dimensions[dimBackend])
		if err != nil {
			continue
		}
		ip = ip.Unmap()
		if _, ok := wanted[ip]; !ok {
			continue
		}
		w, ok := which(s)
		if !ok {
			continue
		}
		key := group{ip, s.metric, w}
		groups[key] = append(groups[key], s)
	}
	return groups
}

// Protocols, told by name or by number.
//
// Source: IANA, "Assigned Internet Protocol Numbers".
func protocol(s series) (string, bool) {
	switch strings.ToLower(s.dimensions[dimProtocol]) {
	case "tcp", "6":
		return "tcp", true
	case "udp", "17":
		return "udp", true
	default:
		return "", false
	}
}

func state(s series) (string, bool) { return strings.ToLower(s.dimensions[dimState]), true }

const stateFailed = "failed"

// wantedAddresses maps the nodes' addresses, as they are compared, to how the
// cluster spells them.
func wantedAddresses(addresses []string) map[netip.Addr]string {
	wanted := make(map[netip.Addr]string, len(addresses))
	for _, a := range addresses {
		// A zone may hold anything, and is none of Azure's.
		if ip, err := netip.ParseAddr(a); err == nil && ip.Zone() == "" {
			wanted[ip.Unmap()] = a
		}
	}
	return wanted
}

// foldNodes makes the readings of nodes from what was answered on ports and on
// connections, sorted by address.
func foldNodes(ports, connections answered, addresses []string) []cloud.NodeReading {
	wanted := wantedAddresses(addresses)
	readings := map[netip.Addr]*cloud.NodeReading{}
	of := func(ip netip.Addr, at time.Time) *cloud.NodeReading {
		r := readings[ip]
		if r == nil {
			r = &cloud.NodeReading{IP: wanted[ip]}
			readings[ip] = r
		}
		if at.After(r.At) {
			r.At = at
		}
		return r
	}
	for key, all := range grouped(ports.series, wanted, protocol) {
		n, at := newestOf(all, ports.interval)
		usage := &of(key.ip, at).TCP
		if key.which == "udp" {
			usage = &of(key.ip, at).UDP
		}
		switch key.metric {
		case metricUsed:
			usage.Used = n
		case metricAllocated:
			usage.Allocated = n
		}
	}
	for key, all := range grouped(connections.series, wanted, state) {
		if key.metric != metricConnections || key.which != stateFailed {
			continue
		}
		n, at := newestOf(all, connections.interval)
		r := of(key.ip, at)
		r.Both.Failed, r.Both.Lost = n, "connections"
	}
	var out []cloud.NodeReading
	for _, r := range readings {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b cloud.NodeReading) int {
		x, y := netip.MustParseAddr(a.IP), netip.MustParseAddr(b.IP)
		return x.Compare(y)
	})
	return out
}

// foldGateway makes the reading of a NAT gateway; nil when nothing was told.
func foldGateway(connections, totals answered) *cloud.GatewayReading {
	g := &cloud.GatewayReading{}
	pick := func(from answered, metric, which string) *int {
		var all []series
		for _, s := range from.series {
			if w, _ := state(s); s.metric == metric && (which == "" || w == which) {
				all = append(all, s)
			}
		}
		n, at := newestOf(all, from.interval)
		if at.After(g.At) {
			g.At = at
		}
		return n
	}
	g.Open = pick(totals, metricTotal, "")
	g.Dropped = pick(totals, metricDropped, "")
	g.Failed = pick(connections, metricConnections, stateFailed)
	if g.At.IsZero() {
		return nil
	}
	return g
}
