package connectivity

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// nearlyFull is the share of gc_thresh3 from which there is no room to speak of:
// the kernel refuses entries at the limit, and a burst of pods needs dozens.
const nearlyFull = 0.9

// young is the age under which a pod may not have been heard of yet.
const young = time.Minute

// judgeNeighbours answers whether running pods answer to the node, and whether
// the table has room.
func judgeNeighbours(_ context.Context, v *view, found func(step.Step)) {
	if v.s.Network == nil {
		found(v.step(step.Unknown, "the node told nothing of its network"))
		return
	}
	n := &v.s.Network.Neighbours
	evidence := []step.Evidence{arp(n), thresholds(n)}
	for i := range n.Bad {
		b := &n.Bad[i]
		p := v.byAddress(b.IP)
		if p == nil || !p.Running || v.look.Now().Sub(p.Started) < young {
			continue // the address of a pod that is gone is forgotten in time
		}
		found(step.Step{
			Subject: p.subject(), Verdict: step.Problem, Evidence: evidence,
			Summary: fmt.Sprintf("the node does not learn the hardware address of %s: the entry on %s is %s, so that nothing reaches the pod from here", b.IP, b.Link, b.State),
			Remedies: []runbook.Remedy{
				{Text: "See the entry change while the pod is asked.", Command: "ip neigh show dev " + b.Link + " " + b.IP},
				{Text: "Have the pod wired anew.", Command: "kubectl delete pod -n " + p.Namespace + " " + p.Name, Warning: "It ends the pod; only what a controller made comes back."},
			},
		})
	}
	s := v.step(step.OK, fmt.Sprintf("addresses of pods that were learned: %d", n.Learned))
	s.Evidence = evidence
	switch {
	case n.Full > 0 || n.Max > 0 && float64(n.Entries) >= nearlyFull*float64(n.Max):
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("the neighbour table is full: %d of %d entries", n.Entries, n.Max)
		if n.Full > 0 {
			s.Summary += fmt.Sprintf(", and %d found no room %s", n.Full, window(v.s.Network.Millis))
		}
		s.Remedies = []runbook.Remedy{{
			Text: "Give the table room for every pod and node of the cluster.", Command: fmt.Sprintf("sudo sysctl -w net.ipv4.neigh.default.gc_thresh3=%d", 4*max(n.Max, 1024)),
			Warning: supported + " A DaemonSet of your own, or the node pool's own configuration, sets it on new nodes as well.",
		}}
	case n.Max == 0:
		s.Summary += "; how many there is room for could not be read"
	default:
		s.Summary += fmt.Sprintf("; the table holds %d of %d entries", n.Entries, n.Max)
	}
	found(s)
}

// byAddress finds the pod that has an address; nil on the node's own network.
func (v *view) byAddress(text string) *pod {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	for i := range v.pods {
		if !v.pods[i].HostNetwork && slices.Contains(v.pods[i].IPs, ip) {
			return &v.pods[i]
		}
	}
	return nil
}

// arp writes the entries that do not answer as arp(8) does.
func arp(n *facts.Neighbours) step.Evidence {
	lines := make([]string, 0, len(n.Bad)+1)
	for _, b := range n.Bad {
		lines = append(lines, fmt.Sprintf("? (%s) at <incomplete> on %s [%s]", b.IP, b.Link, b.State))
	}
	lines = append(lines, fmt.Sprintf("(%d learned)", n.Learned))
	return step.Evidence{Command: "arp -an", Output: most(lines)}
}

func thresholds(n *facts.Neighbours) step.Evidence {
	e := step.Evidence{Command: "sysctl net.ipv4.neigh.default.gc_thresh3", Output: fmt.Sprintf("net.ipv4.neigh.default.gc_thresh3 = %d", n.Max)}
	if n.Max == 0 {
		e.Output = "not shown in this network namespace"
	}
	return e
}
