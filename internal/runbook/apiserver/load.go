package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
)

const (
	// loadWindow lies between two scrapes: with both of them and the rest of a
	// run it stays below the ten seconds that all runbooks may take.
	loadWindow = 2 * time.Second
	// maxMetrics bounds one scrape, in bytes. A large cluster's is 20 MB.
	maxMetrics = 96 << 20
	loadLimit  = 25 * time.Second
)

// When the load is a problem. The watches of one resource are held against
// what a cluster of that size opens: a node has a kubelet, kube-proxy, a CNI
// agent and a handful of DaemonSets, each with at most one informer of a kind,
// so 20 for each node is generous; 200 more are the control plane's and the
// operators'. A kubelet watches each Secret and ConfigMap of its pods by
// itself: of these two, four for each pod come on top. A client that leaks
// watches opens a new one each time, and leaves that behind within hours.
//
// Queues are held against ten, twice: a request that waits has found no seat,
// and a healthy server hands those out within milliseconds. A rejection or a
// 429 within the window is one too many.
const (
	watchesPerNode = 20
	watchesBesides = 200
	watchesPerPod  = 4
	queueTooLong   = 10
)

// mostPods is how many pods a node has at most, by default: what is taken where
// the API server does not tell how many there are.
//
// Source: Kubernetes, "Considerations for large clusters".
const mostPods = 110

// watchLimit is how many watches of a resource a cluster of that size explains.
func watchLimit(resource string, nodes int, pods float64) float64 {
	n := float64(watchesBesides + watchesPerNode*nodes)
	if resource == "secrets" || resource == "configmaps" {
		if pods <= 0 {
			pods = float64(mostPods * nodes)
		}
		n += watchesPerPod * pods
	}
	return n
}

// checkLoad answers whether the API server is asked for more than it serves,
// and by whom. It scrapes /metrics twice.
func checkLoad(ctx context.Context, l *step.Look, found func(step.Step)) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	api, err := l.Cluster(ctx)
	if err != nil {
		found(unknown(subjectCluster, err))
		return
	}
	before, err := scrapeOnce(ctx, api)
	if err != nil {
		found(unknown(subjectCluster, err))
		return
	}
	start := time.Now()
	if !wait(ctx, loadWindow) {
		found(unknown(subjectCluster, ctx.Err()))
		return
	}
	after, err := scrapeOnce(ctx, api)
	if err != nil {
		found(unknown(subjectCluster, err))
		return
	}
	d := &load{before: before, after: after, took: time.Since(start), nodes: len(l.Nodes)}
	s := d.judge()
	if s.Verdict == step.Problem {
		if e, ok := waitingRequests(ctx, api); ok {
			s.Evidence = append(s.Evidence, e)
		}
	}
	found(s)
}

func scrapeOnce(ctx context.Context, api *k8s.Client) (*counters, error) {
	var c *counters
	err := api.Stream(ctx, "/metrics", nil, "text/plain;version=0.0.4", maxMetrics, func(r io.Reader) error {
		var err error
		c, err = readCounters(r)
		return err
	})
	return c, err
}

// waitingRequests is what priority and fairness says of requests that wait
// now, with who sent them. Few may read it.
func waitingRequests(ctx context.Context, api *k8s.Client) (step.Evidence, bool) {
	const path, most = "/debug/api_priority_and_fairness/dump_requests", 64 << 10
	var text string
	err := api.Stream(ctx, path, url.Values{"includeRequestDetails": {"1"}}, "text/plain", most, func(r io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(r, most-1))
		text = string(b)
		return err
	})
	if err != nil || text == "" {
		return step.Evidence{}, false
	}
	lines := strings.SplitAfterN(text, "\n", 13)
	return step.Evidence{Command: "kubectl get --raw '" + path + "?includeRequestDetails=1'", Output: strings.Join(lines[:min(len(lines), 12)], "")}, true
}

// load is two scrapes, and what lies between.
type load struct {
	before, after *counters
	took          time.Duration
	nodes         int
}

var errReplicas = errors.New("the two looks at /metrics reached different replicas of the API server: look again")

func (d *load) judge() step.Step {
	s := step.Step{Subject: subjectCluster}
	if d.before.started != d.after.started {
		s.Verdict, s.Summary = step.Unknown, errReplicas.Error()
		return s
	}
	rejected, calls, flows := grown(d.before.rejected, d.after.rejected), grown(d.before.requests, d.after.requests), grown(d.before.dispatched, d.after.dispatched)
	tooMany := d.after.tooMany - d.before.tooMany
	var bad []string
	if n := sum(rejected); n > 0 {
		at := top(rejected, 1, flow.String)[0].key
		bad = append(bad, fmt.Sprintf("priority and fairness rejected %.0f requests in %s, most of flow schema %s (%s)", n, d.span(), at.schema, at.reason))
	}
	if tooMany > 0 {
		bad = append(bad, fmt.Sprintf("%.0f requests were answered 429 in %s", tooMany, d.span()))
	}
	for _, q := range top(d.after.queued, 1, flow.String) {
		if q.v >= queueTooLong && d.before.queued[q.key] >= queueTooLong {
			bad = append(bad, fmt.Sprintf("%.0f requests of flow schema %s wait in a queue", q.v, q.key.schema))
		}
	}
	leak := d.leak()
	if leak != "" {
		bad = append(bad, fmt.Sprintf("%.0f watches of %s are open, where a cluster of %d nodes explains %.0f: a client leaks watches; most requests are of flow schema %s",
			d.after.watches[leak], leak, d.nodes, watchLimit(leak, d.nodes, d.after.pods), d.busiest(flows)))
	}
	s.Evidence = d.evidence(calls, flows)
	if len(bad) > 0 {
		s.Verdict, s.Summary, s.Remedies = step.Problem, strings.Join(bad, "; ")+oneReplica, d.remedies(leak)
		return s
	}
	s.Verdict = step.OK
	s.Summary = fmt.Sprintf("nothing rejected in %s, %.0f watches open, %.1f requests a second%s", d.span(), sum(d.after.watches), sum(calls)/d.took.Seconds(), oneReplica)
	return s
}

