package azure

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"
)

// metric is one that a resource has.
//
// Source: Azure Monitor, "Supported metrics" for Microsoft.Network/loadBalancers
// and for Microsoft.Network/natGateways.
type metric struct {
	unit, aggregation string
	dimensions        []string
	// parts are the finest series that there are in one grain.
	parts func(s *Server, g *grain) []part
}

// part is a value with one value for each dimension.
type part struct {
	dimensions []string
	value      float64
}

var balancerMetrics = map[string]metric{
	"UsedSnatPorts":       {"Count", "average", []string{"FrontendIPAddress", "BackendIPAddress", "ProtocolType", "IsAwaitingRemoval"}, usedPorts},
	"AllocatedSnatPorts":  {"Count", "average", []string{"FrontendIPAddress", "BackendIPAddress", "ProtocolType", "IsAwaitingRemoval"}, allocatedPorts},
	"SnatConnectionCount": {"Count", "total", []string{"FrontendIPAddress", "BackendIPAddress", "ConnectionState"}, balancerConnections},
}

var gatewayMetrics = map[string]metric{
	"SNATConnectionCount":  {"Count", "total", []string{"Protocol", "ConnectionState"}, gatewayConnections},
	"TotalConnectionCount": {"Count", "total", []string{"Protocol"}, gatewayTotal},
	"PacketDropCount":      {"Count", "total", nil, gatewayDrops},
}

// frontend is the name of an outbound address among the dimensions.
func frontend(i int) string { return fmt.Sprintf("203.0.113.%d", 10+i) }

// shares splits a figure among the outbound addresses.
func (s *Server) shares(value float64, of func(address string, share float64)) {
	for i := range s.opts.IPs {
		of(frontend(i), value/float64(s.opts.IPs))
	}
}

func (s *Server) ports(g *grain, figure func(n *nodeGrain) (tcp, udp int)) []part {
	var parts []part
	for ip, n := range g.nodes {
		tcp, udp := figure(n)
		for protocol, sum := range map[string]int{"TCP": tcp, "UDP": udp} {
			s.shares(float64(sum)/float64(n.samples), func(address string, share float64) {
				parts = append(parts, part{[]string{address, ip, protocol, "False"}, share})
			})
		}
	}
	return parts
}

func usedPorts(s *Server, g *grain) []part {
	return s.ports(g, func(n *nodeGrain) (int, int) { return n.tcp, n.udp })
}

func allocatedPorts(s *Server, g *grain) []part {
	return s.ports(g, func(n *nodeGrain) (int, int) { return n.block, n.block })
}

func balancerConnections(s *Server, g *grain) []part {
	var parts []part
	for ip, n := range g.nodes {
		for state, count := range map[string]int{"Successful": n.passed, "Failed": n.refused} {
			s.shares(float64(count), func(address string, share float64) {
				parts = append(parts, part{[]string{address, ip, state}, share})
			})
		}
	}
	return parts
}

func gatewayConnections(_ *Server, g *grain) []part {
	passed, refused := 0, 0
	for _, n := range g.nodes {
		passed += n.passed
		refused += n.refused
	}
	return []part{{[]string{"TCP", "Attempted"}, float64(passed + refused)}, {[]string{"TCP", "Failed"}, float64(refused)}}
}

func gatewayTotal(_ *Server, g *grain) []part {
	total := 0.0
	for _, n := range g.nodes {
		total += float64(n.open) / float64(n.samples)
	}
	return []part{{[]string{"TCP"}, total}}
}

func gatewayDrops(_ *Server, g *grain) []part {
	refused := 0
	for _, n := range g.nodes {
		refused += n.refused
	}
	return []part{{nil, float64(refused)}}
}

