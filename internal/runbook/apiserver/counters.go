package apiserver

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxSeries bounds what is remembered of one metric.
const maxSeries = 20000

// flow is where API priority and fairness puts a request.
type flow struct{ schema, level, reason string }

// call is what was asked of which resource.
type call struct{ verb, resource string }

// counters are what one scrape of /metrics says of the load of one replica of
// the API server.
type counters struct {
	// started tells replicas apart: when the process began, in seconds.
	started float64
	// rejected, tooMany, dispatched and requests only ever grow.
	rejected   map[flow]float64
	tooMany    float64
	dispatched map[flow]float64
	requests   map[call]float64
	// queued, watches (by resource), inflight and pods are of now.
	queued  map[flow]float64
	watches map[string]float64
	// pods is 0 where it is not told; -1 says the same there.
	inflight map[string]float64
	pods     float64
}

// The metrics that are read.
//
// Source: Kubernetes, "Kubernetes Metrics Reference".
const (
	metricRejected   = "apiserver_flowcontrol_rejected_requests_total"
	metricQueued     = "apiserver_flowcontrol_current_inqueue_requests"
	metricDispatched = "apiserver_flowcontrol_dispatched_requests_total"
	metricRequests   = "apiserver_request_total"
	metricInflight   = "apiserver_current_inflight_requests"
	metricWatches    = "apiserver_longrunning_requests"
	metricObjects    = "apiserver_storage_objects"
	metricObjectsNow = "apiserver_resource_objects"
	metricStarted    = "process_start_time_seconds"
)

func wantedMetric(name []byte) bool {
	switch string(name) {
	case metricRejected, metricQueued, metricDispatched, metricRequests, metricInflight, metricWatches, metricObjects, metricObjectsNow, metricStarted:
		return true
	default:
		return false
	}
}

func readCounters(r io.Reader) (*counters, error) {
	c := &counters{
		rejected: map[flow]float64{}, dispatched: map[flow]float64{}, queued: map[flow]float64{},
		requests: map[call]float64{}, watches: map[string]float64{}, inflight: map[string]float64{},
	}
	err := scrape(r, wantedMetric, func(name string, l []label, v float64) {
		at := flow{schema: value(l, "flow_schema", "flowSchema"), level: value(l, "priority_level", "priorityLevel")}
		switch name {
		case metricRejected:
			at.reason = value(l, "reason")
			add(c.rejected, at, v)
		case metricQueued:
			add(c.queued, at, v)
		case metricDispatched:
			add(c.dispatched, at, v)
		case metricRequests:
			if value(l, "code") == "429" {
				c.tooMany += v
			}
			add(c.requests, call{value(l, "verb"), resourceOf(l)}, v)
		case metricInflight:
			add(c.inflight, value(l, "request_kind", "requestKind"), v)
		case metricWatches:
			if strings.EqualFold(value(l, "verb"), "WATCH") {
				add(c.watches, resourceOf(l), v)
			}
		case metricObjects, metricObjectsNow:
			if value(l, "resource") == "pods" && value(l, "group") == "" {
				c.pods = max(c.pods, v)
			}
		case metricStarted:
			c.started = v
		}
	})
	return c, err
}

// resourceOf is "pods", "deployments.apps" or "nodes/proxy".
func resourceOf(l []label) string {
	name := value(l, "resource")
	if name == "" {
		return "(no resource)"
	}
	if g := value(l, "group"); g != "" {
		name += "." + g
	}
	if s := value(l, "subresource"); s != "" {
		name += "/" + s
	}
	return name
}

func add[K comparable](m map[K]float64, key K, v float64) {
	if _, ok := m[key]; ok || len(m) < maxSeries {
		m[key] += v
	}
}

// grown is by how much each counter grew between two scrapes.
func grown[K comparable](before, after map[K]float64) map[K]float64 {
	out := map[K]float64{}
	for k, v := range after {
		if d := v - before[k]; d > 0 {
			out[k] = d
		}
	}
	return out
}

// ranked is a map's entries, the largest first.
type ranked[K comparable] struct {
	key K
	v   float64
}

func top[K comparable](m map[K]float64, most int, text func(K) string) []ranked[K] {
	all := make([]ranked[K], 0, len(m))
	for _, k := range slices.Collect(maps.Keys(m)) {
		all = append(all, ranked[K]{k, m[k]})
	}
	slices.SortFunc(all, func(a, b ranked[K]) int {
		return cmp.Or(cmp.Compare(b.v, a.v), strings.Compare(text(a.key), text(b.key)))
	})
	return all[:min(len(all), most)]
}

func sum[K comparable](m map[K]float64) float64 {
	n := 0.0
	for _, v := range m {
		n += v
	}
	return n
}
