package apiserver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/probe/facts"
)

// When a node counts as overloaded; these are snattop's own. From nine tenths
// of its processors on, an agent waits for its turn. Below a twentieth of its
// memory, kubelets evict (by default below 100 MiB, on AKS 750 MiB or less). A
// tenth of the time in which everything stands still for want of memory is
// thrashing. The node's own look lasts a second: it counts only where what
// waits for a processor, on average over ten seconds, says so too. What the
// cluster measured is an average of half a minute or so that may be over, and
// counts the neighbours of a node that shares its machine (kind): it counts unless
// the node itself says that it uses less than half of that.
const (
	busyShare     = 0.90
	memoryShare   = 0.95
	waitingShare  = 10.0
	thrashing     = 10.0
	pressureLimit = 30 * time.Second
)

// checkPressure answers whether the nodes that hold the tunnel's agents are
// overloaded.
func checkPressure(ctx context.Context, l *step.Look, found func(step.Step)) {
	f, err := agents.Find(ctx, l)
	if err != nil {
		found(unknown(subjectCluster, err))
		return
	}
	if len(f.Nodes()) == 0 {
		found(step.Step{Subject: subjectCluster, Verdict: step.NotApplicable, Summary: "no node holds an agent of the tunnel"})
		return
	}
	var wg sync.WaitGroup
	for _, n := range f.Nodes() {
		wg.Go(func() { found(pressureOf(ctx, l, n)) })
	}
	wg.Wait()
}

// pressed is what is known of one node.
type pressed struct {
	node *corev1.Node
	// usage is the metrics API's or the kubelet's, source the command for it.
	usage  *k8s.Usage
	source string
	load   *facts.Load
	// missing are the sources that gave nothing, and why.
	missing  []string
	evidence []step.Evidence
}

func pressureOf(ctx context.Context, l *step.Look, node string) step.Step {
	ctx, cancel := context.WithTimeout(ctx, pressureLimit)
	defer cancel()
	api, err := l.Cluster(ctx)
	if err != nil {
		return unknown(nodeSubject(node), err)
	}
	var p pressed
	var own []step.Evidence
	var lost string
	var wg sync.WaitGroup
	wg.Go(func() {
		s, err := l.Section(ctx, node, facts.PartLoad)
		if err != nil {
			lost = "the node itself: " + err.Error()
		}
		if s != nil {
			p.load, own = s.Load, told(node, s.Evidence)
		}
	})
	p.ask(ctx, api, node)
	wg.Wait()
	p.evidence = append(p.evidence, own...)
	if lost != "" {
		p.missing = append(p.missing, lost)
	}
	return p.judge(node)
}

// ask reads what the API server knows of a node's use.
func (p *pressed) ask(ctx context.Context, api *k8s.Client, node string) {
	var err error
	if p.node, err = api.Node(ctx, node); err != nil {
		p.missing = append(p.missing, "the node's conditions: "+err.Error())
	} else {
		var lines []string
		for _, c := range p.node.Status.Conditions {
			lines = append(lines, fmt.Sprintf("%s=%s (%s)", c.Type, c.Status, c.Reason))
		}
		p.evidence = append(p.evidence, step.Evidence{Command: "kubectl describe node " + node, Output: strings.Join(lines, "\n")})
	}
	u, err := api.MetricsUsage(ctx, node)
	if err == nil {
		p.usage, p.source = &u, "kubectl top node "+node
	} else {
		p.missing = append(p.missing, metricsMissing(err))
		if u, err = api.KubeletUsage(ctx, node); err != nil {
			p.missing = append(p.missing, "the kubelet's summary: "+err.Error())
		} else {
			p.usage, p.source = &u, "kubectl get --raw '/api/v1/nodes/"+node+"/proxy/stats/summary?only_cpu_and_memory=true'"
		}
	}
	if p.usage != nil {
		p.evidence = append(p.evidence, step.Evidence{Command: p.source, Output: usageText(p.usage)})
	}
}

func metricsMissing(err error) string {
	if k8s.KindOf(err) == k8s.KindNotFound {
		return "the metrics API: there is none in this cluster"
	}
	return "the metrics API: " + err.Error()
}

func usageText(u *k8s.Usage) string {
	text := ""
	if u.Cores != nil {
		text = fmt.Sprintf("cpu %.2f cores", *u.Cores)
	}
	if u.Memory != nil {
		text += fmt.Sprintf(" memory %d MiB", *u.Memory>>20)
	}
	return strings.TrimSpace(text)
}

