package runbook

import (
	"slices"

	"github.com/snattop/snattop/internal/snat"
)

// maxRemedies bounds what is advised: more is not read.
const maxRemedies = 7

// remedies is what to do about a found cause, what mends it first, what buys
// time after.
func (s *scene) remedies(a *Answer) []Remedy {
	var list []Remedy
	switch a.Cause {
	case NoPooling:
		list = s.againstChurn(a)
	case Leak:
		list = s.againstLeak(a)
	case HotDestination:
		list = s.againstHeat(a)
	case BudgetTooSmall:
		list = s.againstSmall(a)
	case AllocationHalved:
		list = s.againstCut()
	case ConntrackFull:
		list = s.againstFullTable()
	case DeadDestination:
		list = s.againstSilence(a)
	case DNS:
		list = s.againstDeafness()
	case EphemeralPorts:
		list = s.againstNarrow(a)
	default:
	}
	if slices.ContainsFunc(a.Owners, func(o Subject) bool { return o.Batch }) && a.Cause.SNAT() {
		list = append(list, Remedy{
			Text:    "A job's pod is among them: look again while it runs.",
			Command: "snattop report --until-busy --node " + Quote(s.n.Name),
		})
	}
	return list[:min(len(list), maxRemedies)]
}

// restart is the quick way out of a leak.
func (s *scene) restart(t *tenant) (Remedy, bool) {
	if t == nil || t.Namespace == "" || t.Workload.Name == "" {
		return Remedy{}, false
	}
	switch t.Workload.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return Remedy{}, false
	}
	return Remedy{
		Text:    "To have the ports back before that is mended, restart " + whose(t.Owner) + ".",
		Command: Kubectl(s.pic) + " rollout restart -n " + Quote(t.Namespace) + " " + Quote(t.Workload.String()),
		Warning: sentence("It ends every connection of these pods; closed by FIN, a port is free after %s.", span(s.timers.FIN)),
	}, true
}

func (s *scene) againstLeak(a *Answer) []Remedy {
	t, l := s.main(a), unknownLanguage
	if t != nil {
		l = t.spoken()
	}
	list := []Remedy{
		{Text: sentence("Give back what %s opens: %s.", a.Subject, l.end())},
		{Text: sentence("Let it keep a bounded pool and use it again: %s.", l.reuse())},
	}
	if r, ok := s.restart(t); ok {
		list = append(list, r)
	}
	if r, ok := s.sooner(t); ok {
		list = append(list, r)
	}
	return append(list, s.untilThen(s.more(s.need()))...)
}

// shortestIdle is the shortest idle timeout that can be set, in minutes, with
// a balancer that allows for one.
const shortestIdle = snat.IdleMinutesMin

// sooner lets the balancer take leaked connections back earlier, where they
// are silent.
func (s *scene) sooner(t *tenant) (Remedy, bool) {
	if t == nil || t.Silent == nil || t.Silent.Sum() < s.worth() || s.timers.Idle.Minutes() <= shortestIdle {
		return Remedy{}, false
	}
	var c snat.Command
	var err error
	switch s.pic.Cluster.Provider {
	case snat.ProviderAzureLB:
		c, err = snat.CommandIdleTimeout(s.commandTarget(), shortestIdle)
	case snat.ProviderAzureNATGW:
		c, err = snat.CommandNATGatewayIdleTimeout(s.commandTarget(), shortestIdle)
	default:
		return Remedy{}, false
	}
	if err != nil {
		return Remedy{}, false
	}
	r := remedyOf(c)
	r.Text = sentence("Until then: %s It is %s now, and %s of its connections are silent.", c.Text, span(s.timers.Idle), num(t.Silent.Sum()))
	return r, true
}

func (s *scene) againstChurn(a *Answer) []Remedy {
	l := unknownLanguage
	if t := s.main(a); t != nil {
		l = t.spoken()
	}
	list := []Remedy{
		{Text: sentence("Reuse connections in %s: %s.", a.Subject, l.reuse())},
		{Text: sentence("Keep them for longer than the pause between two requests, on both sides: each close holds its port for another %s.", span(s.timers.FIN))},
		s.offTheBalancer(a.Dest),
	}
	return append(list, s.untilThen(s.more(s.need()))...)
}

func (s *scene) againstHeat(a *Answer) []Remedy {
	l := unknownLanguage
	if t := s.main(a); t != nil {
		l = t.spoken()
	}
	list := []Remedy{
		s.offTheBalancer(a.Dest),
		{Text: "Spread the connections over more addresses or ports of that service: towards each the same ports serve again."},
		{Text: sentence("Use fewer connections for the same work: several requests at a time over one (HTTP/2, gRPC, a pooler before a database), smaller pools. %s.", l.reuse())},
		{Text: "Spread the pods that use it over more nodes: each node has ports of its own."},
	}
	if s.n.Budget.Shared {
		list = list[:3]
	}
	return append(list, s.untilThen(s.more(s.need()))...)
}

