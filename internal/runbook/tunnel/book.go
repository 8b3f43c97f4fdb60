// Package tunnel is the runbook for a cluster whose logs, exec and port-forward
// fail while its API server answers: the tunnel between control plane and
// nodes, and what blocks it.
package tunnel

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Book is the runbook. Source of its causes and their order: AKS, "Tunnel
// connectivity issues".
func Book() step.Book {
	return step.Book{
		Name: "tunnel",
		Ask:  ask,
		Checks: []step.Check{
			{ID: "tunnel.symptom", Title: "The API server reaches the kubelets", Run: symptom},
			{ID: "tunnel.agents", Title: "The tunnel's agents run", Run: agents.Check},
			{ID: "tunnel.port-10250", Title: "Agents reach port 10250 of every node", Run: port},
			{ID: "tunnel.ufw", Title: "UFW lets port 10250 in", Run: ufw},
			{ID: "tunnel.iptables", Title: "No rule keeps port 10250 shut", Run: firewall},
			{ID: "tunnel.egress-ports", Title: "Agents get out to the control plane", Run: egress},
			{ID: "tunnel.snat", Title: "Agents' nodes have SNAT ports", Run: ports},
		},
	}
}

// mostSources bounds the nodes that connect to all others: agents may run on
// every node, and a few of them tell enough.
const mostSources = 4

// ask has every node tell of its firewall, and the agents' nodes connect to
// the kubelets and to the control plane.
func ask(ctx context.Context, l *step.Look, node inventory.Node) facts.Ask {
	a := facts.Ask{Parts: []facts.Part{facts.PartFirewall}}
	f, err := agents.Find(ctx, l)
	if err != nil {
		return a
	}
	from := sources(l, f)
	if slices.Contains(from, node.Name) {
		a.Dials = append(a.Dials, kubelets(l)...)
	}
	if slices.Contains(from, node.Name) || slices.Contains(f.Nodes(), node.Name) {
		a.Dials = append(a.Dials, exits(l, f, node.Name)...)
	}
	if len(a.Dials) > 0 {
		a.Parts = append(a.Parts, facts.PartDials)
	}
	a.Dials = a.Dials[:min(len(a.Dials), facts.MaxDials)]
	return a
}

// sources are the nodes from which kubelets are dialled: those of the agents,
// or in their stead the first that are ready when agents are wanted and have no
// place. None where there is no tunnel.
func sources(l *step.Look, f *agents.Found) []string {
	var out []string
	for _, name := range f.Nodes() {
		if n, ok := l.Node(name); ok && n.Ready {
			out = append(out, name)
		}
	}
	if len(f.Agents) == 0 && tunnelled(f) {
		for _, n := range l.Nodes {
			if n.Ready && (n.OS == "linux" || n.OS == "") {
				out = append(out, n.Name)
			}
		}
		return out[:min(len(out), 2)]
	}
	return out[:min(len(out), mostSources)]
}

// tunnelled reports whether the cluster has a tunnel, though perhaps no agent.
func tunnelled(f *agents.Found) bool { return len(f.Agents)+len(f.Idle)+len(f.Wanting) > 0 }

// kubelets are the addresses of all kubelets.
func kubelets(l *step.Look) []facts.Dial {
	var out []facts.Dial
	for _, n := range l.Nodes {
		if d, ok := kubeletOf(n); ok {
			out = append(out, d)
		}
	}
	return out
}

func kubeletOf(n inventory.Node) (facts.Dial, bool) {
	a, err := netip.ParseAddr(n.InternalIP)
	if err != nil {
		return facts.Dial{}, false
	}
	return facts.Dial{Network: "tcp", Address: netip.AddrPortFrom(a, facts.KubeletPort).String()}, true
}

// exits are where the agents of a node connect to; all agents' where it has
// none, and the API server's own name where that can be a node's as well.
func exits(l *step.Look, f *agents.Found, node string) []facts.Dial {
	list := f.On(node)
	if len(list) == 0 {
		list = f.Agents
	}
	var out []facts.Dial
	add := func(network, host string, port uint16) {
		d := facts.Dial{Network: network, Address: net.JoinHostPort(host, strconv.Itoa(int(port)))}
		if host != "" && port != 0 && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	host, port := server(l)
	add("tcp", host, port)
	for i := range list {
		a := &list[i]
		to := a.Host
		if to == "" {
			to = host
		}
		add(network(a.Kind), to, a.Port)
	}
	return out
}

// network is what an agent speaks to the control plane.
func network(k agents.Kind) string {
	if k == agents.AKSLink {
		return "udp"
	}
	return "tcp"
}

// server is the API server's name and port as this client has them; "" when
// they lead to this machine, where a forwarder stands for it.
func server(l *step.Look) (host string, port uint16) {
	if l.API == nil {
		return "", 0
	}
	u, err := url.Parse(l.API.Server)
	if err != nil {
		return "", 0
	}
	host = u.Hostname()
	if a, err := netip.ParseAddr(host); host == "localhost" || err == nil && a.IsLoopback() {
		return "", 0
	}
	n, err := strconv.ParseUint(orElse(u.Port(), "443"), 10, 16)
	if err != nil {
		return "", 0
	}
	return host, uint16(n)
}

// subject names a node as a step does.
func subject(node string) string { return "node/" + node }

// failed is an answer about something that could not be seen.
func failed(on string, err error) step.Step {
	return step.Step{Subject: on, Verdict: step.Unknown, Summary: err.Error()}
}

// evidence takes over what a node told.
func evidence(s *facts.Section) []step.Evidence {
	if s == nil {
		return nil
	}
	out := make([]step.Evidence, 0, len(s.Evidence))
	for _, e := range s.Evidence {
		out = append(out, step.Evidence{Command: e.Command, Output: e.Output})
	}
	return out
}
