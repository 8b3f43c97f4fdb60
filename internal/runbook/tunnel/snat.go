package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// ports tells whether a lack of SNAT ports keeps the agents from the control
// plane. A private control plane is reached without any.
func ports(ctx context.Context, l *step.Look, found func(step.Step)) {
	f, err := agents.Find(ctx, l)
	if err != nil {
		found(failed("cluster", err))
		return
	}
	none := func(why string) {
		found(step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: why})
	}
	if !tunnelled(f) {
		none("there are no agents whose connections could lack a port")
		return
	}
	private, proof, err := privateControl(ctx, l, f)
	if err != nil {
		found(failed("cluster", err))
		return
	}
	if private {
		found(step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: "the control plane's address is private: connections to it take no SNAT port", Evidence: proof})
		return
	}
	from := f.Nodes()
	if len(from) == 0 {
		from = sources(l, f)
	}
	if len(from) == 0 {
		none("no agent has a node")
		return
	}
	pic, err := l.Snapshot(ctx)
	for _, name := range from {
		if err != nil {
			found(failed(subject(name), err))
			continue
		}
		s := portsOf(pic, name)
		s.Evidence = append(s.Evidence, proof...)
		found(s)
	}
}

// privateControl reports whether every address of the control plane that is
// known is private.
func privateControl(ctx context.Context, l *step.Look, f *agents.Found) (bool, []step.Evidence, error) {
	var known []netip.Addr
	for i := range f.Agents {
		if a, err := netip.ParseAddr(f.Agents[i].Host); err == nil {
			known = append(known, a)
		}
	}
	e := step.Evidence{Command: "kubectl get pods -n " + agents.Namespace + " -l app=konnectivity-agent -o yaml | grep proxy-server-host"}
	if len(known) == 0 {
		api, err := l.Cluster(ctx)
		if err != nil {
			return false, nil, err
		}
		if known, err = api.Addresses(ctx); err != nil {
			return false, nil, err
		}
		e.Command = "kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes"
	}
	classes := snat.NewClassifier()
	var words []string
	private := true
	for _, a := range known {
		words = append(words, a.String())
		private = private && !classes.Classify(a).Eligible
	}
	e.Output = strings.Join(words, " ")
	return private, []step.Evidence{e}, nil
}

func portsOf(pic *session.Snapshot, name string) step.Step {
	s := step.Step{Subject: subject(name)}
	var n *session.Node
	for i := range pic.Nodes {
		if pic.Nodes[i].Name == name {
			n = pic.Nodes[i]
		}
	}
	if n == nil || n.Since.IsZero() {
		why := "the node's connections are not measured"
		if n != nil && n.Error != "" {
			why += ": " + n.Error
		}
		s.Verdict, s.Summary = step.Unknown, why
		return s
	}
	why := strings.Join(n.Why, "; ")
	s.Evidence = []step.Evidence{{Command: "snattop report --node " + name, Output: string(n.Verdict) + "\n" + why}}
	switch n.Verdict {
	case snat.Exhausted:
		s.Verdict, s.Summary = step.Problem, "the node's SNAT ports are used up, and the agent's connection may be one that finds none: "+why
		s.Remedies = []runbook.Remedy{{Text: "Find who holds the ports, and what gives them back.", Command: "snattop check snat --node " + name}}
	case snat.Pressured:
		s.Verdict, s.Summary = step.OK, "ports are left, though few: "+why
	case snat.Healthy, snat.NotSNAT:
		s.Verdict, s.Summary = step.OK, fmt.Sprintf("the node is not short of SNAT ports: %s", orElse(why, string(n.Verdict)))
	default:
		s.Verdict, s.Summary = step.Unknown, "whether the node is short of SNAT ports cannot be told: "+why
	}
	return s
}
