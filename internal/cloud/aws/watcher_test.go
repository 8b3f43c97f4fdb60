package aws

import (
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

func TestOneGateway(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{
		// The last two minutes are not there yet, and one is missing.
		natOne + " " + activeConnectionCount: {-1, -1, 54999, 50000},
		natOne + " " + errorPortAllocation:   {-1, -1, -1, 12},
		natOne + " " + packetsDropCount:      {-1, -1, 0, 3},
	}}
	got, wait := start(t, server).next()
	want := cloud.Reading{
		Provider: snat.ProviderAWSNATGW, Source: Source,
		Profile: &cloud.Profile{Group: "eu-central-1", Gateway: natOne},
		// CloudWatch dates a minute by its start: the third before t0 ends two
		// minutes before it.
		Gateway: &cloud.GatewayReading{At: t0.Add(-2 * time.Minute), Open: number(54999), Failed: number(12), Dropped: number(0)},
	}
	if !reflect.DeepEqual(got, want) || wait != poll.Every {
		t.Errorf("next in %v\ngot  %s\nwant %s", wait, show(got), show(want))
	}
}

func TestMissingIsNotZero(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{
		natOne + " " + activeConnectionCount: {7},
	}}
	got, _ := start(t, server).next()
	want := &cloud.GatewayReading{At: t0, Open: number(7)}
	if !reflect.DeepEqual(got.Gateway, want) {
		t.Errorf("got %s", show(got.Gateway))
	}
	server.set(func() { server.values = nil })
	got, _ = start(t, server).next()
	if got.Gateway != nil || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "no figures of the last 10 minutes") {
		t.Errorf("got %s", show(got))
	}
}

func TestQuestions(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	start(t, server).next()
	wantList := listIn{Namespace: "AWS/NATGateway", MetricName: "ActiveConnectionCount", RecentlyActive: "PT3H", Dimensions: []dimension{{Name: "NatGatewayId"}}}
	if !reflect.DeepEqual(server.lists, []listIn{wantList}) {
		t.Errorf("listed with %+v", server.lists)
	}
	if len(server.datas) != 1 {
		t.Fatalf("asked %d times", len(server.datas))
	}
	in := server.datas[0]
	if !in.StartTime.Equal(t0.Add(-10*time.Minute)) || !in.EndTime.Equal(t0) || in.ScanBy != "TimestampDescending" {
		t.Errorf("asked for %v to %v, %s", in.StartTime, in.EndTime, in.ScanBy)
	}
	// The statistics are those that "NAT gateway metrics and dimensions" of the
	// VPC user guide calls most useful.
	stats := map[string]string{}
	for _, q := range in.MetricDataQueries {
		stats[q.MetricStat.Metric.MetricName] = q.MetricStat.Stat
		if q.MetricStat.Period != 60 || !reflect.DeepEqual(q.MetricStat.Metric.Dimensions, []dimension{{gatewayID, natOne}}) {
			t.Errorf("asked for %+v", q)
		}
	}
	if !reflect.DeepEqual(stats, map[string]string{"ActiveConnectionCount": "Maximum", "ErrorPortAllocation": "Sum", "PacketsDropCount": "Sum"}) {
		t.Errorf("statistics %v", stats)
	}
}

func TestSeveralGatewaysAddUp(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natTwo)}, {gateway(natOne)}}, values: map[string][]float64{
		natOne + " " + activeConnectionCount: {100, 200},
		natTwo + " " + activeConnectionCount: {-1, 3}, // its last minute is still to come
		natTwo + " " + errorPortAllocation:   {5},
	}}
	got, _ := start(t, server).next()
	want := &cloud.GatewayReading{At: t0, Open: number(203), Failed: number(5)}
	if !reflect.DeepEqual(got.Gateway, want) {
		t.Errorf("got %s", show(got.Gateway))
	}
	if len(got.Problems) != 1 || got.Problems[0].What != "gateway" ||
		!strings.Contains(got.Problems[0].Sentence, "the sum of 2 NAT gateways") || !strings.Contains(got.Problems[0].Sentence, "("+natOne+", "+natTwo+")") {
		t.Errorf("got %+v", got.Problems)
	}
	if got.Profile == nil || got.Profile.Gateway != "" || got.Profile.Group != "eu-central-1" {
		t.Errorf("got %s", show(got.Profile))
	}
}

