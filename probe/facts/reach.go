package facts

import "slices"

// PartReach is whether names and ports can be reached from the node: by DNS,
// TCP and TLS, each told apart. Ask.Reach and Ask.ReachKubelet say which.
const PartReach Part = "reach"

// MaxReach bounds what one node is asked to reach.
const MaxReach = 16

// ReachTarget is a name and a port to be reached over TCP.
type ReachTarget struct {
	// Host is a name or an address, Port a TCP port.
	Host string `cbor:"1,keyasint"`
	Port uint16 `cbor:"2,keyasint"`
	// TLS asks for a handshake as well, without a client certificate and
	// without any request after it. Name is what the certificate is asked for
	// by; empty means Host.
	TLS  bool   `cbor:"3,keyasint,omitempty"`
	Name string `cbor:"4,keyasint,omitempty"`
	// ALPN asks for a handshake with each of the offers of package reach, in
	// place of one without any.
	ALPN bool `cbor:"5,keyasint,omitempty"`
	// Why is what the target is needed for, in a few words.
	Why string `cbor:"6,keyasint,omitempty"`
}

// TCP is how an attempt to connect ended.
type TCP string

// The ends of an attempt.
const (
	// TCPOpen: somebody answered.
	TCPOpen TCP = "open"
	// TCPRefused: a reset came back; nobody listens, or a firewall rejects.
	TCPRefused TCP = "refused"
	// TCPFiltered: nothing came back in time.
	TCPFiltered TCP = "filtered"
	// TCPUnreachable: the network said that there is no way.
	TCPUnreachable TCP = "unreachable"
)

// Reached is what became of one target.
type Reached struct {
	Target ReachTarget `cbor:"1,keyasint"`
	// Kubelet means that the target is the API server as the node's own
	// kubelet names it.
	Kubelet bool `cbor:"2,keyasint,omitempty"`
	// Addresses are what the name resolves to, at most eight. DNSError is one
	// line, empty when it resolves.
	Addresses []string `cbor:"3,keyasint,omitempty"`
	DNSError  string   `cbor:"4,keyasint,omitempty"`
	// Address was tried last ("10.0.0.1:443"), with this end; empty when
	// nothing was tried. TCPError is one line.
	Address  string `cbor:"5,keyasint,omitempty"`
	TCP      TCP    `cbor:"6,keyasint,omitempty"`
	TCPError string `cbor:"7,keyasint,omitempty"`
	// Millis is how long name and connection took.
	Millis     int64       `cbor:"8,keyasint,omitempty"`
	Handshakes []Handshake `cbor:"9,keyasint,omitempty"`
	// Proxy is the HTTP proxy that it went through ("http://proxy:3128"); the
	// name was resolved there then.
	Proxy string `cbor:"10,keyasint,omitempty"`
}

// Handshake is what became of one TLS handshake.
type Handshake struct {
	// Offered are the application protocols that were offered, in order.
	Offered []string `cbor:"1,keyasint,omitempty"`
	// Done is whether the handshake succeeded; Negotiated, Version and the
	// names of the certificate are known then. Negotiated is empty when none
	// was chosen.
	Done       bool   `cbor:"2,keyasint,omitempty"`
	Negotiated string `cbor:"3,keyasint,omitempty"`
	Version    string `cbor:"4,keyasint,omitempty"`
	Subject    string `cbor:"5,keyasint,omitempty"`
	Issuer     string `cbor:"6,keyasint,omitempty"`
	// Leaf is the SHA-256 of the certificate, in hexadecimal.
	Leaf string `cbor:"7,keyasint,omitempty"`
	// Trusted is whether the certificate's chain leads to the authorities that
	// the client's own kubeconfig names, on a node the kubelet's; nil when those
	// are not known. The name in it is not looked at.
	Trusted *bool `cbor:"8,keyasint,omitempty"`
	// Error says in one line why it failed.
	Error string `cbor:"9,keyasint,omitempty"`
}

// withReach joins what both ask to reach.
func (a Ask) withReach(b Ask, out *Ask) {
	out.Reach = slices.Clone(a.Reach)
	for _, t := range b.Reach {
		if !slices.Contains(out.Reach, t) {
			out.Reach = append(out.Reach, t)
		}
	}
	out.Reach = out.Reach[:min(len(out.Reach), MaxReach)]
	out.ReachKubelet = a.ReachKubelet || b.ReachKubelet
}

// Bounds of what a name resolves to, of the handshakes with one target, and of
// one line.
const (
	maxAddresses  = 8
	maxHandshakes = 4
	maxWord       = 512
)

func (s *Section) boundReach() {
	// One more: the kubelet's.
	s.Reach = s.Reach[:min(len(s.Reach), MaxReach+1)]
	for i := range s.Reach {
		s.Reach[i].bound()
	}
}

func (r *Reached) bound() {
	r.Addresses = r.Addresses[:min(len(r.Addresses), maxAddresses)]
	r.Handshakes = r.Handshakes[:min(len(r.Handshakes), maxHandshakes)]
	for _, word := range []*string{&r.Target.Host, &r.Target.Name, &r.Target.Why, &r.DNSError, &r.Address, &r.TCPError, &r.Proxy, (*string)(&r.TCP)} {
		*word = cut(*word, maxWord)
	}
	for i := range r.Addresses {
		r.Addresses[i] = cut(r.Addresses[i], maxWord)
	}
	for i := range r.Handshakes {
		h := &r.Handshakes[i]
		h.Offered = h.Offered[:min(len(h.Offered), maxHandshakes)]
		for j := range h.Offered {
			h.Offered[j] = cut(h.Offered[j], maxWord)
		}
		for _, word := range []*string{&h.Negotiated, &h.Version, &h.Subject, &h.Issuer, &h.Leaf, &h.Error} {
			*word = cut(*word, maxWord)
		}
	}
}
