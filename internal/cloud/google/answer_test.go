package google

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cloud"
)

// The answer is the example of the page "Logs and metrics" of Cloud NAT.
const documented = `{"timeSeries":[{"resource":{"labels":{"instance_id":"1406292833167995938","project_id":"p","zone":"us-west1-c"},"type":"gce_instance"},
 "metric":{"labels":{"nat_ip":"192.0.2.11","nat_gateway_name":"nat-1-237227-1569344091-5","nat_project_number":"1","router_id":"1380055590921303155"},"type":"compute.googleapis.com/nat/allocated_ports"},
 "metricKind":"GAUGE","points":[{"interval":{"endTime":"2019-09-24T16:58:53.699Z","startTime":"2019-09-24T16:58:53.699Z"},"value":{"int64Value":"64"}}],"valueType":"INT64"}]}`

func TestDecodePage(t *testing.T) {
	t.Parallel()
	p, err := decodePage([]byte(documented))
	if err != nil || len(p.TimeSeries) != 1 || len(p.TimeSeries[0].Points) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	s := p.TimeSeries[0]
	if v, ok := s.Points[0].Value.number(); v != 64 || !ok || s.name() != "" || s.Metric.Labels["nat_ip"] != "192.0.2.11" {
		t.Errorf("%+v", s)
	}
	for in, want := range map[string]float64{`{"int64Value":"7"}`: 7, `{"int64Value":7}`: 7, `{"doubleValue":7.5}`: 7.5} {
		p, err := decodePage([]byte(`{"timeSeries":[{"points":[{"value":` + in + `}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.TimeSeries[0].Points[0].Value.number(); got != want || !ok {
			t.Errorf("%s is %v, %v", in, got, ok)
		}
	}
}

// FuzzPage puts any answer through all that is made of one.
func FuzzPage(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte(`{"timeSeries":[{"metadata":{"systemLabels":{"name":["x"]}},"points":[{"value":{"int64Value":"-1"}},{"value":{"boolValue":true}}]}],"nextPageToken":"x"}`))
	f.Add([]byte(`{"timeSeries":[{"resource":{"labels":{"zone":"z","gateway_name":"\u001b[31m"}},"metadata":{"systemLabels":{"name":"a"}},"metric":{"labels":{"ip_protocol":"6","reason":"OUT_OF_RESOURCES"}},"points":[{"interval":{"endTime":"0001-01-01T00:00:00Z"},"value":{"doubleValue":1e300}}]}]}`))
	f.Add([]byte(`{"timeSeries":[null,{"points":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePage(data)
		if err != nil {
			return
		}
		fig := newFigures()
		for _, m := range measures {
			fig.add(m, p.TimeSeries, map[place]string{{"z", "a"}: "node"})
		}
		r := reading()
		fill(&r, fig, fleet{project: "project"})
		r.Problems = append(r.Problems, failures(p.TimeSeries, nil)...)
		for _, problem := range r.Problems {
			if strings.ContainsAny(problem.Sentence, "\x1b\n\x00") {
				t.Fatalf("%q", problem.Sentence)
			}
		}
		for _, n := range r.Nodes {
			for _, u := range []cloud.Usage{n.TCP, n.UDP} {
				for _, v := range []*int{u.Allocated, u.Used, u.Failed} {
					if v != nil && *v < 0 {
						t.Fatalf("%+v", n)
					}
				}
			}
		}
	})
}

func TestProviderID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]machine{
		"gce://my-project/us-central1-a/gke-shop-default-pool-1a2b3c4d-x9yz": {"my-project", "us-central1-a", "gke-shop-default-pool-1a2b3c4d-x9yz"},
		"GCE://my-project/europe-west4-b/a":                                  {"my-project", "europe-west4-b", "a"},
		"gce://example.com:my-project/us-central1-a/a":                       {"example.com:my-project", "us-central1-a", "a"},
		"gce://my-project/us-central1-ai1a/a":                                {"my-project", "us-central1-ai1a", "a"},
	} {
		if got, ok := parseProviderID(in); got != want || !ok {
			t.Errorf("%q is %+v, %v", in, got, ok)
		}
	}
	for _, in := range []string{
		"", "gce", "gce://", "gce:///us-central1-a/a", "gce://my-project/us-central1-a", "gce://my-project/us-central1-a/a/b",
		"aws:///us-east-1a/i-0", "gce://my-project/../a", "gce://my-project/us-central1-a/A", `gce://my-project/us-central1-a") OR (x/a`,
		"gce://my project/us-central1-a/a", "gce://../us-central1-a/a", "gce://my-project?x/us-central1-a/a", "gce://my-project/us-central1-a/\x1b",
		"gce://my-project/us-central1-a/" + strings.Repeat("a", 400),
	} {
		if got, ok := parseProviderID(in); ok {
			t.Errorf("%q is %+v", in, got)
		}
	}
	if got := (machine{zone: "us-central1-a"}).region(); got != "us-central1" {
		t.Errorf("region %q", got)
	}
}

func TestManyZonesAskForAll(t *testing.T) {
	t.Parallel()
	if f := machineFilter(portUsage, make([]string, maxZones+1)); strings.Contains(f, "one_of") {
		t.Errorf("%q", f)
	}
}
