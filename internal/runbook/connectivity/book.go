// Package connectivity is the runbook on pods that are cut off, or lose packets:
// bridge, neighbours, drops, MTU, connection tracking, ports that are taken, and
// containers that nobody knows any more. It reads what nodes tell in one visit,
// and the API server's word on their pods; it changes nothing.
//
// Source of the causes and remedies: Google Kubernetes Engine, "Troubleshoot
// connectivity issues in your cluster". Thresholds are snattop's own, and stand
// beside their reasons.
package connectivity

import (
	"context"
	"slices"
	"sync"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// New returns the runbook.
func New() step.Book {
	return step.Book{
		Name: "connectivity",
		Ask:  ask,
		Checks: []step.Check{
			{ID: "connectivity.bridge", Title: "the pods' bridge is up", Run: eachNode(facts.PartNetwork, judgeBridge)},
			{ID: "connectivity.neighbours", Title: "the node has learned its pods' addresses", Run: eachNode(facts.PartNetwork, judgeNeighbours)},
			{ID: "connectivity.drops", Title: "pods' interfaces lose nothing", Run: eachNode(facts.PartNetwork, judgeDrops)},
			{ID: "connectivity.mtu", Title: "pods' packets fit the path", Run: eachNode(facts.PartNetwork, judgeMTU)},
			{ID: "connectivity.conntrack", Title: "the connection tracking table has room", Run: eachNode(facts.PartTracking, judgeConntrack)},
			{ID: "connectivity.address-in-use", Title: "no container fails because its port is taken", Run: eachNode(facts.PartHolders, judgeInUse)},
			{ID: "connectivity.stale-containers", Title: "no process outlived its container", Run: eachNode(facts.PartContainers, judgeStale)},
		},
	}
}

// ask asks every node for all parts, towards a few other nodes, and for the
// ports of pods that restart.
func ask(ctx context.Context, l *step.Look, node inventory.Node) facts.Ask {
	a := facts.Ask{
		Parts: []facts.Part{facts.PartNetwork, facts.PartTracking, facts.PartPaths, facts.PartContainers, facts.PartHolders},
		Paths: others(l.Nodes, node.Name),
	}
	// Without a list of pods the other parts go on; the check that needs it says
	// why there is none.
	pods, err := podsOn(ctx, l, node.Name)
	if err != nil {
		return a
	}
	for i := range pods {
		if len(pods[i].failing(l.Now())) > 0 && len(a.Holders) < facts.MaxHolderPods {
			a.Holders = append(a.Holders, facts.HolderPod{UID: pods[i].cgroup(), HostNetwork: pods[i].HostNetwork})
		}
	}
	return a
}

// maxTargets is how many other nodes a node tries: an MTU that is wrong is wrong
// towards most of them.
const maxTargets = 4

// others are the addresses of the nodes that follow this one by name, so that
// together every node is tried.
func others(nodes []inventory.Node, name string) []string {
	var out []string
	at := slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Name == name })
	for i := 1; i < len(nodes) && len(out) < maxTargets; i++ {
		n := nodes[(at+i)%len(nodes)]
		if n.Name != name && n.InternalIP != "" && n.Ready && (n.OS == "linux" || n.OS == "") {
			out = append(out, n.InternalIP)
		}
	}
	return out
}

// view is what a check has of one node.
type view struct {
	look *step.Look
	node inventory.Node
	s    *facts.Section
	// pods are the node's; podsErr says why they are not known.
	pods    []pod
	podsErr error
}

// subject names the node as a step does.
func (v *view) subject() string { return "node/" + v.node.Name }

// step begins an answer on the node.
func (v *view) step(verdict step.Verdict, summary string) step.Step {
	return step.Step{Subject: v.subject(), Verdict: verdict, Summary: summary}
}

// eachNode judges every node when it has told the part, side by side.
func eachNode(part facts.Part, judge func(ctx context.Context, v *view, found func(step.Step))) func(context.Context, *step.Look, func(step.Step)) {
	return func(ctx context.Context, l *step.Look, found func(step.Step)) {
		if len(l.Nodes) == 0 {
			found(step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: "there is no node to look at"})
			return
		}
		var wg sync.WaitGroup
		for _, n := range l.Nodes {
			wg.Go(func() {
				s, err := l.Section(ctx, n.Name, part)
				v := &view{look: l, node: n, s: s}
				if err != nil {
					found(v.step(step.Unknown, err.Error()))
					return
				}
				v.pods, v.podsErr = podsOn(ctx, l, n.Name)
				judge(ctx, v, found)
			})
		}
		wg.Wait()
	}
}
