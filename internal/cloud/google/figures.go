package google

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// What the metrics of Cloud NAT are called, and by what labels they come:
// "Logs and metrics" of Cloud NAT, tables "VM instance metrics" and "NAT
// gateway metrics" (page of 2026-04-08). All of a machine's come by
// nat_project_number, router_id and nat_gateway_name; port_usage and
// open_connections (both GAUGE INT64) and dropped_sent_packets_count (DELTA
// INT64) by ip_protocol besides, the last by reason too; allocated_ports
// (GAUGE INT64) by nat_ip and by no protocol.
const (
	portUsage       = "compute.googleapis.com/nat/port_usage"
	allocatedPorts  = "compute.googleapis.com/nat/allocated_ports"
	droppedPackets  = "compute.googleapis.com/nat/dropped_sent_packets_count"
	openConnections = "compute.googleapis.com/nat/open_connections"
	// allocationFailed is a GAUGE BOOL of the resource nat_gateway.
	allocationFailed = "router.googleapis.com/nat/nat_allocation_failed"
)

// outOfResources is the reason of a drop for want of ports. The other that is
// documented, ENDPOINT_INDEPENDENCE_CONFLICT, is no lack of them.
const outOfResources = "OUT_OF_RESOURCES"

// What series are grouped by. The name of the instance is metadata, and comes
// only when it is grouped by ("metadata" of TimeSeries).
var (
	byMachine = []string{
		"metadata.system_labels.name", "resource.label.instance_id", "resource.label.zone",
		"metric.label.nat_project_number", "metric.label.router_id", "metric.label.nat_gateway_name",
	}
	byProtocol = append(slices.Clone(byMachine), "metric.label.ip_protocol")
	byReason   = append(slices.Clone(byProtocol), "metric.label.reason")
	byAddress  = append(slices.Clone(byMachine), "metric.label.nat_ip")
)

// measure is one question about machines and where its answer goes.
type measure struct {
	metric, aligner, reducer string
	groupBy                  []string
	take                     func(f *figures, node string, s series)
}

var measures = []measure{
	{portUsage, "ALIGN_MAX", "REDUCE_MAX", byProtocol, (*figures).takeUsed},
	{allocatedPorts, "ALIGN_MAX", "REDUCE_SUM", byAddress, (*figures).takeAllocated},
	{droppedPackets, "ALIGN_DELTA", "REDUCE_SUM", byReason, (*figures).takeDropped},
	{openConnections, "ALIGN_MAX", "REDUCE_SUM", byProtocol, (*figures).takeOpen},
}

// gateway is a NAT gateway as the labels name it.
type gateway struct{ project, router, name string }

func (g gateway) compare(o gateway) int {
	return cmp.Or(cmp.Compare(g.project, o.project), cmp.Compare(g.router, o.router), cmp.Compare(g.name, o.name))
}

// figures is what one round has read.
type figures struct {
	nodes map[string]*nodeFigures // by the node's name
	open  poll.Tally
	// other holds drops whose reason is not a lack of ports, by reason.
	other map[string]*poll.Tally
	// unnamed are machines whose series bear no name.
	unnamed map[string]bool
	matched int
}

// nodeFigures is what is known of one node.
type nodeFigures struct {
	gateways map[gateway]*gatewayFigures
	failed   map[string]*poll.Tally // by protocol
}

// gatewayFigures is what one gateway says of one node.
type gatewayFigures struct {
	allocated poll.Tally
	used      map[string]*poll.Tally // by protocol
}

func newFigures() *figures {
	return &figures{nodes: map[string]*nodeFigures{}, other: map[string]*poll.Tally{}, unnamed: map[string]bool{}}
}

// add takes the answer to one question. Series of machines that are not of
// this cluster are left out.
func (f *figures) add(m measure, answer []series, names map[place]string) {
	for _, s := range answer {
		name := s.name()
		if name == "" {
			f.unnamed[s.Resource.Labels["instance_id"]] = true
			continue
		}
		if node, ok := names[place{s.Resource.Labels["zone"], name}]; ok {
			f.matched++
			m.take(f, node, s)
		}
	}
}

func (f *figures) node(name string) *nodeFigures {
	n := f.nodes[name]
	if n == nil {
		n = &nodeFigures{gateways: map[gateway]*gatewayFigures{}, failed: map[string]*poll.Tally{}}
		f.nodes[name] = n
	}
	return n
}

