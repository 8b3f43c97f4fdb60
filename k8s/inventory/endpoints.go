package inventory

import (
	"net/netip"
	"slices"

	"github.com/snattop/snattop/internal/snat"
)

// ServicePort is one port of a Service's own address.
type ServicePort struct {
	// Name joins the port to those of the Service's endpoints; a Service with
	// one port may leave it empty, and so do its endpoints then.
	Name     string        `cbor:"1,keyasint,omitempty"`
	Protocol snat.Protocol `cbor:"2,keyasint"`
	Port     uint16        `cbor:"3,keyasint"`
	// Target is the port in the pods; 0 when it has a name, which each pod
	// may give another number. Endpoints tell the number that serves.
	Target     uint16 `cbor:"4,keyasint,omitempty"`
	TargetName string `cbor:"5,keyasint,omitempty"`
}

// Endpoints is one EndpointSlice (discovery.k8s.io/v1) of a Service that leads
// to a public address. A Service may have several. Slices whose addresses are
// all private are left out: they change nothing in what uses a SNAT port. So a
// Service without Endpoints here is served from private addresses, or the
// slices are not seen.
type Endpoints struct {
	UID       string `cbor:"1,keyasint"`
	Namespace string `cbor:"2,keyasint"`
	// Service is the Service's name, in the same namespace.
	Service string `cbor:"3,keyasint"`
	// Addresses are those that take connections, in order, without
	// duplicates; private ones of the same slice included.
	Addresses []netip.Addr `cbor:"4,keyasint,omitempty"`
	// Ports serve at every address.
	Ports []EndpointPort `cbor:"5,keyasint,omitempty"`
}

// EndpointPort is one port of a Service's endpoints.
type EndpointPort struct {
	Name     string        `cbor:"1,keyasint,omitempty"`
	Protocol snat.Protocol `cbor:"2,keyasint"`
	// Port is 0 when the slice names none: every port is served then.
	Port uint16 `cbor:"3,keyasint,omitempty"`
}

// Behind returns where connections to a port of a Service's own address lead
// in this slice: nothing when the slice is another Service's, or the Service
// has no such port. Addresses of the other family are left out.
func (e *Endpoints) Behind(s *Service, ip netip.Addr, protocol snat.Protocol, port uint16) []netip.AddrPort {
	if e.Namespace != s.Namespace || e.Service != s.Name || !slices.Contains(s.ClusterIPs, ip) {
		return nil
	}
	i := slices.IndexFunc(s.Ports, func(p ServicePort) bool { return p.Protocol == protocol && p.Port == port })
	if i < 0 {
		return nil
	}
	j := slices.IndexFunc(e.Ports, func(p EndpointPort) bool { return p.Protocol == protocol && p.Name == s.Ports[i].Name })
	if j < 0 {
		return nil
	}
	to := e.Ports[j].Port
	if to == 0 {
		to = port
	}
	var out []netip.AddrPort
	for _, a := range e.Addresses {
		if a.Is4() == ip.Is4() {
			out = append(out, netip.AddrPortFrom(a, to))
		}
	}
	return out
}
