package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/reach"
)

// required are the names that a node needs besides the API server, where they
// are documented for what this cluster is. The API server's own name is asked
// for by its kubelet's configuration.
//
// Source: AKS, "Outbound network and FQDN rules for Azure Kubernetes Service
// (AKS) clusters", "Azure Global required FQDN / application rules". Names that
// are wildcards there cannot be tried. GKE and EKS document no names that every
// cluster needs: theirs depend on private access and on registries.
func required(l *step.Look) []facts.ReachTarget {
	t, err := server(l)
	if err != nil || !strings.HasSuffix(strings.ToLower(t.Host), ".azmk8s.io") {
		return nil
	}
	var out []facts.ReachTarget
	for _, n := range []struct{ host, why string }{
		{"mcr.microsoft.com", "images of the cluster's own components"},
		{"management.azure.com", "Kubernetes operations against the Azure API"},
		{"login.microsoftonline.com", "Microsoft Entra authentication"},
		{"packages.microsoft.com", "cached apt packages"},
		{"packages.aks.azure.com", "binaries such as kubenet and Azure CNI"},
	} {
		out = append(out, facts.ReachTarget{Host: n.host, Port: 443, TLS: true, Why: n.why})
	}
	return out
}

var errNoKubeletTarget = errors.New("the node did not tell how it names the API server")

// fromNode is what a node saw of the API server as its kubelet names it, and
// the whole section.
func fromNode(ctx context.Context, l *step.Look, node string) (*facts.Reached, *facts.Section, error) {
	s, err := l.Section(ctx, node, facts.PartReach)
	if s == nil {
		return nil, nil, err
	}
	for i := range s.Reach {
		if s.Reach[i].Kubelet {
			return &s.Reach[i], s, nil
		}
	}
	if err == nil {
		err = errNoKubeletTarget
	}
	return nil, s, err
}

// failure says what is wrong with a target; "" when nothing is.
func failure(r *facts.Reached) string {
	name := serverText(r.Target)
	switch {
	case r.DNSError != "":
		return name + " does not resolve (DNS): " + r.DNSError
	case r.TCP != facts.TCPOpen:
		return fmt.Sprintf("%s is %s (TCP): %s", name, r.TCP, r.TCPError)
	}
	// With offers of ALPN the handshakes are another step's business.
	if r.Target.ALPN {
		if len(r.Handshakes) > 0 && !slices.ContainsFunc(r.Handshakes, func(h facts.Handshake) bool { return h.Done }) {
			return name + " makes no TLS: " + r.Handshakes[0].Error
		}
		return ""
	}
	for i := range r.Handshakes {
		if !r.Handshakes[i].Done {
			return name + " makes no TLS: " + r.Handshakes[i].Error
		}
	}
	return ""
}

// checkEgress answers whether nodes reach what they need, and this client the
// API server, as far as that is no matter of authorized ranges or of a private
// cluster.
func checkEgress(ctx context.Context, l *step.Look, found func(step.Step)) {
	var wg sync.WaitGroup
	wg.Go(func() { found(egressHere(ctx, l)) })
	for _, n := range chosen(ctx, l) {
		wg.Go(func() { found(egressOf(ctx, l, n)) })
	}
	wg.Wait()
}

func egressHere(ctx context.Context, l *step.Look) step.Step {
	r, err := fromHere(ctx, l)
	if err != nil {
		return unknown(subjectClient, err)
	}
	return judgeHere(r)
}

func judgeHere(r *facts.Reached) step.Step {
	s := step.Step{Subject: subjectClient, Evidence: evidenceHere(r)}
	why := failure(r)
	switch {
	case why == "":
		s.Verdict, s.Summary = step.OK, serverText(r.Target)+" is reached from this client: DNS, TCP and TLS"
		if !r.Target.ALPN {
			s.Summary = serverText(r.Target) + " is reached from this client, without TLS"
		}
		if r.Proxy != "" {
			s.Summary += ", through the proxy " + r.Proxy
		}
	case r.DNSError != "" && privateName(r.Target.Host):
		s.Verdict, s.Summary = step.Unknown, why+"; apiserver.private-cluster says why"
	case r.Proxy == "" && (r.TCP == facts.TCPFiltered || r.TCP == facts.TCPUnreachable && spaceOf(r.Addresses) == private):
		s.Verdict, s.Summary = step.Unknown, why+"; apiserver.authorized-ranges and apiserver.private-cluster say why"
	default:
		s.Verdict, s.Summary = step.Problem, "from this client, "+why
		s.Remedies = againstEgress(r, "this client")
	}
	return s
}

func egressOf(ctx context.Context, l *step.Look, node string) step.Step {
	kubelet, section, err := fromNode(ctx, l, node)
	if section == nil {
		return unknown(nodeSubject(node), err)
	}
	s := step.Step{Subject: nodeSubject(node)}
	var bad []string
	var first *facts.Reached
	var shown []facts.Evidence
	needed := 0
	for i := range section.Reach {
		if section.Reach[i].Target.Why == whyKubelet {
			continue
		}
		needed++
		shown = append(shown, reach.Evidence(&section.Reach[i])...)
		if why := failure(&section.Reach[i]); why != "" {
			bad = append(bad, why)
			if first == nil || section.Reach[i].Kubelet {
				first = &section.Reach[i]
			}
		}
	}
	s.Evidence = told(node, shown)
	switch {
	case len(bad) > 0:
		s.Verdict, s.Summary = step.Problem, "from the node, "+strings.Join(bad, "; ")
		s.Remedies = againstEgress(first, "node "+node)
	case kubelet == nil:
		s.Verdict, s.Summary = step.Unknown, err.Error()
	default:
		s.Verdict = step.OK
		s.Summary = fmt.Sprintf("%s is reached as the kubelet names it", serverText(kubelet.Target))
		if n := needed - 1; n > 0 {
			s.Summary += fmt.Sprintf(", and %d more names that are required", n)
		}
	}
	return s
}

func againstEgress(r *facts.Reached, from string) []runbook.Remedy {
	name := serverText(r.Target)
	list := []runbook.Remedy{}
	if r.DNSError != "" {
		list = append(list, runbook.Remedy{Text: "Have the resolver of " + from + " answer for " + r.Target.Host + ": see which one it asks, and whether that one knows the zone.", Command: "cat /etc/resolv.conf; nslookup " + r.Target.Host})
	} else {
		list = append(list, runbook.Remedy{Text: "Let " + from + " through to " + name + " in firewalls, network security groups, route tables and appliances on the way."})
	}
	return append(list, runbook.Remedy{
		Text:    "On AKS, compare the rules with the names and ports that every cluster needs: Azure's page \"Outbound network and FQDN rules for AKS clusters\".",
		Warning: "A network isolated cluster (outbound type none or block) needs fewer of them.",
	})
}
