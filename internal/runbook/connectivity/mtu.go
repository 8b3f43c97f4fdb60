package connectivity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// judgeMTU answers whether pods send packets that are larger than what carries
// them. Of a bridge's own MTU nothing is said: the kernel keeps it at that of its
// smallest port.
func judgeMTU(ctx context.Context, v *view, found func(step.Step)) {
	n := v.s.Network
	if n == nil {
		found(v.step(step.Unknown, "the node told nothing of its network"))
		return
	}
	if len(n.Pods) == 0 {
		s := v.step(step.NotApplicable, "no pod with a network of its own runs here")
		if n.Hidden > 0 {
			s = v.step(step.Unknown, "the network namespaces of the pods could not be entered")
		}
		found(s)
		return
	}
	var paths []facts.Path
	ps, err := v.look.Section(ctx, v.node.Name, facts.PartPaths)
	pathless := ""
	if err != nil {
		pathless = err.Error()
	} else {
		paths = ps.Paths
	}
	evidence := []step.Evidence{mtus(n)}
	if e := pings(paths); e.Output != "" {
		evidence = append(evidence, e)
	}
	usual, over := usualMTU(n.Pods), 0
	for i := range n.Pods {
		p := &n.Pods[i]
		why := ""
		switch {
		case p.Outer.Name != "" && p.Inner.MTU != p.Outer.MTU:
			why = fmt.Sprintf("the ends of its interface differ: %s in the pod takes %d bytes, %s on the node %d, so that larger packets are dropped on the way", p.Inner.Name, p.Inner.MTU, p.Outer.Name, p.Outer.MTU)
		case p.Inner.MTU > usual && n.Uplink.MTU > 0 && p.Inner.MTU > n.Uplink.MTU:
			why = fmt.Sprintf("%s in the pod takes %d bytes, and %s, by which the node's packets leave, %d", p.Inner.Name, p.Inner.MTU, n.Uplink.Name, n.Uplink.MTU)
		}
		if why == "" {
			over = max(over, p.Inner.MTU)
			continue
		}
		found(step.Step{
			Subject: v.name(p.PodUID), Verdict: step.Problem, Summary: why, Evidence: evidence,
			Remedies: fitPod(v, p, usual),
		})
	}
	s := v.step(step.OK, fmt.Sprintf("pods send up to %d bytes at once", usual))
	s.Evidence = evidence
	limit, name := narrowest(n, paths)
	switch {
	case limit > 0 && over > limit:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("pods send up to %d bytes at once, and %s carries %d: large packets are lost or cut, while small ones and handshakes pass", over, name, limit)
		s.Remedies = []runbook.Remedy{{
			Text:    fmt.Sprintf("Set the pods' MTU to at most %d in the CNI's own configuration, and have the pods made anew.", limit),
			Command: "grep -n mtu /etc/cni/net.d/*", Warning: supported + " On GKE the MTU is that of the VPC network; overlays need room for their own headers.",
		}}
	case limit > 0:
		s.Summary += fmt.Sprintf("; %s carries %d", name, limit)
	}
	if s.Verdict == step.OK && !answered(paths) {
		s.Summary += "; the way to other nodes was not measured: " + either(pathless, silence(paths))
	}
	found(s)
}

// usualMTU is that of most pods.
func usualMTU(pods []facts.PodLink) int {
	times := map[int]int{}
	best := 0
	for i := range pods {
		m := pods[i].Inner.MTU
		times[m]++
		if times[m] > times[best] || times[m] == times[best] && m < best {
			best = m
		}
	}
	return best
}

// narrowest is the smallest of what carries pods' packets to other nodes, and
// its name; 0 when nothing is known.
func narrowest(n *facts.Network, paths []facts.Path) (limit int, name string) {
	take := func(mtu int, what string) {
		if mtu > 0 && (limit == 0 || mtu < limit) {
			limit, name = mtu, what
		}
	}
	take(n.Uplink.MTU, n.Uplink.Name)
	for _, t := range n.Tunnels {
		take(t.MTU, "the overlay's "+t.Name)
	}
	for _, p := range paths {
		if p.Passed > 0 && p.Passed < p.Sent {
			take(p.Passed, "the way to "+p.To)
		}
	}
	return limit, name
}

// answered reports whether any way was measured.
func answered(paths []facts.Path) bool {
	return slices.ContainsFunc(paths, func(p facts.Path) bool { return p.Passed > 0 })
}

// silence says why none was.
func silence(paths []facts.Path) string {
	for _, p := range paths {
		if p.Error != "" {
			return p.Error
		}
	}
	if len(paths) == 0 {
		return "there is no other node"
	}
	return "no other node answers echo requests"
}

func fitPod(v *view, p *facts.PodLink, usual int) []runbook.Remedy {
	var out []runbook.Remedy
	if p.Outer.Name != "" && p.Inner.MTU != p.Outer.MTU {
		out = append(out, runbook.Remedy{Text: "Give both ends the same MTU.", Command: fmt.Sprintf("sudo ip link set %s mtu %d", p.Outer.Name, min(p.Inner.MTU, max(usual, p.Outer.MTU))), Warning: supported})
	}
	r := runbook.Remedy{Text: "Have the pod wired anew by the CNI.", Warning: "It ends the pod; only what a controller made comes back."}
	if q := byCgroup(v.pods, p.PodUID); q != nil {
		r.Command = "kubectl delete pod -n " + q.Namespace + " " + q.Name
	}
	return append(out, r)
}

// mtus writes what ip(8) says of the interfaces, those that differ first.
func mtus(n *facts.Network) step.Evidence {
	lines := make([]string, 0, len(n.Pods)+len(n.Tunnels)+1)
	if n.Uplink.Name != "" {
		lines = append(lines, fmt.Sprintf("%s mtu %d (default route)", n.Uplink.Name, n.Uplink.MTU))
	}
	for _, t := range n.Tunnels {
		lines = append(lines, fmt.Sprintf("%s mtu %d (overlay)", t.Name, t.MTU))
	}
	for i := range n.Pods {
		p := &n.Pods[i]
		line := fmt.Sprintf("%s mtu %d in the pod", p.Inner.Name, p.Inner.MTU)
		if p.Outer.Name != "" {
			line = fmt.Sprintf("%s mtu %d, %s", p.Outer.Name, p.Outer.MTU, line)
		}
		if p.Master != "" {
			line += ", on " + p.Master
		}
		lines = append(lines, line)
	}
	return step.Evidence{Command: "ip link   # on the node and in each pod", Output: most(lines)}
}

// pings writes what ping(8) would have found with "don't fragment".
func pings(paths []facts.Path) step.Evidence {
	var lines []string
	for _, p := range paths {
		switch {
		case p.Error != "":
			lines = append(lines, p.To+": "+p.Error)
		case p.Passed == 0:
			lines = append(lines, fmt.Sprintf("%s: no answer to any size up to %d bytes", p.To, p.Sent))
		default:
			lines = append(lines, fmt.Sprintf("%s: %d bytes answered, of %d sent at most", p.To, p.Passed, p.Sent))
		}
	}
	return step.Evidence{Command: "ping -M do -c 1 -s SIZE NODE   # SIZE is 28 less than the packet", Output: strings.Join(lines, "\n")}
}
