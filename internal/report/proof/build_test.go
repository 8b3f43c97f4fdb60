package proof_test

import (
	"math"
	"time"

	"github.com/snattop/snattop/internal/report"
)

// world builds a report by hand.
type world struct{ r *report.Report }

func newWorld(at time.Time) *world {
	return &world{&report.Report{
		Schema: report.Schema, GeneratedAt: at.UTC().Format(time.RFC3339), Window: 300, Cluster: report.Cluster{Context: "prod", Provider: "azure-lb"},
	}}
}

// numbers are what a subject does; each stands still but for a swing of 2 %.
type numbers struct {
	ports, open, opens, fails float64
	// seconds is for how long they were watched: 300 when it is 0.
	seconds float64
}

func (n numbers) levels() *report.Levels {
	if n.seconds == 0 {
		n.seconds = 300
	}
	one := func(mean float64) *report.Level { return &report.Level{Mean: mean, SD: mean / 50, Seconds: n.seconds} }
	return &report.Levels{Ports: one(n.ports), Open: one(n.open), Opens: one(n.opens), Fails: one(n.fails)}
}

func whole(f float64) *int { n := int(math.Round(f)); return &n }

func (w *world) node(name string, n numbers, change ...func(*report.Node)) *world {
	node := report.Node{
		Name: name, Collector: "ebpf", State: "streaming", Verdict: "healthy", Levels: n.levels(),
		Ports:             report.NodePorts{Bounds: report.Bounds{Min: whole(n.ports), Estimate: whole(n.ports), Max: whole(n.ports)}, BudgetSource: "unknown"},
		EstablishedPublic: whole(n.open), OpensPerSecond: &n.opens, FailedPerSecond: &n.fails,
	}
	for _, c := range change {
		c(&node)
	}
	w.r.Nodes = append(w.r.Nodes, node)
	return w
}

func (w *world) pod(node, namespace, name, workload string, n numbers, change ...func(*report.Pod)) *world {
	pod := report.Pod{
		Node: node, Namespace: namespace, Name: name, Levels: n.levels(),
		Ports: report.Bounds{Min: whole(n.ports), Estimate: whole(n.ports), Max: whole(n.ports)}, EstablishedPublic: *whole(n.open),
		OpensPerSecond: n.opens, ClosesPerSecond: n.opens, FailedPerSecond: &n.fails,
	}
	if workload != "" {
		pod.Owner = report.Workload{Kind: "Deployment", Name: workload}
	}
	for _, c := range change {
		c(&pod)
	}
	w.r.Pods = append(w.r.Pods, pod)
	return w
}

func (w *world) dest(node, namespace, pod, ip string, n numbers, change ...func(*report.Destination)) *world {
	levels := n.levels()
	levels.Ports = nil
	d := report.Destination{
		Node: node, Namespace: namespace, Pod: pod, Protocol: "tcp", IP: ip, Port: 443, Eligible: true,
		Established: *whole(n.open), OpensPerSecond: n.opens, FailedPerSecond: &n.fails, Levels: levels,
	}
	for _, c := range change {
		c(&d)
	}
	w.r.Destinations = append(w.r.Destinations, d)
	return w
}

// Ways in which a node may differ.

func budget(ports int) func(*report.Node) {
	return func(n *report.Node) { n.Ports.Budget, n.Ports.BudgetSource = &ports, "table" }
}

func collector(name string) func(*report.Node) {
	return func(n *report.Node) { n.Collector = name }
}

func unseen(state, why string) func(*report.Node) {
	return func(n *report.Node) {
		n.State, n.Error, n.Ports.Bounds, n.Levels = state, why, report.Bounds{}, &report.Levels{}
		n.OpensPerSecond, n.FailedPerSecond, n.EstablishedPublic = nil, nil, nil
	}
}

func handedOver(at time.Time) func(*report.Node) {
	return func(n *report.Node) {
		n.Handovers = []report.Handover{{At: at.UTC().Format(time.RFC3339), From: "ebpf", To: n.Collector}}
	}
}

func used(ports int) func(*report.Node) {
	return func(n *report.Node) { n.Ports.MeasuredUsed = &ports }
}
