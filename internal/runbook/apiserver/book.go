// Package apiserver is the runbook on time-outs between clients and the API
// server: each cause that its guide names checks itself. Those that concern the
// way from this client answer without the API server.
package apiserver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Name is what the runbook is called by.
const Name = "apiserver"

// New returns the runbook.
func New() step.Book {
	return step.Book{
		Name: Name,
		Checks: []step.Check{
			{ID: "apiserver.agents", Title: "Do the pods of the tunnel run?", Run: agents.Check},
			{ID: "apiserver.node-pressure", Title: "Are their nodes under pressure?", Run: checkPressure},
			{ID: "apiserver.egress", Title: "Are required names and ports open?", Run: checkEgress},
			{ID: "apiserver.alpn", Title: "Does ALPN get through?", Run: checkALPN},
			{ID: "apiserver.authorized-ranges", Title: "Is this client let in?", Run: checkRanges},
			{ID: "apiserver.request-load", Title: "Is the API server overloaded?", Run: checkLoad},
			{ID: "apiserver.helm-history", Title: "Are there too many Helm revisions?", Run: checkHelm},
			{ID: "apiserver.node-to-node", Title: "Do nodes reach each other's port 10250?", Run: checkNodes},
			{ID: "apiserver.private-cluster", Title: "Is the cluster private?", Run: checkPrivate},
		},
		Ask: ask,
	}
}

// maxNodes is how many nodes are asked to reach the API server and each other:
// those of the agents first. A network that keeps one of five nodes out of
// many away is found by what is said of that node alone; one that keeps all
// away, by five.
const maxNodes = 5

// chosen are the nodes that are asked. The choice is the same for every check
// of a run. Without knowledge of the agents, the first ones.
func chosen(ctx context.Context, l *step.Look) []string {
	var out []string
	linux := map[string]bool{}
	for _, n := range l.Nodes {
		linux[n.Name] = n.OS == "linux" || n.OS == ""
	}
	if f, err := agents.Find(ctx, l); err == nil {
		for _, n := range f.Nodes() {
			if linux[n] {
				out = append(out, n)
			}
		}
	}
	for _, n := range l.Nodes {
		if linux[n.Name] && !slices.Contains(out, n.Name) {
			out = append(out, n.Name)
		}
	}
	return out[:min(len(out), maxNodes)]
}

// ask is what a node is asked for.
func ask(ctx context.Context, l *step.Look, node inventory.Node) facts.Ask {
	var a facts.Ask
	if slices.Contains(chosen(ctx, l), node.Name) {
		a.Parts = append(a.Parts, facts.PartReach)
		a.ReachKubelet = true
		a.Reach = append(required(l), kubeletsFor(ctx, l, node.Name)...)
	}
	if f, err := agents.Find(ctx, l); err == nil && slices.Contains(f.Nodes(), node.Name) {
		a.Parts = append(a.Parts, facts.PartLoad)
	}
	return a
}

// nodeSubject names a node as a step does.
func nodeSubject(name string) string { return "node/" + name }

// The subjects that are no object.
const (
	subjectClient  = "client"
	subjectCluster = "cluster"
)

// unknown is an answer that could not be had.
func unknown(subject string, err error) step.Step {
	return step.Step{Subject: subject, Verdict: step.Unknown, Summary: err.Error()}
}

// told turns a node's evidence into a step's, marked with where it was typed.
func told(node string, all []facts.Evidence) []step.Evidence {
	var out []step.Evidence
	for _, e := range all {
		out = append(out, step.Evidence{Command: e.Command, Output: e.Output})
	}
	if len(out) > 0 {
		out[0].Output = "on " + node + ":\n" + out[0].Output
	}
	return out
}

// wait is time.After that ends with ctx; it reports whether the time passed.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }
