package check

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
)

func sick() *Document {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	return Build("tunnel", session.ClusterInfo{Context: "prod|weu", ServerVersion: "v1.36.3"}, "azure-lb", now, []step.Step{
		{
			ID: "tunnel.iptables", Title: "rules on 10250", Subject: "node/node2", Verdict: step.Problem, Summary: "INPUT rule 3 drops 10250.",
			Evidence: []step.Evidence{{Command: "iptables -L INPUT --line-numbers", Output: "num  target\n3    DROP ```"}},
			Remedies: []runbook.Remedy{{Text: "Delete the rule.", Command: "iptables -D INPUT 3", Warning: "It is outside support <policy>."}},
		},
		{ID: "tunnel.ufw", Title: "UFW", Subject: "node/node2", Verdict: step.NotApplicable, Summary: "There is no ufw."},
		{ID: "tunnel.agents", Subject: "cluster", Verdict: step.OK, Summary: "2 of 2 agents run."},
	})
}

func text(t *testing.T, write func(io.Writer, *Document) error, d *Document) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	const want = `prod|weu  tunnel  2026-11-29T03:00:00Z
3 steps: 1 with a problem, 0 that could not be seen, 1 all right, 1 that do not apply.

           STEP             SUBJECT     SUMMARY
✗ problem  tunnel.iptables  node/node2  INPUT rule 3 drops 10250.
– n/a      tunnel.ufw       node/node2  There is no ufw.
✓ ok       tunnel.agents    cluster     2 of 2 agents run.

tunnel.iptables node/node2: INPUT rule 3 drops 10250.
  $ iptables -L INPUT --line-numbers
    num  target
    3    DROP ` + "```" + `
  do: Delete the rule.
      mind: It is outside support <policy>.
      $ iptables -D INPUT 3
`
	if got := text(t, Table, sick()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := text(t, Markdown, sick())
	for _, want := range []string{
		"- Cluster prod\\|weu, Kubernetes v1.36.3\n",
		"| problem | tunnel.iptables | node/node2 | INPUT rule 3 drops 10250. |\n",
		"````\n$ iptables -L INPUT --line-numbers\nnum  target\n3    DROP ```\n````\n",
		"*Mind: It is outside support \\<policy\\>.*\n",
		"  iptables -D INPUT 3\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// The keys are a promise, and lists are there when they are empty.
func TestJSON(t *testing.T) {
	t.Parallel()
	var got map[string]any
	if err := json.Unmarshal([]byte(text(t, JSON, sick())), &got); err != nil {
		t.Fatal(err)
	}
	steps, ok := got["steps"].([]any)
	if !ok || got["schema"] != "snattop.check/v1" || got["runbook"] != "tunnel" || len(steps) != 3 {
		t.Fatalf("got %v", got)
	}
	ufw, ok := steps[1].(map[string]any)
	if !ok {
		t.Fatalf("a step is %T", steps[1])
	}
	for _, list := range []string{"evidence", "remedies"} {
		if l, ok := ufw[list].([]any); !ok || len(l) != 0 {
			t.Errorf("%s is %v", list, ufw[list])
		}
	}
	if empty := text(t, JSON, Build("snat", session.ClusterInfo{}, "", time.Time{}, nil)); !strings.Contains(empty, `"steps": []`) {
		t.Errorf("no steps are told as %s", empty)
	}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		verdicts []step.Verdict
		want     step.Verdict
	}{
		{nil, step.Unknown},
		{[]step.Verdict{step.OK, step.NotApplicable}, step.OK},
		{[]step.Verdict{step.OK, step.Unknown}, step.Unknown},
		{[]step.Verdict{step.Unknown, step.Problem}, step.Problem},
		{[]step.Verdict{step.OK, "new"}, step.Unknown},
	} {
		var steps []step.Step
		for _, v := range tc.verdicts {
			steps = append(steps, step.Step{Verdict: v})
		}
		if got := Build("all", session.ClusterInfo{}, "", time.Time{}, steps).Worst(); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.verdicts, got, tc.want)
		}
	}
}
