package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// leak is the node of the picture with a leak on it that was watched, and a
// cloud that measures.
func leak() *session.Snapshot {
	pic := picture()
	pic.Cluster.Provider = snat.ProviderAzureLB
	n := pic.Node("full")
	n.CountedSince, n.Since = n.LastTick.Add(-time.Minute), n.LastTick.Add(-time.Minute)
	n.FullIn = new(time.Duration)
	used := 127
	n.Measured = &cloud.NodeReading{At: n.LastTick.Add(-30 * time.Second), TCP: cloud.Usage{Used: &used, Allocated: &used}, Both: cloud.Usage{Failed: new(3)}}
	o := n.Owners[0]
	o.OpensPerSecond, o.ClosesPerSecond = 4, 0.1
	for v := 10; v <= 120; v += 10 {
		o.OpenTrend = append(o.OpenTrend, v)
	}
	pic.Cloud = &cloud.Reading{Source: "Azure Monitor", Problems: []cloud.Problem{{What: "profile", Sentence: "reading the cluster is " + hostile}}}
	return pic
}

func TestCauseInTheReport(t *testing.T) {
	t.Parallel()
	r := report.Build(leak(), report.Filter{}, generated, 0)
	var ids []string
	for _, f := range r.Findings {
		ids = append(ids, f.ID)
	}
	if want := []string{"snat.exhausted", "cause.leak", "unseen.cause", "unseen.cloud"}; !slices.Equal(ids, want) {
		t.Fatalf("findings %q, want %q", ids, want)
	}
	f := r.Findings[1]
	if f.Severity != "critical" || f.Confidence != "medium" || f.Subject != "node/full pod/shop/leaker-1" || !strings.Contains(f.Summary, "open grew from 10 to 120") {
		t.Errorf("%+v", f)
	}
	for _, e := range f.Evidence {
		if e.Text == "" || !slices.Contains([]string{"counted", "estimated", "measured"}, e.Basis) {
			t.Errorf("evidence %+v", e)
		}
	}
	if !slices.ContainsFunc(f.Evidence, func(e report.Evidence) bool {
		return e.Basis == "measured" && strings.Contains(e.Text, "Azure Monitor says 127")
	}) {
		t.Errorf("no measured figure in %+v", f.Evidence)
	}
	if len(f.Remedies) == 0 || f.Remedies[0].Text == "" {
		t.Errorf("remedies %+v", f.Remedies)
	}
	n := r.Nodes[0]
	if n.SecondsToFull == nil || *n.SecondsToFull != 0 || n.Ports.MeasuredUsed == nil || *n.Ports.MeasuredUsed != 127 {
		t.Errorf("full in %v, measured %v", n.SecondsToFull, n.Ports.MeasuredUsed)
	}
	if c := n.CrossCheck; c.Measured.Agreement != "agrees" || c.Cloud.At == "" || *c.Cloud.Failed != 3 || c.Tracking.Agreement == "single" {
		t.Errorf("%+v", c)
	}
	if r.Pods[0].Cause != "leak" || r.Pods[1].Cause != "none" {
		t.Errorf("causes of pods: %q and %q", r.Pods[0].Cause, r.Pods[1].Cause)
	}
	// A node without numbers has neither, and says so.
	if n := r.Nodes[1]; n.SecondsToFull != nil || n.Ports.MeasuredUsed != nil || n.CrossCheck.Sockets != nil {
		t.Errorf("%+v", n)
	}
	var b strings.Builder
	if err := report.Table(&b, r); err != nil || !strings.Contains(b.String(), "critical: leak, confidence medium: shop/leaker opens connections") || !strings.Contains(b.String(), "    do: Give back what shop/leaker opens") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// A cluster of sick nodes says the worst and not everything.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	pic := &session.Snapshot{}
	for i := range 1500 {
		n := &session.Node{Name: fmt.Sprint("n", i), Verdict: snat.Pressured, Why: []string{"x"}}
		if i == 1400 {
			n.Verdict = snat.Exhausted
		}
		pic.Nodes = append(pic.Nodes, n)
	}
	r := report.Build(pic, report.Filter{}, generated, 0)
	if len(r.Findings) != 1000 || r.Findings[0].Subject != "node/n1400" || r.Findings[1].Subject != "node/n0" {
		t.Errorf("%d findings, the first %q", len(r.Findings), r.Findings[0].Subject)
	}
}
