package tunnel

import (
	"context"
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// egress tells whether the agents' nodes get out to the control plane, by the
// ports that those agents need: 443 for konnectivity (or what its arguments
// say), 9000 for tunnelfront, 1194 over UDP for aks-link.
func egress(ctx context.Context, l *step.Look, found func(step.Step)) {
	f, err := agents.Find(ctx, l)
	if err != nil {
		found(failed("cluster", err))
		return
	}
	if !tunnelled(f) {
		found(step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: "there are no agents that would have to get out"})
		return
	}
	from := f.Nodes()
	if len(from) == 0 {
		from = sources(l, f)
	}
	if len(from) == 0 {
		found(step.Step{Subject: "cluster", Verdict: step.Unknown, Summary: "no agent has a node from which to try, and no node is ready"})
		return
	}
	looked := 0
	eachNode(l, func(n inventory.Node) {
		for _, name := range from {
			if name == n.Name {
				found(egressOf(ctx, l, f, n))
			}
		}
	})
	for _, name := range from {
		if _, ok := l.Node(name); ok {
			looked++
		}
	}
	if looked == 0 {
		found(step.Step{Subject: "cluster", Verdict: step.Unknown, Summary: "the agents' nodes are not among those that are looked at: " + strings.Join(from, ", ")})
	}
}

func egressOf(ctx context.Context, l *step.Look, f *agents.Found, n inventory.Node) step.Step {
	s := step.Step{Subject: subject(n.Name)}
	want := exits(l, f, n.Name)
	if len(want) == 0 {
		if len(f.Agents) == 0 {
			s.Verdict, s.Summary = step.NotApplicable, "there is no agent now whose arguments say where to connect to"
			return s
		}
		s.Verdict, s.Summary = step.Unknown, "neither the agents' arguments nor this client's kubeconfig name the control plane's address"
		return s
	}
	var good []string
	for _, w := range want {
		d, err := dialed(ctx, l, n.Name, w)
		if err != nil {
			return failed(s.Subject, err)
		}
		s.Evidence = append(s.Evidence, dialEvidence(n.Name, d))
		switch {
		case d.End == facts.DialOpen:
			good = append(good, w.Address+"/"+w.Network)
		case w.Network == "udp" && d.End == facts.DialFiltered:
			if s.Verdict == "" {
				s.Verdict, s.Summary = step.Unknown, fmt.Sprintf("nothing comes back from %s/udp, which is no sign: a server of UDP need not answer what it does not know", w.Address)
			}
		default:
			s.Verdict = step.Problem
			s.Summary = fmt.Sprintf("%s/%s is %s: the agent cannot connect to the control plane", w.Address, w.Network, ending(d.End))
			s.Remedies = []runbook.Remedy{{
				Text:    fmt.Sprintf("Let the nodes out to %s over %s: in the firewall or virtual appliance that egress goes through, in network security groups and in route tables.", w.Address, strings.ToUpper(w.Network)),
				Warning: "Konnectivity needs 443 (TCP), tunnelfront 9000 (TCP), aks-link 1194 (UDP); an agent whose SNAT ports are used up fails the same way, which tunnel.snat tells.",
			}}
			return s
		}
	}
	if s.Verdict == "" {
		s.Verdict, s.Summary = step.OK, "open from here: "+strings.Join(good, ", ")
	}
	return s
}
