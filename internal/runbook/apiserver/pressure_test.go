package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

func loadSection(busy, cores, waits float64) *facts.Section {
	return &facts.Section{
		Load:     &facts.Load{Busy: &busy, Cores: cores, CPU: &facts.Pressure{Some10: waits}, MemoryTotal: 1 << 30, MemoryAvailable: 1 << 29},
		Evidence: []facts.Evidence{{Command: "cat /proc/loadavg", Output: "1 1 1"}},
	}
}

// conditions is a node with what its kubelet says of pressure.
func conditions(memory string) map[string]any {
	return map[string]any{
		"kind": "Node", "apiVersion": "v1", "metadata": map[string]any{"name": "node1"},
		"status": map[string]any{
			"capacity":   map[string]string{"cpu": "2", "memory": "4Gi"},
			"conditions": []any{map[string]string{"type": "MemoryPressure", "status": memory, "reason": "r"}, map[string]string{"type": "Ready", "status": "True", "reason": "KubeletReady"}},
		},
	}
}

func usage(cpu, memory string) map[string]any {
	return map[string]any{"timestamp": "2026-03-01T12:00:00Z", "window": "20s", "usage": map[string]string{"cpu": cpu, "memory": memory}}
}

const topNode = "/apis/metrics.k8s.io/v1beta1/nodes/node1"

func TestPressure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		set     func(*api)
		load    *facts.Section
		verdict step.Verdict
		says    []string
	}{
		{"at ease, without a metrics API", func(a *api) { a.json("/api/v1/nodes/node1", conditions("False")) }, loadSection(0.5, 2, 1), step.OK,
			[]string{"uses 0.50 of 2.00 cores", "the metrics API: there is none in this cluster"}},
		{"MemoryPressure", func(a *api) { a.json("/api/v1/nodes/node1", conditions("True")) }, loadSection(0.5, 2, 1), step.Problem, []string{"MemoryPressure"}},
		{"the metrics API", func(a *api) {
			a.json("/api/v1/nodes/node1", conditions("False"))
			a.json(topNode, usage("1900m", "1Gi"))
		}, loadSection(1.5, 2, 1), step.Problem, []string{"95 % of its processors"}},
		{"the metrics API without the node", func(a *api) {
			a.json("/api/v1/nodes/node1", conditions("False"))
			a.json(topNode, usage("1900m", "1Gi"))
		}, nil, step.Problem, []string{"95 % of its processors"}},
		{"the metrics API against the node", func(a *api) {
			a.json("/api/v1/nodes/node1", conditions("False"))
			a.json(topNode, usage("1900m", "1Gi"))
		}, loadSection(0.5, 2, 95), step.OK, []string{"uses 0.50 of 2.00 cores"}},
		{"the kubelet's summary", func(a *api) {
			a.json("/api/v1/nodes/node1", conditions("False"))
			a.on(topNode, status(http.StatusServiceUnavailable, "ServiceUnavailable", "the server is currently unable to handle the request"))
			a.json("/api/v1/nodes/node1/proxy/stats/summary", map[string]any{"node": map[string]any{"cpu": map[string]any{"usageNanoCores": 100000000}, "memory": map[string]any{"workingSetBytes": 4200000000}}})
		}, loadSection(0.5, 2, 1), step.Problem, []string{"98 % of its memory"}},
		{"the node itself", func(a *api) { a.json("/api/v1/nodes/node1", conditions("False")) }, loadSection(0.49, 0.5, 80), step.Problem, []string{"it uses 0.49 of 0.50 cores", "80 % of the time"}},
		{"a moment of work", func(a *api) { a.json("/api/v1/nodes/node1", conditions("False")) }, loadSection(2, 2, 2), step.OK, nil},
		{"neighbours that work", func(a *api) { a.json("/api/v1/nodes/node1", conditions("False")) }, loadSection(0.2, 2, 95), step.OK, nil},
		{"nothing to be had", func(a *api) {
			a.on("/api/v1/nodes/node1", status(http.StatusForbidden, "Forbidden", `nodes "node1" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope`))
			a.on("/api/v1/nodes/node1/proxy/stats/summary", status(http.StatusForbidden, "Forbidden", `nodes "node1" is forbidden: User "jane" cannot get resource "nodes/proxy" in API group "" at the cluster scope`))
		}, nil, step.Unknown, []string{`ask for the verb "get" on "nodes" in the cluster`, "there is none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			a.agents(agentPod("agent", "node1"))
			tt.set(a)
			got := run(t, step.Patient{API: a.client(t), Nodes: nodesNamed("node1", "node2"), Examiner: sees{"node1": {facts.PartLoad: tt.load}}}, "apiserver.node-pressure")
			s := got["node/node1"]
			if len(got) != 1 || s.Verdict != tt.verdict {
				t.Errorf("%d answers, %s: %s", len(got), s.Verdict, s.Summary)
			}
			for _, text := range tt.says {
				if !strings.Contains(s.Summary, text) {
					t.Errorf("no %q in %q", text, s.Summary)
				}
			}
		})
	}
}

func TestPressureWithoutAgents(t *testing.T) {
	t.Parallel()
	want(t, run(t, step.Patient{API: newAPI(t).client(t), Nodes: nodesNamed("node1")}, "apiserver.node-pressure"), "cluster", step.NotApplicable, "no node holds an agent")
}
