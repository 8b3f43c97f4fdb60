package apiserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook/step"
)

// metrics is a small but whole answer of /metrics, with figures filled in.
func metrics(started, rejected, tooMany, watches, queued, served float64) string {
	return fmt.Sprintf(`# HELP apiserver_flowcontrol_rejected_requests_total [BETA] Number of requests rejected
# TYPE apiserver_flowcontrol_rejected_requests_total counter
apiserver_flowcontrol_rejected_requests_total{flow_schema="service-accounts",priority_level="workload-low",reason="queue-full"} %[2]g
apiserver_flowcontrol_current_inqueue_requests{flow_schema="service-accounts",priority_level="workload-low"} %[5]g
apiserver_flowcontrol_dispatched_requests_total{flow_schema="system-nodes",priority_level="system"} 10
apiserver_flowcontrol_dispatched_requests_total{flow_schema="service-accounts",priority_level="workload-low"} %[6]g
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="GET",version="v1"} %[6]g
apiserver_request_total{code="429",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} %[3]g
apiserver_current_inflight_requests{request_kind="readOnly"} 3
apiserver_longrunning_requests{component="apiserver",group="",resource="pods",scope="cluster",subresource="",verb="WATCH",version="v1"} %[4]g
apiserver_longrunning_requests{component="apiserver",group="apps",resource="deployments",scope="cluster",subresource="",verb="WATCH",version="v1"} 4
apiserver_longrunning_requests{component="apiserver",group="",resource="pods",scope="resource",subresource="exec",verb="CONNECT",version="v1"} 900
apiserver_storage_objects{resource="pods"} 40
process_start_time_seconds %[1]e
`, started, rejected, tooMany, watches, queued, served)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		before, after string
		verdict       step.Verdict
		says          []string
	}{
		{"quiet", metrics(1e9, 5, 7, 12, 0, 100), metrics(1e9, 5, 7, 12, 0, 140), step.OK, []string{"nothing rejected", "16 watches"}},
		{"rejects", metrics(1e9, 5, 7, 12, 0, 100), metrics(1e9, 9, 7, 12, 0, 140), step.Problem, []string{"rejected 4 requests", "service-accounts (queue-full)"}},
		{"429", metrics(1e9, 5, 7, 12, 0, 100), metrics(1e9, 5, 9, 12, 0, 140), step.Problem, []string{"2 requests were answered 429"}},
		{"queues", metrics(1e9, 5, 7, 12, 30, 100), metrics(1e9, 5, 7, 12, 40, 140), step.Problem, []string{"40 requests of flow schema service-accounts wait"}},
		{"a queue that empties", metrics(1e9, 5, 7, 12, 30, 100), metrics(1e9, 5, 7, 12, 0, 140), step.OK, nil},
		{"leaks watches", metrics(1e9, 5, 7, 400, 0, 100), metrics(1e9, 5, 7, 400, 0, 140), step.Problem, []string{"400 watches of pods", "a cluster of 3 nodes explains 260", "flow schema service-accounts"}},
		{"another replica", metrics(1e9, 5, 7, 12, 0, 100), metrics(2e9, 900, 900, 12, 0, 140), step.Unknown, []string{"different replicas"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, err := readCounters(strings.NewReader(tt.before))
			if err != nil {
				t.Fatal(err)
			}
			after, err := readCounters(strings.NewReader(tt.after))
			if err != nil {
				t.Fatal(err)
			}
			s := (&load{before: before, after: after, took: 2 * time.Second, nodes: 3}).judge()
			if s.Verdict != tt.verdict {
				t.Errorf("%s: %s", s.Verdict, s.Summary)
			}
			for _, text := range tt.says {
				if !strings.Contains(s.Summary, text) {
					t.Errorf("no %q in %q", text, s.Summary)
				}
			}
		})
	}
}

// Two looks at /metrics and no more, and who waits where that may be read.
func TestCheckLoad(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	scrapes := 0
	a.on("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		scrapes++
		n := scrapes
		a.mu.Unlock()
		_, _ = w.Write([]byte(metrics(1e9, float64(n), 0, 1, 0, float64(50*n))))
	})
	a.on("/debug/api_priority_and_fairness/dump_requests", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("includeRequestDetails") != "1" {
			t.Errorf("asked %s", r.URL)
		}
		_, _ = w.Write([]byte("PriorityLevelName, FlowSchemaName, UserName\nworkload-low, service-accounts, jane\n"))
	})
	got := run(t, step.Patient{API: a.client(t), Nodes: nodesNamed("n")}, "apiserver.request-load")
	want(t, got, "cluster", step.Problem, "rejected 1 requests")
	s := got["cluster"]
	if len(s.Evidence) != 5 || !strings.Contains(s.Evidence[4].Output, "jane") || scrapes != 2 {
		t.Errorf("%d scrapes, evidence %q", scrapes, s.Evidence)
	}
}

func TestLoadWithoutRights(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.on("/metrics", status(http.StatusForbidden, "Forbidden", `forbidden: User "jane" cannot get path "/metrics"`))
	want(t, run(t, step.Patient{API: a.client(t)}, "apiserver.request-load"), "cluster", step.Unknown, `ask for the verb "get" on the nonResourceURL "/metrics"`)
}

func TestWatchLimit(t *testing.T) {
	t.Parallel()
	if watchLimit("pods", 3, 100) != 260 || watchLimit("secrets", 3, 100) != 660 || watchLimit("secrets", 3, 0) != 1580 {
		t.Errorf("pods %g, secrets %g", watchLimit("pods", 3, 100), watchLimit("secrets", 3, 100))
	}
}

func TestParseSample(t *testing.T) {
	t.Parallel()
	l, v, ok := parseSample(`{a="x\"y\\z\n",b="1"} 2.5e3 1700000000000`)
	if !ok || v != 2500 || value(l, "a") != "x\"y\\z\n" || value(l, "missing", "b") != "1" {
		t.Errorf("%v %g %t", l, v, ok)
	}
	for _, bad := range []string{`{a="x} 1`, `{a} 1`, `{a="x"}`, `1 2 3`, `NaN`, `+Inf`, `{a="\`} {
		if _, _, ok := parseSample(bad); ok {
			t.Errorf("%q is a sample", bad)
		}
	}
}

// A line that is too long is passed over; what comes after it is read.
func TestLongLine(t *testing.T) {
	t.Parallel()
	text := metricStarted + `{x="` + strings.Repeat("a", 3*maxLine) + "\"} 1\n" + metricStarted + " 7"
	c, err := readCounters(strings.NewReader(text))
	if err != nil || c.started != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add(metrics(1e9, 1, 2, 3, 4, 5))
	f.Add("apiserver_request_total{code=\"429\n")
	f.Add("apiserver_longrunning_requests{verb=\"WATCH\",resource=\"\\")
	f.Add("process_start_time_seconds\t1\nprocess_start_time_seconds{} 1e400")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := readCounters(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		s := (&load{before: c, after: c, took: time.Second}).judge()
		if s.Verdict == step.Problem && len(s.Remedies) == 0 {
			t.Error("a problem without a remedy")
		}
	})
}
