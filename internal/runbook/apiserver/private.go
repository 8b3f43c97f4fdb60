package apiserver

import (
	"context"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// privateZones are how names of private API servers end.
//
// Source: AKS, "Create a private AKS cluster": privatelink.REGION.azmk8s.io, or
// private.REGION.azmk8s.io.
var privateZones = []string{".privatelink.", ".private."}

// privateName reports whether a name says by itself that it is private.
func privateName(host string) bool {
	for _, zone := range privateZones {
		if i := strings.Index(strings.ToLower(host), zone); i >= 0 && strings.HasSuffix(strings.ToLower(host), ".azmk8s.io") {
			return true
		}
	}
	return false
}

// checkPrivate answers whether this client stands outside of the network of a
// private API server.
func checkPrivate(ctx context.Context, l *step.Look, found func(step.Step)) {
	r, err := fromHere(ctx, l)
	if err != nil {
		found(unknown(subjectClient, err))
		return
	}
	found(judgePrivate(r))
}

func judgePrivate(r *facts.Reached) step.Step {
	s := step.Step{Subject: subjectClient, Evidence: evidenceHere(r)}
	name := serverText(r.Target)
	switch where := spaceOf(r.Addresses); {
	case r.Proxy != "":
		s.Verdict, s.Summary = step.NotApplicable, "this client goes through the proxy "+r.Proxy+", which resolves "+name
	case r.DNSError != "" && privateName(r.Target.Host):
		s.Verdict, s.Summary = step.Problem, name+" is the name of a private cluster, and does not resolve here: "+r.DNSError
		s.Remedies = againstPrivate(r)
	case r.DNSError != "":
		s.Verdict, s.Summary = step.Unknown, name+" does not resolve here, so where it lies is not known: "+r.DNSError
	case where == private && (r.TCP == facts.TCPFiltered || r.TCP == facts.TCPUnreachable):
		s.Verdict, s.Summary = step.Problem, name+" lies in private address space ("+strings.Join(r.Addresses, ", ")+"), to which this client has no way: "+string(r.TCP)
		s.Remedies = againstPrivate(r)
	case where == private:
		s.Verdict, s.Summary = step.OK, name+" lies in private address space, and this client has a way there"
	case where == loopback:
		s.Verdict, s.Summary = step.NotApplicable, name+" is this machine: something here forwards to the API server"
	default:
		s.Verdict, s.Summary = step.NotApplicable, name+" is public"
	}
	return s
}

// againstPrivate: this is how a private cluster is meant to be, so the client
// has to move.
func againstPrivate(r *facts.Reached) []runbook.Remedy {
	list := []runbook.Remedy{
		{Text: "Use a client in a network that has a way to the cluster's subnet: a machine or a VPN in the same or a peered network. That outsiders cannot connect is how a private cluster is meant to be."},
		{
			Text:    "On AKS, run a command from within the cluster's network, without a way there.",
			Command: "az aks command invoke --resource-group GROUP --name CLUSTER --command 'kubectl get nodes'",
			Warning: "It starts a pod in the cluster (namespace aks-command), and needs rights on the cluster in Azure.",
		},
		{Text: "See whether network security groups, firewalls or routes between this network and the cluster's drop the packets."},
	}
	if r.DNSError != "" {
		list = append([]runbook.Remedy{{
			Text:    "Link the cluster's private DNS zone to the network of this client, or have its resolver forward there.",
			Command: "az network private-dns link vnet create --resource-group NODE_GROUP --zone-name ZONE --name LINK --virtual-network NETWORK --registration-enabled false",
			Warning: "It changes how names resolve in that network.",
		}}, list...)
	}
	return list
}
