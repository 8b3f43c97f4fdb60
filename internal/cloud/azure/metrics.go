package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"

	"github.com/snattop/snattop/internal/cloud"
)

const (
	// top is how many series of a metric are asked for. The default is 10, and
	// what is beyond it is left out without a word.
	top = 1000
	// span is how far back is asked: values come minutes late.
	span = 20 * time.Minute
	// batch is how many addresses one filter names at most, so that an address
	// with it stays below the 8 KB that servers commonly take.
	batch = 80
)

// measured is what one round of metrics gave.
type measured struct {
	nodes    []cloud.NodeReading
	gateway  *cloud.GatewayReading
	interval time.Duration
	// failed means that nothing was read: what was read before still stands.
	failed   bool
	troubles []trouble
}

// round asks for the metrics of one resource.
type round struct {
	c            *client
	subscription string
	resource     string // its ID
	name         string // for people: "load balancer kubernetes"
	group        string
	now          time.Time // by Azure's clock
	// grain is the interval that the answer before had, a minute at most.
	grain time.Duration
	measured
}

// ask sends one request and reads the answer. It reports whether there is one.
func (r *round) ask(ctx context.Context, names, aggregation, filter string, value func(*armmonitor.MetricValue) *float64) (answered, bool) {
	// To the end of the last whole interval: what is told of one that is not
	// over is not all of it.
	end := r.now.Truncate(r.grain)
	o := &armmonitor.MetricsClientListOptions{
		Metricnames: to.Ptr(names), Aggregation: to.Ptr(aggregation), Interval: to.Ptr("PT1M"),
		Timespan: to.Ptr(end.Add(-span).UTC().Format(time.RFC3339) + "/" + end.UTC().Format(time.RFC3339)),
	}
	if filter != "" {
		o.Filter, o.Top = to.Ptr(filter), to.Ptr(int32(top))
	}
	resp, err := r.c.metrics(ctx, r.subscription, r.resource, o)
	if err != nil {
		r.troubles = append(r.troubles, explain(aboutMetrics, "reading "+names+" of "+r.name,
			`have the role "Monitoring Reader" granted on resource group `+r.group, err))
		return answered{}, false
	}
	a := read(resp, r.now, value)
	r.interval = a.interval
	for _, name := range a.failed {
		r.say("Azure Monitor could not tell " + name + " of " + r.name + ": those figures stay estimates")
	}
	for name, n := range a.counts {
		if filter != "" && n >= top {
			r.say(fmt.Sprintf("Azure Monitor told %d series of %s of %s, as many as were asked for: figures of some nodes may be missing", n, name, r.name))
		}
	}
	return a, true
}

func (r *round) say(sentence string) {
	r.troubles = append(r.troubles, trouble{Problem: cloud.Problem{What: aboutMetrics, Sentence: sentence}, soft: true})
}

// stopped reports whether further requests are in vain: they are for the same
// resource, and need the same right.
func (r *round) stopped() bool {
	return slices.ContainsFunc(r.troubles, func(t trouble) bool { return !t.soft && !t.narrow })
}

// backends are the conditions on the nodes' addresses: all of them in one
// request while the series fit into its answer, else some of them in each.
func backends(addresses []string, frontends int) []string {
	// Two protocols, and a series for each frontend.
	if len(addresses)*2*max(1, frontends) < top {
		return []string{"BackendIPAddress eq '*'"}
	}
	var filters []string
	size := min(batch, max(1, (top-1)/(2*max(1, frontends))))
	for some := range slices.Chunk(addresses, size) {
		var b strings.Builder
		for i, a := range some {
			if i > 0 {
				b.WriteString(" or ")
			}
			b.WriteString("BackendIPAddress eq '" + a + "'")
		}
		filters = append(filters, b.String())
	}
	return filters
}

// measureBalancer reads the ports and the connections of each node at a
// balancer with that many addresses.
//
// The filter splits by frontend as well, because the aggregation is the
// average: of series that are not split it would be the average over
// frontends, and a node has the ports of all of them.
func measureBalancer(ctx context.Context, r *round, addresses []string, frontends int) measured {
	valid := make([]string, 0, len(addresses))
	for _, a := range wantedAddresses(addresses) {
		valid = append(valid, a)
	}
	slices.Sort(valid)
	var ports, connections answered
	asked := false
	for _, filter := range backends(valid, frontends) {
		a, ok := r.ask(ctx, "UsedSnatPorts,AllocatedSnatPorts", "average",
			filter+" and ProtocolType eq '*' and FrontendIPAddress eq '*'", average)
		if ok {
			asked = true
			ports.series, ports.interval = append(ports.series, a.series...), a.interval
		}
		if r.stopped() || ctx.Err() != nil {
			break
		}
	}
	if !r.stopped() && ctx.Err() == nil {
		// Its dimensions are others, so it is a request of its own. A total
		// need not be split by frontend.
		for _, filter := range backends(valid, 2) {
			a, ok := r.ask(ctx, "SnatConnectionCount", "total", filter+" and ConnectionState eq '*'", total)
			if ok {
				asked = true
				connections.series, connections.interval = append(connections.series, a.series...), a.interval
			}
			if r.stopped() || ctx.Err() != nil {
				break
			}
		}
	}
	r.failed = !asked
	r.nodes = foldNodes(ports, connections, valid)
	if asked {
		r.missing(valid)
	}
	return r.measured
}

// missing says which nodes Azure told nothing of.
func (r *round) missing(addresses []string) {
	var without []string
	for _, a := range addresses {
		if !slices.ContainsFunc(r.nodes, func(n cloud.NodeReading) bool {
			return n.IP == a && (n.TCP.Used != nil || n.TCP.Allocated != nil)
		}) {
			without = append(without, a)
		}
	}
	if len(without) == 0 || len(r.troubles) > 0 {
		return
	}
	shownOnes := without[:min(3, len(without))]
	more := ""
	if len(without) > len(shownOnes) {
		more = " …"
	}
	r.say(fmt.Sprintf("Azure Monitor has no ports of %d of %d nodes yet (%s%s): values come some minutes after a node joins; theirs stay estimates",
		len(without), len(addresses), strings.Join(shownOnes, ", "), more))
}

// measureGateway reads what a NAT gateway tells, which is nothing by node.
func measureGateway(ctx context.Context, r *round) measured {
	connections, gotConnections := r.ask(ctx, "SNATConnectionCount", "total", "ConnectionState eq '*'", total)
	var totals answered
	gotTotals := false
	if !r.stopped() && ctx.Err() == nil {
		totals, gotTotals = r.ask(ctx, "TotalConnectionCount,PacketDropCount", "total", "", total)
	}
	r.failed = !gotConnections && !gotTotals
	r.gateway = foldGateway(connections, totals)
	return r.measured
}
