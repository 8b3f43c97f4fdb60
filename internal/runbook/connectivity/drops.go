package connectivity

import (
	"context"
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// When loss counts. A handful of packets is noise: one full queue in a burst
// drops some. A share of 1 % halves what TCP reaches over a round trip of a few
// milliseconds (its rate goes with the inverse root of the loss), while a network
// inside a data centre loses less than a thousandth; segments sent again also
// come from reordering, so that their share has to be larger. Attempts to
// connect that are sent again are left out: a destination that is dead, or a
// lack of SNAT ports, makes them, and no wire. A processor's backlog is of the
// whole machine, and a burst may overrun it.
const (
	leastDrops    = 10
	dropShare     = 0.01
	leastRetrans  = 10
	retransShare  = 0.05
	leastBacklogs = 100
)

// lossy reports what a pod's interface loses beyond noise; "" for none.
func lossy(p *facts.PodLink) string {
	var out []string
	if lost := p.Dropped + p.Errors; lost >= leastDrops && float64(lost) >= dropShare*float64(p.Packets+lost) {
		out = append(out, fmt.Sprintf("%d of %d packets were dropped (%s)", lost, p.Packets+lost, percent(lost, p.Packets+lost)))
	}
	if again := data(p); again >= leastRetrans && float64(again) >= retransShare*float64(p.OutSegs) {
		out = append(out, fmt.Sprintf("%d of %d TCP segments were sent again (%s)", again, p.OutSegs, percent(again, p.OutSegs)))
	}
	return strings.Join(out, ", and ")
}

// data are the segments sent again that carried something.
func data(p *facts.PodLink) uint64 {
	if p.SynRetrans > p.Retrans {
		return 0
	}
	return p.Retrans - p.SynRetrans
}

// judgeDrops answers whether pods' interfaces lose packets now.
func judgeDrops(_ context.Context, v *view, found func(step.Step)) {
	n := v.s.Network
	switch {
	case n == nil:
		found(v.step(step.Unknown, "the node told nothing of its network"))
		return
	case n.Millis == 0:
		found(v.step(step.Unknown, "the counters were read once only, so that what is lost now is not known"))
		return
	case len(n.Pods) == 0 && n.Hidden > 0:
		found(v.step(step.Unknown, "the network namespaces of the pods could not be entered"))
		return
	}
	lost := 0
	for i := range n.Pods {
		p := &n.Pods[i]
		what := lossy(p)
		if what == "" {
			if p.Dropped+p.Errors+data(p) > 0 {
				lost++
			}
			continue
		}
		s := step.Step{Subject: v.name(p.PodUID), Verdict: step.Problem, Summary: fmt.Sprintf("%s %s", what, window(n.Millis)), Evidence: []step.Evidence{counters(p, n.Millis), segments(p, n.Millis)}}
		s.Remedies = []runbook.Remedy{
			{Text: "See in which direction packets are lost.", Command: "ip -s link show " + either(p.Outer.Name, p.Inner.Name), Warning: "On the node, as root."},
			{Text: "Watch the packets themselves.", Command: captureCommand(v, p)},
			{Text: "Where large packets alone are lost, compare the MTUs: see the step on MTU."},
		}
		found(s)
	}
	s := v.step(step.OK, fmt.Sprintf("%s, %s: none loses more than noise", interfaces(n), window(n.Millis)))
	switch {
	case n.SoftnetDropped >= leastBacklogs:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("%d packets found no room in a processor's backlog %s: the node's processors do not keep up with its network", n.SoftnetDropped, window(n.Millis))
		s.Remedies = []runbook.Remedy{
			{Text: "Make the backlog larger.", Command: "sudo sysctl -w net.core.netdev_max_backlog=5000", Warning: supported + " It helps against bursts; against a load that lasts, move pods away or take larger nodes."},
		}
	case len(n.Pods) == 0:
		s = v.step(step.NotApplicable, "no pod with a network of its own runs here")
	case lost > 0:
		s.Summary = fmt.Sprintf("%s, %s: %d lose a little, within noise", interfaces(n), window(n.Millis), lost)
	}
	s.Evidence = overview(n)
	found(s)
}

func interfaces(n *facts.Network) string {
	if len(n.Pods) == 1 {
		return "1 interface of a pod"
	}
	return fmt.Sprintf("%d interfaces of pods", len(n.Pods))
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// captureCommand is snattop's own capture of a pod.
func captureCommand(v *view, p *facts.PodLink) string {
	if q := byCgroup(v.pods, p.PodUID); q != nil {
		return "snattop capture -n " + q.Namespace + " --pod " + q.Name
	}
	return "snattop capture --node " + v.node.Name
}

func counters(p *facts.PodLink, millis int64) step.Evidence {
	return step.Evidence{
		Command: "ip -s link show " + either(p.Outer.Name, p.Inner.Name),
		Output:  fmt.Sprintf("%s, both ends, both directions, %s: packets %d, errors %d, dropped %d", either(p.Outer.Name, p.Inner.Name), window(millis), p.Packets, p.Errors, p.Dropped),
	}
}

func segments(p *facts.PodLink, millis int64) step.Evidence {
	return step.Evidence{
		Command: "netstat -s -t   # in the pod's network namespace, twice",
		Output:  fmt.Sprintf("%s: %d segments sent out, %d segments retransmitted, TCPSynRetrans %d", window(millis), p.OutSegs, p.Retrans, p.SynRetrans),
	}
}

// overview is the worst of a node, for an answer that all is well.
func overview(n *facts.Network) []step.Evidence {
	lines := make([]string, 0, len(n.Pods))
	for i := range n.Pods {
		p := &n.Pods[i]
		lines = append(lines, fmt.Sprintf("%-16s packets %d errors %d dropped %d; segments %d, sent again %d (SYN %d)", either(p.Outer.Name, p.Inner.Name), p.Packets, p.Errors, p.Dropped, p.OutSegs, p.Retrans, p.SynRetrans))
	}
	return []step.Evidence{
		{Command: "ip -s link; netstat -s -t   # twice, " + window(n.Millis), Output: most(lines)},
		{Command: "awk '{print $2}' /proc/net/softnet_stat", Output: fmt.Sprintf("%s: %d more, over all processors", window(n.Millis), n.SoftnetDropped)},
	}
}