// metrics answers a request for metrics.
//
// Source: Azure REST API, "Metrics - List", version 2024-02-01.
func (s *Server) metrics(r *http.Request, faults Faults) answer {
	resource, _, _ := strings.Cut(strings.ToLower(r.URL.Path), "/providers/microsoft.insights/")
	namespace, known := "Microsoft.Network/loadBalancers", balancerMetrics
	switch resource {
	case strings.ToLower(id(NodeGroup, balancerPath)):
	case strings.ToLower(id(NodeGroup, "/providers/Microsoft.Network/natGateways/"+GatewayName)):
		namespace, known = "Microsoft.Network/natGateways", gatewayMetrics
	default:
		return refuse(404, "ResourceNotFound", "The Resource '%s' was not found.", resource)
	}
	q, err := s.parseQuery(r.URL.Query())
	if err != nil {
		return refuse(400, "BadRequest", "%s", err.Error())
	}
	var values []any
	for _, name := range q.metrics {
		m, ok := known[name]
		if !ok {
			return refuse(400, "BadRequest", "Failed to find metric configuration for provider, metric: %s.", name)
		}
		for dimension := range q.filter {
			if !slices.ContainsFunc(m.dimensions, func(d string) bool { return strings.EqualFold(d, dimension) }) {
				return refuse(400, "BadRequest", "Metric %s does not support the dimension %s.", name, dimension)
			}
		}
		values = append(values, map[string]any{
			"id":   resource + "/providers/Microsoft.Insights/metrics/" + name,
			"type": "Microsoft.Insights/metrics", "unit": m.unit, "errorCode": "Success",
			"name":       map[string]any{"value": name, "localizedValue": name},
			"timeseries": s.series(q, m, faults),
		})
	}
	return answer{http.StatusOK, map[string]any{
		"cost": 0, "timespan": q.from.UTC().Format(time.RFC3339) + "/" + q.to.UTC().Format(time.RFC3339),
		"interval": isoSeconds(s.opts.Grain), "namespace": namespace, "resourceregion": "westeurope", "value": values,
	}}
}

// summary is a series under way: sums and counts by grain.
type summary struct {
	values []string
	sums   map[time.Time]float64
	counts map[time.Time]int
}

// series are those of a metric: split by the dimensions of the filter, the
// others folded as the aggregation says, the largest first, and cut at top.
func (s *Server) series(q query, m metric, faults Faults) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	starts := s.grains.between(q.from, q.to)
	found := map[string]*summary{}
	for _, start := range starts {
		g := s.grains.at(start)
		if g == nil || start.Add(s.opts.Grain+s.opts.Delay).After(s.opts.Now()) {
			continue
		}
		for _, p := range m.parts(s, g) {
			values, ok := split(q.filter, m.dimensions, p.dimensions)
			if !ok {
				continue
			}
			key := strings.Join(values, "\x00")
			if found[key] == nil {
				found[key] = &summary{values, map[time.Time]float64{}, map[time.Time]int{}}
			}
			found[key].sums[start] += p.value
			found[key].counts[start]++
		}
	}
	all := make([]*summary, 0, len(found))
	for _, one := range found {
		all = append(all, one)
	}
	total := func(one *summary) (sum float64) {
		for _, v := range one.sums {
			sum += v
		}
		return sum
	}
	sort.Slice(all, func(i, j int) bool {
		if a, b := total(all[i]), total(all[j]); a != b {
			return a > b
		}
		return strings.Join(all[i].values, "\x00") < strings.Join(all[j].values, "\x00")
	})
	if len(q.filter) > 0 && len(all) > q.top {
		all = all[:q.top]
	}
	out := []any{}
	for _, one := range all {
		out = append(out, map[string]any{
			"metadatavalues": metadata(q.filter, m.dimensions, one.values, faults.LowerCase),
			"data":           s.points(one, starts, m.aggregation, q.aggregation, faults.Gaps),
		})
	}
	return out
}

// split picks the values of those dimensions that the filter names, and
// reports whether the filter wants them.
func split(f filter, dimensions, values []string) ([]string, bool) {
	var picked []string
	for i, dimension := range dimensions {
		wanted, named := f[strings.ToLower(dimension)]
		if !named {
			continue
		}
		if len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, values[i]) }) {
			return nil, false
		}
		picked = append(picked, values[i])
	}
	return picked, true
}

func metadata(f filter, dimensions, values []string, lower bool) []any {
	out := []any{}
	for _, dimension := range dimensions {
		if _, named := f[strings.ToLower(dimension)]; !named {
			continue
		}
		value := values[len(out)]
		if lower {
			dimension, value = strings.ToLower(dimension), strings.ToLower(value)
		}
		out = append(out, map[string]any{"name": map[string]any{"value": dimension, "localizedValue": dimension}, "value": value})
	}
	return out
}

// points are a series' values, oldest first. A grain without samples, one that
// is not over, and one whose value has not come yet has a time and no value.
func (s *Server) points(one *summary, starts []time.Time, own, asked string, gaps int) []any {
	if asked == "" {
		asked = own
	}
	var last int
	for i, start := range starts {
		if one.counts[start] > 0 {
			last = i
		}
	}
	out := []any{}
	for i, start := range starts {
		p := map[string]any{"timeStamp": start.UTC().Format(time.RFC3339)}
		if count := one.counts[start]; count > 0 && i <= last-gaps {
			switch asked {
			case "average":
				p["average"] = one.sums[start] / float64(count)
			case "total":
				p["total"] = one.sums[start]
			}
		}
		out = append(out, p)
	}
	return out
}