// judge weighs everything that is known.
func (p *pressed) judge(node string) step.Step {
	s := step.Step{Subject: nodeSubject(node), Evidence: p.evidence}
	bad := append(p.conditions(), p.used()...)
	bad = append(bad, p.loaded()...)
	without := ""
	if len(p.missing) > 0 {
		without = " (without " + strings.Join(p.missing, "; ") + ")"
	}
	switch {
	case len(bad) > 0:
		s.Verdict, s.Summary = step.Problem, "node "+node+", which holds an agent of the tunnel, is under pressure: "+strings.Join(bad, "; ")
		s.Remedies = againstPressure(node)
	case p.node == nil && p.usage == nil && p.load == nil:
		s.Verdict, s.Summary = step.Unknown, "nothing tells how busy node "+node+" is"+without
	default:
		s.Verdict, s.Summary = step.OK, "node "+node+" has room"+p.figures()+without
	}
	return s
}

func (p *pressed) conditions() []string {
	if p.node == nil {
		return nil
	}
	var bad []string
	for _, c := range p.node.Status.Conditions {
		switch c.Type {
		case corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure:
			if c.Status == corev1.ConditionTrue {
				bad = append(bad, string(c.Type))
			}
		case corev1.NodeReady:
			if c.Status != corev1.ConditionTrue {
				bad = append(bad, "it is not ready: "+c.Reason)
			}
		default: // no matter of pressure
		}
	}
	return bad
}

// used holds what the cluster measures against what the node has.
func (p *pressed) used() []string {
	if p.node == nil || p.usage == nil {
		return nil
	}
	var bad []string
	cores, memory := p.node.Status.Capacity.Cpu().AsApproximateFloat64(), float64(p.node.Status.Capacity.Memory().Value())
	if c := p.usage.Cores; c != nil && cores > 0 && *c/cores >= busyShare && !p.idles() {
		bad = append(bad, fmt.Sprintf("%s of its processors are in use", percent(*c/cores)))
	}
	if m := p.usage.Memory; m != nil && memory > 0 && float64(*m)/memory >= memoryShare {
		bad = append(bad, fmt.Sprintf("%s of its memory is in use", percent(float64(*m)/memory)))
	}
	return bad
}

// idles reports whether the node says that it uses few of its processors.
func (p *pressed) idles() bool {
	l := p.load
	return l != nil && l.Busy != nil && l.Cores > 0 && *l.Busy/l.Cores < busyShare/2
}

// loaded is what the node says of itself.
func (p *pressed) loaded() []string {
	l := p.load
	if l == nil {
		return nil
	}
	var bad []string
	waits := l.CPU == nil || l.CPU.Some10 >= waitingShare
	if l.Busy != nil && l.Cores > 0 && *l.Busy/l.Cores >= busyShare && waits {
		bad = append(bad, fmt.Sprintf("it uses %.2f of %.2f cores", *l.Busy, l.Cores))
		if l.CPU != nil {
			bad[len(bad)-1] += fmt.Sprintf(", and something waits for a processor %.0f %% of the time", l.CPU.Some10)
		}
	}
	if l.MemoryTotal > 0 && float64(l.MemoryTotal-l.MemoryAvailable)/float64(l.MemoryTotal) >= memoryShare {
		bad = append(bad, fmt.Sprintf("%d of %d MiB of memory are available", l.MemoryAvailable>>20, l.MemoryTotal>>20))
	}
	if l.Memory != nil && l.Memory.Full10 >= thrashing {
		bad = append(bad, fmt.Sprintf("everything waits for memory %.0f %% of the time", l.Memory.Full10))
	}
	return bad
}

func (p *pressed) figures() string {
	switch {
	case p.load != nil && p.load.Busy != nil:
		return fmt.Sprintf(": it uses %.2f of %.2f cores", *p.load.Busy, p.load.Cores)
	case p.usage != nil:
		return ": " + usageText(p.usage)
	default:
		return ""
	}
}

func againstPressure(node string) []runbook.Remedy {
	return []runbook.Remedy{
		{Text: "See what uses the node.", Command: "kubectl top pod -A --sort-by=cpu --field-selector spec.nodeName=" + node},
		{
			Text:    "Give the system's pods a pool of their own, which workloads do not get onto.",
			Command: "az aks nodepool add --resource-group GROUP --cluster-name CLUSTER --name system2 --mode System --node-count 3 --node-taints CriticalAddonsOnly=true:NoSchedule",
			Warning: "It adds machines, which cost money.",
		},
		{
			Text:    "Until then, move the agents to nodes that have room.",
			Command: "kubectl cordon " + node + " && kubectl rollout restart deployment konnectivity-agent -n kube-system",
			Warning: "Exec, logs and webhooks through them are cut off for a moment. Undo the cordon afterwards: kubectl uncordon " + node + ".",
		},
		{Text: "Set requests and limits for what uses it, so that the scheduler spreads it over the nodes."},
	}
}
