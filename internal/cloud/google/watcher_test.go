package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
	"github.com/snattop/snattop/internal/snat"
)

func number(n int) *int { return &n }

func TestReading(t *testing.T) {
	protocol := func(p string) map[string]string { return map[string]string{"ip_protocol": p} }
	dropped := func(p, reason string) map[string]string {
		return map[string]string{"ip_protocol": p, "reason": reason}
	}
	server := &monitoring{series: map[string][]series{
		portUsage: {
			labels("gke-a", protocol("TCP")).with(-5, 1, 2, 3, 60), // the last two minutes are not there yet
			labels("gke-a", protocol("UDP")).with(-5, 9, -1, 5),
			labels("gke-a", protocol("ICMP")).with(-5, 700, 700, 700, 700, 700),
			labels("gke-b", protocol("tcp")).with(-5, 0, 0, 0, 0),
			labels("stranger", protocol("TCP")).with(-5, 8000, 8000, 8000, 8000),
			labels("", protocol("TCP")).with(-5, 8000),
		},
		allocatedPorts: {
			labels("gke-a", map[string]string{"nat_ip": "192.0.2.1"}).with(-5, 32, 32, 32, 32),
			labels("gke-a", map[string]string{"nat_ip": "192.0.2.2"}).with(-5, -1, 32, 32), // -2 is still filling up
		},
		droppedPackets: {
			labels("gke-a", dropped("TCP", outOfResources)).with(-5, 0, 0, 7),
			labels("gke-a", dropped("TCP", "ENDPOINT_INDEPENDENCE_CONFLICT")).with(-5, 4),
			labels("gke-b", dropped("UDP", "ENDPOINT_INDEPENDENCE_CONFLICT")).with(-5, 5),
			labels("gke-b", dropped("UDP", "NEW_REASON")).with(-5, 1),
			labels("gke-b", dropped("UDP", "evil\x1b[31m")).with(-5, 2),
		},
		openConnections: {
			labels("gke-a", protocol("TCP")).with(-5, 100, 200),
			labels("gke-b", protocol("TCP")).with(-5, 1, 2),
			labels("stranger", protocol("TCP")).with(-5, 9000, 9000),
		},
	}}
	r := start(t, server)
	got, wait := r.next()
	if wait != poll.Every {
		t.Errorf("the next round is %v away", wait)
	}
	want := cloud.Reading{
		Provider: snat.ProviderGCPNAT, Source: Source,
		Profile: &cloud.Profile{Group: "my-project", Gateway: "nat-1"},
		Nodes: []cloud.NodeReading{
			{
				Name: "node-a", At: t0.Add(-2 * time.Minute),
				TCP: cloud.Usage{Allocated: number(64), Used: number(60), Failed: number(7), Lost: "packets"},
				UDP: cloud.Usage{Allocated: number(64), Used: number(5)},
			},
			{
				Name: "node-b", At: t0.Add(-2 * time.Minute),
				TCP: cloud.Usage{Used: number(0)},
			},
		},
		Gateway: &cloud.GatewayReading{At: t0.Add(-4 * time.Minute), Open: number(202)},
	}
	problems := got.Problems
	got.Problems = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", show(got), show(want))
	}
	for i, words := range []string{
		"9 packets in a minute for ENDPOINT_INDEPENDENCE_CONFLICT",
		"1 packets in a minute for a reason that is no lack of ports: NEW_REASON",
		"2 packets in a minute for a reason that is no lack of ports: one without a name",
		"names no instance for 1 machines",
	} {
		if i >= len(problems) || !strings.Contains(problems[i].Sentence, words) || problems[i].Denied {
			t.Errorf("problem %d is no %q: %+v", i, words, problems)
		}
	}
}

func show(v any) string {
	b, err := json.Marshal(v)
	return fmt.Sprint(string(b), err)
}

