package k8s

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// Bounds of what is taken from an object: those of discovery.k8s.io/v1, which
// a sound API server enforces. Services have no bound of their own and get the
// same.
const (
	maxEndpoints = 1000
	maxPorts     = 100
	// maxName bounds names that become text of ours; those of Kubernetes have
	// at most 253 bytes (RFC 1123 subdomains).
	maxName = 253
)

// public says which addresses are public; it never changes.
var public = snat.NewClassifier()

// endpointsOf cuts a slice down to what a session needs; ok is false for one
// that is no Service's or leads to no public address. The key is given in
// either case: a slice that was public may have become private.
func endpointsOf(s *discoveryv1.EndpointSlice) (e inventory.Endpoints, ok bool) {
	e = inventory.Endpoints{UID: string(s.UID), Namespace: s.Namespace, Service: cleanName(s.Labels[discoveryv1.LabelServiceName])}
	if s.AddressType == discoveryv1.AddressTypeFQDN || e.Service == "" {
		return e, false
	}
	leaves := false
	for i := range s.Endpoints[:min(len(s.Endpoints), maxEndpoints)] {
		ip, ok := addressOf(&s.Endpoints[i])
		if !ok {
			continue
		}
		leaves = leaves || public.Classify(ip).Public
		e.Addresses = append(e.Addresses, ip)
	}
	if !leaves {
		e.Addresses = nil
		return e, false
	}
	// The API server promises no order, and another order is no news.
	slices.SortFunc(e.Addresses, netip.Addr.Compare)
	e.Addresses = slices.Compact(e.Addresses)
	for i := range s.Ports[:min(len(s.Ports), maxPorts)] {
		p := &s.Ports[i]
		out := inventory.EndpointPort{Protocol: snat.TCP}
		if p.Name != nil {
			out.Name = cleanName(*p.Name)
		}
		known := true
		if p.Protocol != nil {
			out.Protocol, known = protocolOf(*p.Protocol)
		}
		if p.Port != nil {
			out.Port = portOf(*p.Port)
			known = known && out.Port != 0
		}
		if known {
			e.Ports = append(e.Ports, out)
		}
	}
	return e, true
}

// addressOf returns the address of an endpoint that takes connections. Only
// the first one of an endpoint has a meaning, and no word on readiness means
// yes (discovery.k8s.io/v1).
func addressOf(e *discoveryv1.Endpoint) (netip.Addr, bool) {
	if len(e.Addresses) == 0 || e.Conditions.Ready != nil && !*e.Conditions.Ready {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(e.Addresses[0])
	if err != nil {
		return netip.Addr{}, false
	}
	return ip.Unmap().WithZone(""), true
}

// servicePorts lists the ports of a Service's own address.
func servicePorts(ports []corev1.ServicePort) []inventory.ServicePort {
	var out []inventory.ServicePort
	for i := range ports[:min(len(ports), maxPorts)] {
		p := &ports[i]
		proto, ok := protocolOf(p.Protocol)
		one := inventory.ServicePort{Name: cleanName(p.Name), Protocol: proto, Port: portOf(p.Port), TargetName: cleanName(p.TargetPort.StrVal)}
		if !ok || one.Port == 0 {
			continue
		}
		if one.TargetName == "" {
			// No target means the same number.
			if one.Target = portOf(p.TargetPort.IntVal); one.Target == 0 {
				one.Target = one.Port
			}
		}
		out = append(out, one)
	}
	return out
}

// protocolOf reads a protocol's name; SCTP has no place in the port model, so
// it is none of ours.
func protocolOf(p corev1.Protocol) (snat.Protocol, bool) {
	switch p {
	case corev1.ProtocolTCP, "":
		return snat.TCP, true
	case corev1.ProtocolUDP:
		return snat.UDP, true
	case corev1.ProtocolSCTP:
		return 0, false
	default:
		return 0, false
	}
}

// portOf returns 0 for what is no port.
func portOf(n int32) uint16 {
	if n < 1 || n > 65535 {
		return 0
	}
	return uint16(n)
}

// cleanName bounds a name and makes it one line of printable text.
func cleanName(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
	}
	return sanitize.Text(s)
}

// trimSlice drops what endpointsOf does not read; of a slice that leads
// nowhere public, all of it. Most slices of a cluster are such.
func trimSlice(o *discoveryv1.EndpointSlice) {
	o.ObjectMeta = trimMeta(&o.ObjectMeta, discoveryv1.LabelServiceName)
	if _, ok := endpointsOf(o); !ok {
		o.Endpoints, o.Ports = nil, nil
		return
	}
	bare := make([]discoveryv1.Endpoint, 0, min(len(o.Endpoints), maxEndpoints))
	for i := range o.Endpoints[:min(len(o.Endpoints), maxEndpoints)] {
		if ip, ok := addressOf(&o.Endpoints[i]); ok {
			bare = append(bare, discoveryv1.Endpoint{Addresses: []string{ip.String()}})
		}
	}
	o.Endpoints = bare
}
