package apiserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// access is what a cloud says of who may reach the API server; nil without an
// error when no cloud was asked.
func access(ctx context.Context, l *step.Look) (*cloud.Access, error) {
	if l.Access == nil {
		return nil, nil
	}
	t, err := server(l)
	if err != nil {
		return nil, err
	}
	return step.Once(ctx, l, "apiserver.access", func(ctx context.Context) (*cloud.Access, error) { return l.Access(ctx, t.Host, l.Nodes) })
}

// checkRanges answers whether the API server lets this client's address in. It
// is read from the cloud where that is possible; else it is inferred: packets
// to a public address that nobody answers, while the nodes get through.
func checkRanges(ctx context.Context, l *step.Look, found func(step.Step)) {
	r, err := fromHere(ctx, l)
	if err != nil {
		found(unknown(subjectClient, err))
		return
	}
	allowed, readErr := access(ctx, l)
	nodes := ""
	if r.TCP == facts.TCPFiltered {
		nodes = nodesToo(ctx, l)
	}
	found(judgeRanges(r, allowed, readErr, nodes))
}

// judgeRanges weighs what this client sees, what the cloud says and what the
// nodes see.
func judgeRanges(r *facts.Reached, allowed *cloud.Access, readErr error, nodes string) step.Step {
	evidence := evidenceHere(r)
	s := step.Step{Subject: subjectClient, Evidence: evidence[:min(2, len(evidence))]}
	var set string
	switch {
	case readErr != nil:
		set = "; the ranges themselves could not be read: " + readErr.Error()
	case allowed == nil:
		set = "; the ranges themselves were not read from a cloud"
	case len(allowed.Authorized) == 0:
		set = "; no ranges are set"
	default:
		set = "; allowed are " + strings.Join(allowed.Authorized[:min(len(allowed.Authorized), 8)], ", ")
	}
	if allowed != nil {
		s.Evidence = append(s.Evidence, step.Evidence{
			Command: fmt.Sprintf("az aks show --resource-group %s --name %s --query apiServerAccessProfile.authorizedIpRanges", allowed.Group, allowed.Name),
			Output:  strings.Join(allowed.Authorized, "\n"),
		})
	}
	name := serverText(r.Target)
	where := spaceOf(r.Addresses)
	switch {
	case r.Proxy != "" && r.TCP == facts.TCPOpen:
		s.Verdict, s.Summary = step.OK, "the proxy "+r.Proxy+" is let in to "+name+set
	case r.Proxy != "":
		s.Verdict, s.Summary = step.Unknown, "the proxy "+r.Proxy+" gives no way to "+name+": "+r.TCPError+set
	case r.DNSError != "":
		s.Verdict, s.Summary = step.Unknown, name+" does not resolve here: "+r.DNSError
	case r.TCP == facts.TCPOpen && allowed != nil && len(allowed.Authorized) > 0:
		s.Verdict, s.Summary = step.OK, name+" answers this client"+set
	case r.TCP == facts.TCPOpen:
		s.Verdict, s.Summary = step.OK, name+" answers this client: its address is allowed"+set
	case where == private:
		s.Verdict, s.Summary = step.NotApplicable, name+" lies in private address space, to which authorized ranges do not apply"
	case r.TCP == facts.TCPFiltered && allowed != nil && len(allowed.Authorized) == 0:
		s.Verdict, s.Summary = step.OK, "no authorized ranges are set; that "+name+" does not answer this client has another cause"
	case r.TCP == facts.TCPFiltered:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("%s answers nothing to this client (%s), as when its address is in no authorized range%s%s", name, r.Address, nodes, set)
		s.Remedies = againstRanges(allowed)
	default:
		s.Verdict = step.OK
		s.Summary = fmt.Sprintf("%s is %s from here, which is no matter of authorized ranges: those drop packets in silence", name, r.TCP)
	}
	return s
}

var errNotInferred = errors.New("no node could be asked")

// nodesToo says what the nodes see, when they can be asked: without the API
// server they cannot.
func nodesToo(ctx context.Context, l *step.Look) string {
	if _, err := l.Cluster(ctx); err != nil || len(l.Nodes) == 0 {
		return "; nodes cannot be asked from here, a client elsewhere would tell whether they get through"
	}
	for _, n := range chosen(ctx, l) {
		if r, _, err := fromNode(ctx, l, n); err == nil && r.TCP == facts.TCPOpen {
			return "; node " + n + " gets through"
		}
	}
	return "; " + errNotInferred.Error()
}

func againstRanges(a *cloud.Access) []runbook.Remedy {
	group, cluster, ranges := "GROUP", "CLUSTER", "OLD_RANGES"
	if a != nil {
		group, cluster = a.Group, a.Name
		ranges = strings.Join(a.Authorized, ",")
	}
	return []runbook.Remedy{
		{
			Text: "See which ranges are allowed, and whether the address by which this client goes out is among them.", Command: "az aks show --resource-group " + group + " --name " + cluster + " --query apiServerAccessProfile.authorizedIpRanges",
		},
		{
			Text:    "Add this client's outgoing address to the ranges.",
			Command: "az aks update --resource-group " + group + " --name " + cluster + " --api-server-authorized-ip-ranges " + ranges + ",CLIENT_ADDRESS/32",
			Warning: "The list replaces the one before: leave the others in it. It opens the API server to everybody behind that address.",
		},
		{
			Text:    "On GKE it is the authorized networks that are to be changed.",
			Command: "gcloud container clusters update CLUSTER --enable-master-authorized-networks --master-authorized-networks OLD_RANGES,CLIENT_ADDRESS/32",
			Warning: "The list replaces the one before: leave the others in it.",
		},
		{Text: "If its address is allowed already, look for a firewall or a VPN between this client and the API server that drops packets."},
	}
}