// The questions are those of the page "Logs and metrics" of Cloud NAT and of
// projects.timeSeries.list.
func TestQuestions(t *testing.T) {
	server := &monitoring{series: map[string][]series{
		allocatedPorts: {labels("gke-a", nil).with(-5, 64)},
	}}
	start(t, server).next()
	for _, m := range measures {
		requests := server.requests(m.metric)
		if len(requests) != 1 {
			t.Fatalf("%s was asked for %d times", m.metric, len(requests))
		}
		q := requests[0].URL.Query()
		for key, want := range map[string]string{
			"interval.startTime":             "2026-03-04T04:56:00Z",
			"interval.endTime":               "2026-03-04T05:06:00Z",
			"aggregation.alignmentPeriod":    "60s",
			"aggregation.perSeriesAligner":   m.aligner,
			"aggregation.crossSeriesReducer": m.reducer,
			"view":                           "FULL",
			"filter":                         fmt.Sprintf(`metric.type = %q AND resource.type = "gce_instance" AND resource.labels.zone = one_of("us-central1-a")`, m.metric),
		} {
			if got := q.Get(key); got != want {
				t.Errorf("%s: %s = %q, want %q", m.metric, key, got, want)
			}
		}
		if !reflect.DeepEqual(q["aggregation.groupByFields"], m.groupBy) {
			t.Errorf("%s is grouped by %q", m.metric, q["aggregation.groupByFields"])
		}
		if got := requests[0].URL.Path; got != "/v3/projects/my-project/timeSeries" {
			t.Errorf("%s was asked at %s", m.metric, got)
		}
		if got := requests[0].Header.Get("Authorization"); got != "Bearer placeholder" {
			t.Errorf("a server without TLS got %q", got)
		}
	}
	// The gateway is in the project that the series name: that of a shared VPC.
	failed := server.requests(allocationFailed)
	if len(failed) != 1 || failed[0].URL.Path != "/v3/projects/123456/timeSeries" ||
		!strings.HasSuffix(failed[0].URL.Query().Get("filter"), `AND resource.labels.region = one_of("us-central1")`) ||
		failed[0].URL.Query().Has("aggregation.perSeriesAligner") {
		t.Errorf("gateways were asked about with %v", failed)
	}
}

func TestPages(t *testing.T) {
	var tokens []string
	server := &monitoring{}
	server.answer = func(w http.ResponseWriter, r *http.Request, metric string) bool {
		if metric != portUsage {
			return false
		}
		token := r.URL.Query().Get("pageToken")
		tokens = append(tokens, token)
		p := page{NextPageToken: "second page"}
		p.TimeSeries = []series{labels("gke-a", map[string]string{"ip_protocol": "TCP"}).with(-5, 10)}
		if token != "" {
			p.TimeSeries = []series{labels("gke-b", map[string]string{"ip_protocol": "TCP"}).with(-5, 20)}
			p.NextPageToken = ""
		}
		say(w, p)
		return true
	}
	got, _ := start(t, server).next()
	if len(got.Nodes) != 2 || *got.Nodes[0].TCP.Used != 10 || *got.Nodes[1].TCP.Used != 20 {
		t.Errorf("got %s", show(got))
	}
	if !reflect.DeepEqual(tokens, []string{"", "second page"}) {
		t.Errorf("pages were asked for with %q", tokens)
	}
}

func TestPagesEnd(t *testing.T) {
	server := &monitoring{}
	server.answer = func(w http.ResponseWriter, _ *http.Request, metric string) bool {
		if metric != portUsage {
			return false
		}
		say(w, page{NextPageToken: "for ever"})
		return true
	}
	got, _ := start(t, server).next()
	if n := len(server.requests(portUsage)); n != maxPages {
		t.Errorf("%d pages were read", n)
	}
	if len(got.Problems) == 0 || !strings.Contains(got.Problems[0].Sentence, "not complete") {
		t.Errorf("got %+v", got.Problems)
	}
}

// A node that two gateways serve is told by the fuller one.
func TestTheFullerGatewayCounts(t *testing.T) {
	of := func(gateway, key, value string) map[string]string {
		return map[string]string{"nat_gateway_name": gateway, key: value}
	}
	server := &monitoring{series: map[string][]series{
		portUsage: {
			labels("gke-a", of("nodes", "ip_protocol", "TCP")).with(-5, 100),
			labels("gke-a", of("pods", "ip_protocol", "TCP")).with(-5, 64),
			labels("gke-a", of("nodes", "ip_protocol", "UDP")).with(-5, 3),
		},
		allocatedPorts: {
			labels("gke-a", of("nodes", "nat_ip", "192.0.2.1")).with(-5, 1024),
			labels("gke-a", of("pods", "nat_ip", "192.0.2.2")).with(-5, 64),
		},
		droppedPackets: {
			labels("gke-a", map[string]string{"nat_gateway_name": "nodes", "ip_protocol": "TCP", "reason": outOfResources}).with(-5, 1),
			labels("gke-a", map[string]string{"nat_gateway_name": "pods", "ip_protocol": "TCP", "reason": outOfResources}).with(-5, 2),
		},
	}}
	got, _ := start(t, server).next()
	want := cloud.NodeReading{
		Name: "node-a", At: t0.Add(-5 * time.Minute),
		TCP: cloud.Usage{Allocated: number(64), Used: number(64), Failed: number(3), Lost: "packets"},
		UDP: cloud.Usage{Allocated: number(1024), Used: number(3)},
	}
	if len(got.Nodes) != 1 || !reflect.DeepEqual(got.Nodes[0], want) {
		t.Errorf("got  %s\nwant %s", show(got.Nodes), show(want))
	}
	if got.Profile == nil || got.Profile.Gateway != "" {
		t.Errorf("of two gateways one was named: %s", show(got.Profile))
	}
}

