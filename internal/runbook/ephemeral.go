package runbook

import (
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// usedUp is the share of a namespace's local ports from which a destination
// has used them up. The kernel looks for a free one by chance and may give up
// a little before the last.
const usedUp = 0.97

// crowd is what one network namespace has towards one destination.
type crowd struct {
	owner   *session.Owner
	dest    *session.Dest
	sockets int
	ports   int
	noPort  float64
}

// ephemeral answers for local ports that are used up inside a pod's own network
// namespace: the connection fails before it leaves the pod.
func (s *scene) ephemeral() Answer {
	var worst, refused *crowd
	unknown := false
	for _, c := range s.crowds() {
		if c.noPort > 0 && (refused == nil || c.noPort > refused.noPort) {
			refused = c
		}
		if c.ports <= 0 {
			unknown = unknown || c.sockets >= s.worth()
			continue
		}
		if worst == nil || c.use() > worst.use() {
			worst = c
		}
	}
	tells := s.n.Trouble != nil && s.n.Counting()
	switch {
	case refused != nil && tells:
		return s.usedUp(refused, High)
	case worst != nil && worst.use() >= usedUp:
		return s.usedUp(worst, Medium)
	case tells:
		return Answer{State: RuledOut, Summary: "no attempt failed for want of a local port" + s.roomiest(worst)}
	case worst != nil && !unknown:
		return Answer{State: RuledOut, Summary: "there are local ports left" + s.roomiest(worst)}
	default:
		return Answer{State: CouldNotSee, Summary: sentence("attempts without a local port are not seen by %s, nor how many local ports there are", collectorName(s.n.Collector))}
	}
}

func (c *crowd) use() float64 { return float64(c.sockets) / float64(max(c.ports, 1)) }

// roomiest says how near anybody comes.
func (*scene) roomiest(worst *crowd) string {
	if worst == nil {
		return ""
	}
	return sentence("; the most: %s of %s by %s to %s", num(worst.sockets), num(worst.ports), whose(worst.owner), destTitle(worst.dest))
}

// crowds lists what each namespace has towards each destination. Those of the
// host's network share one.
func (s *scene) crowds() []*crowd {
	var out []*crowd
	host := make(map[snat.Dest]*crowd)
	for _, t := range s.tenants {
		for _, d := range t.Dests() {
			if d == nil || d.Protocol != snat.TCP {
				continue
			}
			c := &crowd{owner: t.Owner, dest: d, sockets: d.Open() + d.SynSent + d.TimeWait, ports: t.LocalPorts}
			if d.Trouble != nil {
				c.noPort = rate(d.Trouble.NoPort)
			}
			if !t.HostNetwork {
				out = append(out, c)
				continue
			}
			if first := host[d.Dest]; first != nil {
				first.sockets += c.sockets
				first.noPort += c.noPort
				first.ports = max(first.ports, c.ports)
				continue
			}
			host[d.Dest] = c
			out = append(out, c)
		}
	}
	return out
}

// usedUp is the answer about a namespace without local ports.
func (s *scene) usedUp(c *crowd, sure Confidence) Answer {
	a := Answer{
		State: Found, Confidence: sure, Subject: whose(c.owner), Owners: []Subject{subject(c.owner, held(c.dest))}, Dest: c.dest.Dest,
		Summary: sentence("%s has used up its own local ports towards %s: it fails before anything leaves the pod", whose(c.owner), destTitle(c.dest)),
	}
	if c.noPort > 0 {
		a.Evidence = append(a.Evidence, Evidence{Text: sentence("%s attempts a second find no local port", perSecond(c.noPort)), Basis: Counted})
	}
	e := Evidence{
		Text: sentence("%s sockets, those in TIME_WAIT among them, hold a local port towards %s", num(c.sockets), destTitle(c.dest)), Basis: Counted,
		Command: inside(c.owner, c.dest) + "ss -Htan dst " + address(c.dest) + " | wc -l", Output: num(c.sockets),
	}
	a.Evidence = append(a.Evidence, e)
	if c.ports > 0 {
		a.Evidence = append(a.Evidence, Evidence{
			Text: sentence("its network namespace has %s", plural(c.ports, "local port")), Basis: Counted,
			Command: inside(c.owner, c.dest) + "sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports", Output: sentence("%s between both ends, without those reserved", num(c.ports)),
		})
	}
	return a
}
