package apiserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

var errGone = errors.New("the node is gone")

func connected(ends map[string]facts.TCP) *facts.Section {
	s := reached("", "h2", "h2")
	for to, end := range ends {
		s.Reach = append(s.Reach, facts.Reached{Target: facts.ReachTarget{Host: to, Port: kubeletPort, Why: whyKubelet}, TCP: end})
	}
	return s
}

func TestNodes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.agents(agentPod("agent", "node1"))
	p := step.Patient{API: a.client(t), Nodes: nodesNamed("node1", "node2", "node3"), Examiner: sees{
		"node1": {facts.PartReach: connected(map[string]facts.TCP{"10.0.0.2": facts.TCPOpen, "10.0.0.3": facts.TCPFiltered})},
		"node2": {facts.PartReach: connected(map[string]facts.TCP{"10.0.0.3": facts.TCPOpen})},
		"node3": {facts.PartReach: &facts.Section{Error: "no access"}},
	}}
	got := run(t, p, "apiserver.node-to-node")
	want(t, got, "node/node1", step.Unknown, "no node could try 10.0.0.1:10250: no access")
	want(t, got, "node/node2", step.OK, "10.0.0.2:10250 answers node1")
	want(t, got, "node/node3", step.Problem, "10.0.0.3:10250 does not answer node1 (filtered), and answers node2")

	// What concerns kubelets is no matter of the names that a node requires.
	want(t, run(t, p, "apiserver.egress"), "node/node1", step.OK, "api.example:443 is reached as the kubelet names it")

	p.Nodes = p.Nodes[:1]
	want(t, run(t, p, "apiserver.node-to-node"), "cluster", step.NotApplicable, "no two Linux nodes")
}

func TestPairs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, maxNodes).Draw(t, "nodes")
		var nodes []string
		for i := range n {
			nodes = append(nodes, fmt.Sprint("n", i))
		}
		holders := rapid.SliceOfNDistinct(rapid.SampledFrom(nodes), 0, n, rapid.ID[string]).Draw(t, "holders")
		by := pairs(nodes, append(holders, "elsewhere"))
		count, seen := 0, map[string]bool{}
		for from, to := range by {
			if slices.Contains(to, from) || len(slices.Compact(slices.Sorted(slices.Values(to)))) != len(to) {
				t.Fatalf("%s tries %v", from, to)
			}
			for _, x := range to {
				seen[x] = true
			}
			count += len(to)
		}
		if n > 1 && len(seen) != n {
			t.Fatalf("only %v are tried", seen)
		}
		if most := n + len(holders)*(n-1); count > most {
			t.Fatalf("%d connections, at most %d", count, most)
		}
	})
}

// Whatever a node tells, each node that was chosen gets one answer.
func FuzzAttempts(f *testing.F) {
	f.Add("10.0.0.2", uint16(10250), "open", "")
	f.Add("", uint16(0), "\x1b[2J", strings.Repeat("x", 999))
	f.Fuzz(func(t *testing.T, host string, port uint16, end, text string) {
		l := &step.Look{Patient: step.Patient{Nodes: nodesNamed("node1", "node2")}}
		s := &facts.Section{Reach: []facts.Reached{{Target: facts.ReachTarget{Host: host, Port: port, Why: whyKubelet}, TCP: facts.TCP(end), TCPError: text}}}
		s.Bound()
		got := judgeNode(l, "node2", []attempt{attemptOf(l, "node1", "node2", s, errGone)})
		if got.Verdict == step.OK && end != string(facts.TCPOpen) || got.Verdict == "" {
			t.Errorf("%q is %s", end, got.Verdict)
		}
	})
}