// A gateway that spans zones tells its figures by zone; where there is a
// series for the whole, those by zone would count everything twice.
func TestRegionalGateway(t *testing.T) {
	zone := func(z string) dimension { return dimension{"AvailabilityZone", z} }
	server := &watch{
		t: t,
		metrics: [][]metric{{
			gateway(natOne, zone("eu-central-1a")), gateway(natOne, zone("eu-central-1b")),
			gateway(natTwo, zone("eu-central-1a")), gateway(natTwo),
		}},
		values: map[string][]float64{
			natOne + " eu-central-1a " + activeConnectionCount: {10},
			natOne + " eu-central-1b " + activeConnectionCount: {20},
			natTwo + " eu-central-1a " + activeConnectionCount: {400},
			natTwo + " " + activeConnectionCount:               {500},
		},
	}
	got, _ := start(t, server).next()
	if got.Gateway == nil || got.Gateway.Open == nil || *got.Gateway.Open != 530 {
		t.Errorf("got %s", show(got.Gateway))
	}
}

func TestNoGateway(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway("nat-\x1b[31mevil"), gateway("igw-0123456789abcdef0"), {Namespace: namespace}}}}
	got, wait := start(t, server).next()
	if wait != poll.Slow || got.Gateway != nil || got.Profile != nil || len(got.Problems) != 1 ||
		!strings.Contains(got.Problems[0].Sentence, "no NAT gateway of this account in eu-central-1") || got.Problems[0].Denied {
		t.Errorf("next in %v: %s", wait, show(got))
	}
	if len(server.datas) != 0 {
		t.Error("asked for figures of nothing")
	}
}

func TestGatewaysAreListedSeldom(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{
		natOne + " " + activeConnectionCount: {1}, natTwo + " " + activeConnectionCount: {2},
	}}
	r := start(t, server)
	r.next()
	server.set(func() { server.metrics = [][]metric{{gateway(natOne), gateway(natTwo)}} })
	for _, c := range []struct {
		after      time.Duration
		open, list int
	}{{time.Minute, 1, 1}, {8 * time.Minute, 1, 1}, {time.Minute, 3, 2}} {
		got, _ := r.again(c.after)
		if got.Gateway == nil || *got.Gateway.Open != c.open || len(server.lists) != c.list {
			t.Errorf("after %v: %d lists, %s", c.after, len(server.lists), show(got.Gateway))
		}
	}
}

func TestPagesOfFigures(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	id := "s0_" + activeConnectionCount
	server.answer = func(w http.ResponseWriter, _ *http.Request, operation string, body []byte) bool {
		if operation != getMetricData {
			return false
		}
		var in dataIn
		server.decode(body, &in)
		out := dataOut{NextToken: "more", MetricDataResults: []result{{ID: id, StatusCode: "PartialData", Timestamps: []time.Time{t0.Add(-2 * time.Minute)}, Values: []float64{1}}}}
		if in.NextToken == "more" {
			out = dataOut{MetricDataResults: []result{{ID: id, StatusCode: "Complete", Timestamps: []time.Time{t0.Add(-time.Minute), t0}, Values: []float64{2}}}}
		}
		reply(t, w, http.StatusOK, out)
		return true
	}
	got, _ := start(t, server).next()
	if got.Gateway == nil || *got.Gateway.Open != 2 || !got.Gateway.At.Equal(t0) || len(got.Problems) != 0 {
		t.Errorf("got %s", show(got))
	}
}

func TestStatusOfSeries(t *testing.T) {
	for status, want := range map[string]struct {
		words  string
		denied bool
	}{
		"Forbidden":     {"denied the figures of some NAT gateways", true},
		"InternalError": {"not complete", false},
		"PartialData":   {"not complete", false},
	} {
		server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
		server.answer = func(w http.ResponseWriter, _ *http.Request, operation string, _ []byte) bool {
			if operation != getMetricData {
				return false
			}
			reply(t, w, http.StatusOK, dataOut{MetricDataResults: []result{
				{ID: "s0_" + activeConnectionCount, StatusCode: "Complete", Timestamps: []time.Time{t0.Add(-time.Minute)}, Values: []float64{1}},
				{ID: "s0_" + errorPortAllocation, StatusCode: status},
				{ID: "another", StatusCode: "Complete", Timestamps: []time.Time{t0}, Values: []float64{9}},
			}})
			return true
		}
		got, _ := start(t, server).next()
		if len(got.Problems) != 1 || got.Problems[0].Denied != want.denied || !strings.Contains(got.Problems[0].Sentence, want.words) || got.Gateway == nil || got.Gateway.Failed != nil {
			t.Errorf("%s: %s", status, show(got))
		}
	}
}

