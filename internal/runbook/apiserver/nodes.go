package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// kubeletPort is where kubelets listen.
//
// Source: Kubernetes, "Ports and protocols".
const kubeletPort = 10250

// pairs are which of the chosen nodes connect to which: each to the next in a
// ring, so that each is tried by one and tries one, and those that hold agents
// to all of them, since the tunnel ends there. From n nodes with a agents that
// is n + a·(n-1) connections at most, not n².
func pairs(nodes, holders []string) map[string][]string {
	out := map[string][]string{}
	put := func(from, to string) {
		if from != to && !slices.Contains(out[from], to) {
			out[from] = append(out[from], to)
		}
	}
	for i, n := range nodes {
		put(n, nodes[(i+1)%len(nodes)])
	}
	for _, h := range holders {
		if !slices.Contains(nodes, h) {
			continue
		}
		for _, n := range nodes {
			put(h, n)
		}
	}
	return out
}

// tried are the pairs of this run.
func tried(ctx context.Context, l *step.Look) (nodes []string, by map[string][]string) {
	nodes = chosen(ctx, l)
	var holders []string
	if f, err := agents.Find(ctx, l); err == nil {
		holders = f.Nodes()
	}
	return nodes, pairs(nodes, holders)
}

// kubeletOf is a node's kubelet as a target; false for a node without an
// address.
func kubeletOf(l *step.Look, name string) (facts.ReachTarget, bool) {
	n, ok := l.Node(name)
	if !ok || n.InternalIP == "" {
		return facts.ReachTarget{}, false
	}
	return facts.ReachTarget{Host: n.InternalIP, Port: kubeletPort, Why: whyKubelet}, true
}

// whyKubelet marks the targets of this step among those of a node.
const whyKubelet = "another node's kubelet"

// kubeletsFor are the kubelets that a node is asked to connect to.
func kubeletsFor(ctx context.Context, l *step.Look, node string) []facts.ReachTarget {
	var out []facts.ReachTarget
	_, by := tried(ctx, l)
	for _, to := range by[node] {
		if t, ok := kubeletOf(l, to); ok {
			out = append(out, t)
		}
	}
	return out
}

var errNotTold = errors.New("the node did not tell how it went")

// attempt is one connection from a node to another's kubelet.
type attempt struct {
	from string
	end  facts.TCP
	text string
	err  error
}

// checkNodes answers, for each of the chosen nodes, whether the others reach
// its kubelet.
func checkNodes(ctx context.Context, l *step.Look, found func(step.Step)) {
	nodes, by := tried(ctx, l)
	if len(l.Nodes) == 0 {
		if _, err := l.Cluster(ctx); err != nil {
			found(unknown(subjectCluster, err))
			return
		}
	}
	if len(nodes) < 2 {
		found(step.Step{Subject: subjectCluster, Verdict: step.NotApplicable, Summary: "there are no two Linux nodes to connect to each other"})
		return
	}
	var mu sync.Mutex
	at := map[string][]attempt{}
	var wg sync.WaitGroup
	for _, from := range nodes {
		wg.Go(func() {
			s, err := l.Section(ctx, from, facts.PartReach)
			mu.Lock()
			defer mu.Unlock()
			for _, to := range by[from] {
				at[to] = append(at[to], attemptOf(l, from, to, s, err))
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		found(judgeNode(l, n, at[n]))
	}
}

func attemptOf(l *step.Look, from, to string, s *facts.Section, err error) attempt {
	a := attempt{from: from, err: err}
	want, ok := kubeletOf(l, to)
	if !ok || s == nil {
		return a
	}
	for i := range s.Reach {
		if r := &s.Reach[i]; r.Target == want {
			return attempt{from: from, end: r.TCP, text: r.TCPError}
		}
	}
	return a
}

func judgeNode(l *step.Look, node string, attempts []attempt) step.Step {
	s := step.Step{Subject: nodeSubject(node)}
	slices.SortFunc(attempts, func(a, b attempt) int { return strings.Compare(a.from, b.from) })
	kubelet, ok := kubeletOf(l, node)
	address := serverText(kubelet)
	if !ok {
		s.Verdict, s.Summary = step.Unknown, "the node tells no address"
		return s
	}
	var bad, good []string
	var lost error
	for _, a := range attempts {
		if a.end == "" {
			if lost = a.err; lost == nil {
				lost = errNotTold
			}
			continue
		}
		text := fmt.Sprintf("on %s:\n%s: %s", a.from, address, a.end)
		if a.text != "" {
			text += " (" + a.text + ")"
		}
		s.Evidence = append(s.Evidence, step.Evidence{Command: fmt.Sprintf("nc -vz -w 3 %s %d", kubelet.Host, kubelet.Port), Output: text})
		if a.end == facts.TCPOpen {
			good = append(good, a.from)
		} else {
			bad = append(bad, fmt.Sprintf("%s (%s)", a.from, a.end))
		}
	}
	switch {
	case len(bad) > 0:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("%s does not answer %s", address, strings.Join(bad, ", "))
		if len(good) > 0 {
			s.Summary += ", and answers " + strings.Join(good, ", ")
		}
		s.Remedies = againstBlocked(node, address)
	case len(good) > 0:
		s.Verdict, s.Summary = step.OK, address+" answers "+strings.Join(good, ", ")
	default:
		s.Verdict, s.Summary = step.Unknown, "no node could try "+address+": "+lost.Error()
	}
	return s
}

func againstBlocked(node, address string) []runbook.Remedy {
	return []runbook.Remedy{
		{Text: "Go through the runbook of the tunnel, which finds what blocks the port: firewall rules, UFW, a rule on the node.", Command: "snattop check tunnel --node " + node},
		{Text: "Let TCP to " + address + " through between the nodes, in network security groups and in firewalls on the way."},
	}
}