// oneReplica is what every answer here is subject to.
const oneReplica = " (as one replica of the API server sees it)"

func (d *load) span() string { return d.took.Round(100 * time.Millisecond).String() }

// leak is the resource that is watched far beyond what the cluster explains;
// empty when none is.
func (d *load) leak() string {
	worst, by := "", 1.0
	for _, w := range top(d.after.watches, 50, func(r string) string { return r }) {
		if share := w.v / watchLimit(w.key, d.nodes, d.after.pods); share > by {
			worst, by = w.key, share
		}
	}
	return worst
}

// busiest is the flow schema of most requests within the window, or since the
// start when there were none.
func (d *load) busiest(flows map[flow]float64) string {
	if len(flows) == 0 {
		flows = d.after.dispatched
	}
	for _, f := range top(flows, 1, flow.String) {
		return f.key.schema
	}
	return "unknown"
}

func (f flow) String() string { return f.schema + "/" + f.level + "/" + f.reason }
func (c call) String() string { return c.verb + " " + c.resource }

// listed is how many rows of a kind are shown.
const listed = 6

func (d *load) evidence(calls map[call]float64, flows map[flow]float64) []step.Evidence {
	const get = "kubectl get --raw /metrics | grep "
	return []step.Evidence{
		{
			Command: get + metricWatches + ` | grep 'verb="WATCH"'`,
			Output:  rows(top(d.after.watches, listed, func(r string) string { return r }), func(k string, v float64) string { return fmt.Sprintf("%.0f watches of %s", v, k) }),
		},
		{
			Command: get + "-E '" + metricRejected + "|" + metricQueued + "|" + metricInflight + "'",
			Output: fmt.Sprintf("rejected since it started: %.0f, in %s: %.0f; waiting: %.0f; in flight: %.0f reading, %.0f changing", sum(d.after.rejected), d.span(),
				sum(grown(d.before.rejected, d.after.rejected)), sum(d.after.queued), d.after.inflight["readOnly"], d.after.inflight["mutating"]),
		},
		{
			Command: get + metricRequests + "   # twice, " + d.span() + " apart",
			Output: fmt.Sprintf("answered 429 since it started: %.0f\n", d.after.tooMany) + rows(top(calls, listed, call.String), func(k call, v float64) string {
				return fmt.Sprintf("%.1f a second: %s", v/d.took.Seconds(), k)
			}),
		},
		{
			Command: get + metricDispatched + "   # twice, " + d.span() + " apart",
			Output: rows(top(flows, listed, flow.String), func(k flow, v float64) string {
				return fmt.Sprintf("%.1f a second: flow schema %s, priority level %s", v/d.took.Seconds(), k.schema, k.level)
			}),
		},
	}
}

func rows[K comparable](all []ranked[K], text func(K, float64) string) string {
	lines := make([]string, len(all))
	for i, r := range all {
		lines[i] = text(r.key, r.v)
	}
	return strings.Join(lines, "\n")
}

func (d *load) remedies(leak string) []runbook.Remedy {
	var list []runbook.Remedy
	if leak != "" {
		resource, _, _ := strings.Cut(leak, ".")
		list = append(list, runbook.Remedy{
			Text:    "Find the client: metrics name no user, the audit log does. On AKS, with diagnostic logs of kube-audit:",
			Command: `az monitor log-analytics query --workspace WORKSPACE --analytics-query 'AKSAudit | where Verb == "watch" and ObjectRef.resource == "` + resource + `" and TimeGenerated > ago(1h) | summarize count() by UserAgent, tostring(User.username) | top 10 by count_'`,
		}, runbook.Remedy{
			Text:    "Where the audit log is a file, count the watches of it by user agent.",
			Command: `jq -r 'select(.verb=="watch" and .objectRef.resource=="` + resource + `") | .user.username+" "+.userAgent' audit.log | sort | uniq -c | sort -rn | head`,
		}, runbook.Remedy{Text: "Have that client keep one watch of each kind for as long as it runs (a shared informer), and end those that it opens; update it where a later version does. Until then restart it: its watches end with it."})
	}
	return append(list,
		runbook.Remedy{Text: "Have clients that ask again and again watch instead, from a resource version on, and read from a cache."},
		runbook.Remedy{
			Text:    "See which flows wait and are rejected.",
			Command: "kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels",
		},
		runbook.Remedy{
			Text:    "Keep one client from taking the place of all others: give it a flow schema and a priority level of its own.",
			Command: "kubectl get flowschemas,prioritylevelconfigurations",
			Warning: "A level that is too small delays that client; on a managed control plane leave the provider's own schemas as they are.",
		})
}