func TestEndlessPages(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	server.answer = func(w http.ResponseWriter, _ *http.Request, operation string, _ []byte) bool {
		if operation == getMetricData {
			reply(t, w, http.StatusOK, dataOut{NextToken: "for ever"})
			return true
		}
		reply(t, w, http.StatusOK, listOut{NextToken: "for ever", Metrics: []metric{gateway(natOne)}})
		return true
	}
	got, _ := start(t, server).next()
	if len(server.asked) != maxLists+maxPages || !strings.Contains(show(got.Problems), "not complete") {
		t.Errorf("%d questions: %+v", len(server.asked), got.Problems)
	}
}

func TestMoreGatewaysThanOneQuestionTakes(t *testing.T) {
	var many []metric
	for i := range maxSeries + 7 {
		many = append(many, gateway(fmt.Sprintf("nat-%017x", i)))
	}
	server := &watch{t: t, metrics: [][]metric{many}}
	got, _ := start(t, server).next()
	if n := len(server.datas[0].MetricDataQueries); n != 3*maxSeries || n > 500 {
		t.Errorf("%d queries", n)
	}
	if s := show(got.Problems); !strings.Contains(s, "7 series are left out") || !strings.Contains(s, "and 145 more") {
		t.Errorf("got %s", s)
	}
}

func TestSeveralRegions(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{natOne + " " + activeConnectionCount: {1}}}
	r := start(t, server)
	r.next()
	r.nodes <- append([]cloud.Node{{Name: "x", ProviderID: "aws:///us-east-1a/i-1"}}, nodes...)
	got, _ := r.again(time.Minute)
	if len(got.Problems) == 0 {
		got, _ = r.again(time.Minute) // the set was taken in the meantime
	}
	if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "1 nodes are in other regions than eu-central-1 (us-east-1)") {
		t.Errorf("got %+v", got.Problems)
	}
}

func TestForeignNodesOnly(t *testing.T) {
	server := &watch{t: t}
	r := start(t, server)
	r.next()
	r.nodes <- []cloud.Node{{Name: "x", ProviderID: "gce://p/z/x"}}
	r.fire <- t0
	<-r.waits
	if len(r.told) != 0 {
		t.Errorf("told %s of foreign nodes", show(<-r.told))
	}
}

func TestRegionOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"aws:///us-east-1a/i-0123456789abcdef0":              "us-east-1",
		"aws://123456789012/eu-central-1b/i-0":               "eu-central-1",
		"AWS:///ap-southeast-2c/i-0":                         "ap-southeast-2",
		"aws:///us-gov-west-1a/i-0":                          "us-gov-west-1",
		"aws:///us-west-2-lax-1a/i-0":                        "us-west-2",
		"aws:///us-east-1-wl1-bos-wlz-1/i-0":                 "us-east-1",
		"aws:///eusc-de-east-1a/i-0":                         "eusc-de-east-1",
		"aws:///cn-north-1a/i-0":                             "cn-north-1",
		"aws:///us-east-1c/0123-fargate-ip-10-0-0-1.compute": "us-east-1",
		"aws:///evil.example.com/i-0":                        "",
		"aws:///x.evil.example.com/us-east-1/i-0":            "",
		"aws:///us-east-1":                                   "",
		"aws:////i-0":                                        "",
		"aws:///us-east-1" + strings.Repeat("a", 400) + "/i": "",
		"gce://p/us-east-1a/i":                               "",
		"":                                                   "",
	} {
		if got, ok := regionOf(in); got != want || ok != (want != "") {
			t.Errorf("%q is in %q, %v; want %q", in, got, ok, want)
		}
	}
}

func FuzzRegionOf(f *testing.F) {
	f.Add("aws:///us-east-1a/i-0")
	f.Add("aws://1/us-gov-west-1a.evil/i-0/")
	f.Fuzz(func(t *testing.T, id string) {
		region, ok := regionOf(id)
		if ok && strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Fatalf("%q is in %q", id, region)
		}
	})
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