func (f *figures) gateway(node string, s series) *gatewayFigures {
	n := f.node(node)
	l := s.Metric.Labels
	key := gateway{project: l["nat_project_number"], router: l["router_id"], name: l["nat_gateway_name"]}
	g := n.gateways[key]
	if g == nil {
		g = &gatewayFigures{used: map[string]*poll.Tally{}}
		n.gateways[key] = g
	}
	return g
}

func (f *figures) takeUsed(node string, s series) {
	if protocol, ok := protocolOf(s); ok {
		count(at(f.gateway(node, s).used, protocol), s)
	}
}

func (f *figures) takeAllocated(node string, s series) {
	count(&f.gateway(node, s).allocated, s)
}

func (f *figures) takeDropped(node string, s series) {
	protocol, ok := protocolOf(s)
	if !ok {
		return
	}
	if reason := s.Metric.Labels["reason"]; reason != outOfResources {
		count(at(f.other, reason), s)
		return
	}
	count(at(f.node(node).failed, protocol), s)
}

func (f *figures) takeOpen(_ string, s series) {
	if _, ok := protocolOf(s); ok {
		count(&f.open, s)
	}
}

// at is the tally of a key, made when it is not there.
func at(m map[string]*poll.Tally, key string) *poll.Tally {
	if m[key] == nil {
		m[key] = &poll.Tally{}
	}
	return m[key]
}

// count adds a series to a tally.
func count(t *poll.Tally, s series) {
	for _, p := range s.Points {
		if v, ok := p.Value.number(); ok {
			t.Add(p.Interval.EndTime, v)
		}
	}
}

// The protocols that have ports.
const (
	tcp = "TCP"
	udp = "UDP"
)

// protocolOf reads ip_protocol. The page names TCP, UDP and ICMP; numbers and
// other letter cases are taken as well, as other clouds write them.
func protocolOf(s series) (string, bool) {
	switch strings.ToUpper(s.Metric.Labels["ip_protocol"]) {
	case tcp, "6":
		return tcp, true
	case udp, "17":
		return udp, true
	default:
		return "", false
	}
}

// readings are the nodes' figures in order of name. Nodes of which no minute
// has a value are left out.
func (f *figures) readings() []cloud.NodeReading {
	readings := []cloud.NodeReading{}
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		n := f.nodes[name]
		r := cloud.NodeReading{Name: name}
		r.TCP = n.usage(tcp, &r.At)
		r.UDP = n.usage(udp, &r.At)
		if !r.At.IsZero() {
			readings = append(readings, r)
		}
	}
	return readings
}

// usage is one protocol's side of a node: the figures of the gateway that is
// fullest, because the ports of one do not help where another has none left.
// Allocated ports come by no protocol: each address has as many for TCP as for
// UDP ("Ports" of Cloud NAT's "Addresses and ports"), so both have them.
func (n *nodeFigures) usage(protocol string, newest *time.Time) cloud.Usage {
	var (
		usage cloud.Usage
		best  float64
		found bool
	)
	for _, key := range slices.SortedFunc(maps.Keys(n.gateways), gateway.compare) {
		g := n.gateways[key]
		allocated := value(&g.allocated, newest)
		used := value(g.used[protocol], newest)
		full := fullness(used, allocated)
		if allocated == nil && used == nil || found && full <= best {
			continue
		}
		usage.Allocated, usage.Used = allocated, used
		best, found = full, true
	}
	if usage.Failed = value(n.failed[protocol], newest); usage.Failed != nil {
		usage.Lost = "packets"
	}
	return usage
}

// fullness orders gateways: a known use before an unknown one.
func fullness(used, allocated *int) float64 {
	switch {
	case used == nil:
		return -1
	case allocated == nil || *allocated == 0:
		return float64(*used)
	default:
		return float64(*used) / float64(*allocated)
	}
}

// value is a tally's newest one, and moves newest on to its minute.
func value(t *poll.Tally, newest *time.Time) *int {
	if t == nil {
		return nil
	}
	v, end, ok := t.Newest()
	if !ok {
		return nil
	}
	if end.After(*newest) {
		*newest = end
	}
	return &v
}

// gatewayList is the gateways that serve the nodes, in order.
func (f *figures) gatewayList() []gateway {
	set := map[gateway]bool{}
	for _, n := range f.nodes {
		for g := range n.gateways {
			if g.name != "" {
				set[g] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), gateway.compare)
}
