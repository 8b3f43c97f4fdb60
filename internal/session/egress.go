package session

import (
	"net/netip"
	"strings"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// egress says how a node's connections leave it, other than by what an address
// alone tells.
type egress struct {
	// public4 and public6 mean that the node has a public address of its own,
	// by which its connections leave.
	public4, public6 bool
}

func egressOf(n inventory.Node) egress {
	var e egress
	for _, text := range n.ExternalIPs {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		if ip.Unmap().Is4() {
			e.public4 = true
		} else {
			e.public6 = true
		}
	}
	return e
}

// class says whether a destination of an owner uses a port of the balancer,
// and where it really leads when it is a Service's own address: kube-proxy
// rewrites those, so that a socket shows a private address while its packets
// go to a public one.
//
// mixed means that it leads to private addresses as well, so that not even one
// connection to a public one is sure.
func (s *Session) class(n *node, h *holder, d snat.Dest) (c snat.Class, behind []netip.AddrPort, mixed bool) {
	c = s.classes.Classify(d.IP)
	if !c.Eligible {
		all := s.names.behind(d)
		for _, ep := range all {
			if s.classes.Classify(ep.Addr()).Eligible {
				behind = append(behind, ep)
			}
		}
		if len(behind) == 0 {
			return c, nil, false
		}
		c.Eligible, c.WhyNot, mixed = true, "", len(all) > len(behind)
	}
	why := ""
	switch e := n.egress; {
	case d.IP.Is4() && e.public4, d.IP.Is6() && e.public6:
		why = "the node has a public address of its own"
	default:
		if p, ok := s.names.pod(h.podUID); ok {
			why = s.ownEgress(p)
		}
	}
	if why != "" {
		c.Eligible, c.WhyNot = false, why
	}
	return c, behind, mixed
}

// ownEgress says why a pod's connections use no port of its node; empty when
// they do.
func (s *Session) ownEgress(p inventory.Pod) string {
	if p.OwnEgress != "" {
		return clean(p.OwnEgress)
	}
	for _, of := range s.opts.OwnEgress {
		namespace, name, _ := strings.Cut(of, "/")
		if p.Namespace == namespace && strings.HasPrefix(p.Name, name) && !p.HostNetwork {
			return "--own-egress " + clean(of)
		}
	}
	return ""
}