func (s *scene) againstSmall(a *Answer) []Remedy {
	if a.Dest.Protocol == snat.UDP {
		return []Remedy{
			s.offTheBalancer(a.Dest),
			{Text: "Send from one socket for many questions, over TCP where the protocol allows it, or ask a cache on the node: each UDP flow holds a port until it has been silent for " + span(s.timers.UDP) + "."},
		}
	}
	return append(s.more(s.need()), s.offTheBalancer(a.Dest))
}

// offTheBalancer avoids source NAT altogether.
func (s *scene) offTheBalancer(d snat.Dest) Remedy {
	what := "the destination"
	if d.IP.IsValid() {
		what = d.IP.String()
	}
	return Remedy{Text: sentence("If %s is a service of the same cloud, reach it by a private endpoint: then it takes no SNAT port at all.", what)}
}

// untilThen says of remedies that they buy time only.
func (s *scene) untilThen(list []Remedy) []Remedy {
	for i := range list {
		if list[i].Command != "" {
			list[i].Text = "Until then: " + list[i].Text
		}
	}
	return list
}

func (s *scene) againstFullTable() []Remedy {
	list := []Remedy{
		{
			Text: "See who opened the entries: a scanner, a flood of DNS questions, or connections that are never closed.", Command: "conntrack -L -o extended 2>/dev/null | awk '{for(i=1;i<=NF;i++)if($i~/^src=/){print $i;break}}' | sort | uniq -c | sort -rn | head",
			Warning: "On the node, as root. Reading a large table takes processor time.",
		},
		{Text: "Reuse connections in what opens the most of them: closed ones stay in the table for up to two minutes."},
		{Text: "A DNS cache on each node (NodeLocal DNSCache) keeps questions out of the table."},
	}
	if c := s.n.Conntrack; c != nil && c.Max > 0 && c.Max < 1<<40 {
		list = slices.Insert(list, 1, Remedy{
			Text:    sentence("Make the table larger: twice the %s entries of now.", num(c.Max)),
			Command: sentence("sysctl -w net.netfilter.nf_conntrack_max=%d", 2*c.Max),
			Warning: "On the node, as root; each entry takes memory of the kernel, and a new node begins with the old size: set it in the node pool's own configuration as well.",
		})
	}
	return list
}

func (s *scene) againstSilence(a *Answer) []Remedy {
	ip, port := "ADDRESS", a.Dest.Port
	if a.Dest.IP.IsValid() {
		ip = Quote(a.Dest.IP.WithZone("").String())
	}
	list := []Remedy{{
		Text:    "Try it from a machine outside of the cluster as well: if it answers there, something on the way drops it.",
		Command: sentence("nc -vz -w 5 %s %d", ip, port),
	}}
	if t := s.main(a); t != nil && t.Name != "" && t.Namespace != "" {
		list = append(list, Remedy{
			Text:    "Look for a policy in the cluster that forbids it, then at the firewall, the security groups and the routes beyond.",
			Command: Kubectl(s.pic) + " get networkpolicies -n " + Quote(t.Namespace),
		})
	} else {
		list = append(list, Remedy{Text: "Look at the firewall, the security groups and the routes on the way."})
	}
	return append(list, Remedy{Text: "Have the program give up sooner and wait longer between attempts: each attempt may hold a port while it waits."})
}

func (s *scene) againstDeafness() []Remedy {
	k := Kubectl(s.pic)
	return []Remedy{
		{Text: "See whether the cluster's name servers run, and where.", Command: k + " get pods -n kube-system -l k8s-app=kube-dns -o wide"},
		{Text: "Read what they say of the resolvers behind them.", Command: k + " logs -n kube-system -l k8s-app=kube-dns --tail=50"},
		{Text: "If the resolver is outside of the cluster, see whether a firewall or its own limit keeps it from answering; UDP and TCP to port 53 must both pass."},
		{Text: "A DNS cache on each node (NodeLocal DNSCache) asks less, and over TCP."},
	}
}

func (s *scene) againstNarrow(a *Answer) []Remedy {
	l := unknownLanguage
	if t := s.main(a); t != nil {
		l = t.spoken()
	}
	return []Remedy{
		{Text: sentence("Reuse connections in %s: %s.", a.Subject, l.reuse())},
		{Text: "Give the pod all local ports: securityContext.sysctls, which is among the safe ones.", Command: `{"name":"net.ipv4.ip_local_port_range","value":"1024 65535"}`, Warning: "A fragment of the pod's specification; it restarts the pods. Ports above 1024 on which the pod listens must be left out."},
		{Text: "Spread the connections over more addresses or ports of that service, or over more pods: each has its own local ports."},
	}
}
