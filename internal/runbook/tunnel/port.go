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

// port tells whether the agents' nodes get through to each kubelet.
func port(ctx context.Context, l *step.Look, found func(step.Step)) {
	f, err := agents.Find(ctx, l)
	if err != nil {
		found(failed("cluster", err))
		return
	}
	if !tunnelled(f) {
		found(step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: "there are no agents: the API server reaches the kubelets without a tunnel, and tunnel.symptom tells whether it does"})
		return
	}
	from := sources(l, f)
	if len(from) == 0 {
		found(step.Step{Subject: "cluster", Verdict: step.Unknown, Summary: "no node that holds an agent is ready and looked at: it is on " + orElse(strings.Join(f.Nodes(), ", "), "none")})
		return
	}
	eachNode(l, func(n inventory.Node) { found(portOf(ctx, l, n, from)) })
}

func portOf(ctx context.Context, l *step.Look, n inventory.Node, from []string) step.Step {
	s := step.Step{Subject: subject(n.Name)}
	want, ok := kubeletOf(n)
	if !ok {
		s.Verdict, s.Summary = step.Unknown, "the node has no internal address"
		return s
	}
	var unseen error
	var bad *facts.Dialed
	where, open := "", 0
	for _, name := range from {
		d, err := dialed(ctx, l, name, want)
		if err != nil {
			unseen = err
			continue
		}
		s.Evidence = append(s.Evidence, dialEvidence(name, d))
		if d.End == facts.DialOpen {
			open++
		} else if bad == nil {
			bad, where = d, name
		}
	}
	switch {
	case bad != nil:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("%s is %s from %s, which holds an agent", want.Address, ending(bad.End), where)
		if open > 0 {
			s.Summary += fmt.Sprintf("; from %d other it is open, so that it works now and then", open)
		}
		s.Remedies = []runbook.Remedy{{
			Text:    fmt.Sprintf("Let TCP port %d in between the nodes: in the network security group or firewall of the nodes' network, and on node %s itself.", facts.KubeletPort, n.Name),
			Command: "az network nsg rule create --resource-group GROUP --nsg-name NSG --name allow-kubelet --priority 200 --direction Inbound --access Allow --protocol Tcp --destination-port-ranges 10250 --source-address-prefixes VirtualNetwork",
			Warning: "The rule has to come before the one that denies: lower numbers win. On other clouds it is that cloud's firewall.",
		}}
	case open > 0:
		s.Verdict, s.Summary = step.OK, fmt.Sprintf("%s is open from %s", want.Address, strings.Join(from, " and "))
	default:
		return failed(s.Subject, unseen)
	}
	return s
}

// dialed returns how an attempt of a node went.
func dialed(ctx context.Context, l *step.Look, node string, want facts.Dial) (*facts.Dialed, error) {
	sec, err := l.Section(ctx, node, facts.PartDials)
	if sec == nil {
		return nil, err
	}
	for i := range sec.Dials {
		if sec.Dials[i].Dial == want {
			return &sec.Dials[i], nil
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("node %s was not asked about %s: it connects to at most %d addresses", node, want.Address, facts.MaxDials)
}

// ending says how an attempt ended.
func ending(e facts.DialEnd) string {
	switch e {
	case facts.DialOpen:
		return "open"
	case facts.DialRefused:
		return "refused"
	case facts.DialFiltered:
		return "filtered: nothing came back"
	case facts.DialNoName:
		return "not found: the name does not resolve"
	case facts.DialUnreachable:
		return "unreachable"
	default:
		return "not reached"
	}
}

func dialEvidence(from string, d *facts.Dialed) step.Evidence {
	host, port := splitAddress(d.Dial.Address)
	e := step.Evidence{Command: "nc -v -w 2 " + host + " " + port, Output: fmt.Sprintf("on %s: %s (%d ms)", from, ending(d.End), d.Millis)}
	if d.Dial.Network == "udp" {
		e.Command = "nc -v -u -w 2 " + host + " " + port
	}
	if d.Error != "" {
		e.Output += "\n" + d.Error
	}
	return e
}

func splitAddress(address string) (host, port string) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return address, ""
	}
	return strings.Trim(address[:i], "[]"), address[i+1:]
}
