package agents

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
)

// When restarts count: a crash loop looks well between two of its crashes.
// These are snattop's own.
const (
	looping      = 3
	loopingSince = 10 * time.Minute
)

// Check is the step that both runbooks begin with: are the agents there, and
// do they run? It speaks of each agent, or of the cluster when there is none.
func Check(ctx context.Context, l *step.Look, found func(step.Step)) {
	f, err := Find(ctx, l)
	if err != nil {
		found(step.Step{Subject: "cluster", Verdict: step.Unknown, Summary: err.Error()})
		return
	}
	evidence := []step.Evidence{f.listing(l.Now())}
	for _, name := range f.Idle {
		found(step.Step{
			Subject: "deployment/" + Namespace + "/" + name, Verdict: step.Problem,
			Summary:  "the tunnel's agents are scaled to zero: nothing connects the nodes with the control plane",
			Evidence: append(evidence, step.Evidence{Command: "kubectl get deployment -n " + Namespace + " " + name, Output: name + " 0/0"}),
			Remedies: []runbook.Remedy{{
				Text: "Scale the agents up again; two of them outlive one node.", Command: "kubectl scale deployment -n " + Namespace + " " + name + " --replicas=2",
				Warning: "On a managed cluster the provider looks after this deployment: find out who scaled it down, and whether it comes back.",
			}},
		})
	}
	for i := range f.Agents {
		a := &f.Agents[i]
		s := step.Step{Subject: a.Subject(), Evidence: evidence}
		s.Verdict, s.Summary = a.state(l.Now())
		if s.Verdict == step.Problem {
			s.Remedies = a.remedies()
		}
		found(s)
	}
	if len(f.Agents)+len(f.Idle) > 0 {
		return
	}
	s := step.Step{Subject: "cluster", Evidence: evidence}
	switch {
	case len(f.Wanting) > 0:
		s.Verdict, s.Summary = step.Problem, "the cluster wants tunnel agents and has no pod of them"
		s.Remedies = []runbook.Remedy{{Text: "See what keeps its pods from being made.", Command: "kubectl describe deployment -n " + Namespace + " " + string(Konnectivity)}}
	case f.Unread != nil:
		s.Verdict, s.Summary = step.Unknown, "there are no pods of tunnel agents; whether some are wanted could not be read: "+f.Unread.Error()
	case managed(l):
		s.Verdict, s.Summary = step.Problem, "an AKS cluster without a tunnel agent: the control plane cannot reach its nodes"
		s.Remedies = []runbook.Remedy{{Text: "Have AKS set its own components up again.", Command: "az aks update --resource-group GROUP --name CLUSTER",
			Warning: "It reconciles the cluster with its settings; agree on a time with who runs workloads there."}}
	default:
		s.Verdict, s.Summary = step.NotApplicable, "no konnectivity-agent, tunnelfront or aks-link: this control plane reaches its nodes without a tunnel"
	}
	found(s)
}

// managed reports whether a cluster must have agents: every AKS cluster has,
// and is known by the name of its API server.
//
// Source: AKS, "Outbound network and FQDN rules"; Azure Government and Azure
// operated by 21Vianet, the same.
func managed(l *step.Look) bool {
	u, err := url.Parse(l.API.Server)
	if err != nil {
		return false
	}
	for _, domain := range []string{".azmk8s.io", ".cx.aks.containerservice.azure.us", ".cx.prod.service.azk8s.cn"} {
		if strings.HasSuffix(strings.ToLower(u.Hostname()), domain) {
			return true
		}
	}
	return false
}

// state says how one agent is.
func (a *Agent) state(now time.Time) (step.Verdict, string) {
	recent := a.Restarts >= looping && now.Sub(a.LastRestart) < loopingSince
	where := a.Node
	if where == "" {
		where = "no node"
	}
	switch {
	case a.Waiting != "":
		return step.Problem, fmt.Sprintf("%s on %s does not run: %s (%d restarts)", a.Kind, where, a.Waiting, a.Restarts)
	case a.Phase != "Running":
		return step.Problem, fmt.Sprintf("%s on %s is %s", a.Kind, where, a.Phase)
	case recent:
		return step.Problem, fmt.Sprintf("%s on %s runs now, and has crashed %d times, last %s ago", a.Kind, where, a.Restarts, now.Sub(a.LastRestart).Round(time.Second))
	case !a.Ready:
		return step.Problem, fmt.Sprintf("%s on %s runs but is not ready", a.Kind, where)
	default:
		return step.OK, fmt.Sprintf("%s runs on %s, %d restarts", a.Kind, where, a.Restarts)
	}
}

func (a *Agent) remedies() []runbook.Remedy {
	pod := "-n " + a.Namespace + " " + a.Name
	return []runbook.Remedy{
		{Text: "Read why it does not run.", Command: "kubectl describe pod " + pod},
		{Text: "Read what it said before it ended.", Command: "kubectl logs " + pod + " --previous --tail=50", Warning: "Logs come through the tunnel too: with no agent left they do not arrive."},
		{Text: "Have it made anew.", Command: "kubectl delete pod " + pod, Warning: "What goes through this agent (exec, logs, webhooks) is cut off; another agent takes over where there is one."},
	}
}

// maxListed bounds the rows of a listing.
const maxListed = 20

// listing is what kubectl would print of the agents.
func (f *Found) listing(now time.Time) step.Evidence {
	e := step.Evidence{Command: "kubectl get pods -n " + Namespace + " -l 'app in (konnectivity-agent,tunnelfront,aks-link)' -o wide"}
	if len(f.Agents) == 0 {
		e.Output = "No resources found in " + Namespace + " namespace."
		return e
	}
	for i := range f.Agents {
		if f.Agents[i].gke {
			e.Command = "kubectl get pods -n " + Namespace + " -l k8s-app=konnectivity-agent -o wide"
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tREADY\tSTATUS\tRESTARTS\tAGE\tIP\tNODE")
	for i := range f.Agents {
		if i == maxListed {
			fmt.Fprintf(w, "… and %d more\n", len(f.Agents)-i)
			break
		}
		a := &f.Agents[i]
		status, _, _ := strings.Cut(a.Waiting, ":")
		if status == "" {
			status = a.Phase
		}
		fmt.Fprintf(w, "%s\t%t\t%s\t%d\t%s\t%s\t%s\n", a.Name, a.Ready, status, a.Restarts, now.Sub(a.Created).Round(time.Second), a.PodIP, a.Node)
	}
	_ = w.Flush() // to a builder
	e.Output = b.String()
	return e
}