func TestNothingIsKnown(t *testing.T) {
	got, _ := start(t, &monitoring{}).next()
	if len(got.Nodes) != 0 || got.Gateway != nil || got.Profile != nil {
		t.Errorf("got %s", show(got))
	}
	if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "no Cloud NAT figures") {
		t.Errorf("got %+v", got.Problems)
	}
}

func TestAllocationFailed(t *testing.T) {
	gateway := func(name string, newest, before bool) series {
		var s series
		s.Resource.Labels = map[string]string{"gateway_name": name, "region": "us-central1"}
		for i, v := range []bool{before, newest} { // not in order
			var p point
			p.Interval.EndTime = t0.Add(time.Duration(i-5) * time.Minute)
			p.Value.Bool = &v
			s.Points = append(s.Points, p)
		}
		return s
	}
	server := &monitoring{series: map[string][]series{
		allocatedPorts:   {labels("gke-a", nil).with(-5, 64)},
		allocationFailed: {gateway("nat-1", true, false), gateway("strangers", true, true)},
	}}
	r := start(t, server)
	got, _ := r.next()
	if len(got.Problems) != 1 || got.Problems[0].What != "gateway" || !strings.Contains(got.Problems[0].Sentence, "nat-1") {
		t.Errorf("got %+v", got.Problems)
	}
	server.set(func() { server.series[allocationFailed] = []series{gateway("nat-1", false, true)} })
	if got, _ := r.again(time.Minute); len(got.Problems) != 0 {
		t.Errorf("a failure that is over is told: %+v", got.Problems)
	}
}

// The gateways of a shared VPC are in a project that may be closed to us: that
// is told, asked again seldom, and costs no other figure.
func TestAGatewaysProjectIsClosed(t *testing.T) {
	server := &monitoring{series: map[string][]series{allocatedPorts: {labels("gke-a", nil).with(-5, 64)}}}
	server.answer = func(w http.ResponseWriter, _ *http.Request, metric string) bool {
		if metric != allocationFailed {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	r := start(t, server)
	for i, d := range []time.Duration{0, time.Minute, 9 * time.Minute} {
		got, wait := r.next2(d)
		if len(got.Problems) != 1 || !got.Problems[0].Denied || !strings.Contains(got.Problems[0].Sentence, "roles/monitoring.viewer") || len(got.Nodes) != 1 || wait != poll.Every {
			t.Errorf("round %d, next in %v: %s", i, wait, show(got))
		}
	}
	if n := len(server.requests(allocationFailed)); n != 2 {
		t.Errorf("asked %d times in ten minutes", n)
	}
}

// next2 is next for a first round and again for others.
func (r *run) next2(d time.Duration) (cloud.Reading, time.Duration) {
	if d == 0 {
		return r.next()
	}
	return r.again(d)
}

func TestForeignNodesOnly(t *testing.T) {
	server := &monitoring{}
	r := start(t, server)
	r.next()
	r.nodes <- []cloud.Node{{Name: "x", ProviderID: "azure:///subscriptions/1"}}
	r.fire <- t0
	<-r.waits
	select {
	case got := <-r.told:
		t.Errorf("told %s of foreign nodes", show(got))
	default:
	}
}

func TestSeveralProjects(t *testing.T) {
	r := start(t, &monitoring{})
	r.next()
	r.nodes <- append([]cloud.Node{{Name: "x", ProviderID: "gce://another-project/us-central1-a/x"}}, twoNodes...)
	// Taken at the next round, or the one after.
	got, _ := r.again(time.Minute)
	if len(got.Problems) == 1 {
		got, _ = r.again(time.Minute)
	}
	if len(got.Problems) != 2 || !strings.Contains(got.Problems[1].Sentence, "1 nodes are in other projects than my-project") {
		t.Errorf("got %+v", got.Problems)
	}
}

func TestClockSkew(t *testing.T) {
	// This machine's clock is an hour ahead.
	server := &monitoring{date: t0.Add(-time.Hour), series: map[string][]series{
		allocatedPorts: {labels("gke-a", nil).with(-65, 64)},
	}}
	r := start(t, server)
	got, _ := r.next()
	if !strings.Contains(show(got.Problems), "clock is 1h0m20s ahead of Google's") {
		t.Errorf("got %+v", got.Problems)
	}
	r.again(0)
	requests := server.requests(portUsage)
	if end := requests[1].URL.Query().Get("interval.endTime"); end != "2026-03-04T04:06:00Z" {
		t.Errorf("asked until %s, which is not Google's now", end)
	}
}

func TestNewRefusesAnEndpoint(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Endpoint: "http://10.0.0.1"}); err == nil {
		t.Error("plain HTTP to another machine was taken")
	}
	if _, err := New(Options{}); err != nil {
		t.Error(err)
	}
}
