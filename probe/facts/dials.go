package facts

import "slices"

// PartDials is which addresses answer when this node connects to them.
// Ask.Dials says which.
const PartDials Part = "dials"

// MaxDials bounds what one node is asked to connect to.
const MaxDials = 256

// Dial is an address to connect to. Nothing is sent over TCP; over UDP one
// empty packet is.
type Dial struct {
	// Network is "tcp" or "udp".
	Network string `cbor:"1,keyasint"`
	// Address is "host:port".
	Address string `cbor:"2,keyasint"`
}

// DialEnd is how an attempt ended.
type DialEnd string

// The ends.
const (
	// DialOpen: somebody answered.
	DialOpen DialEnd = "open"
	// DialRefused: nobody listens, or a firewall rejects.
	DialRefused DialEnd = "refused"
	// DialFiltered: nothing came back in time. Over UDP this says nothing.
	DialFiltered DialEnd = "filtered"
	// DialUnreachable: the network says that there is no way.
	DialUnreachable DialEnd = "unreachable"
	// DialNoName: the name does not resolve.
	DialNoName DialEnd = "no name"
)

// Dialed is how one attempt ended.
type Dialed struct {
	Dial Dial    `cbor:"1,keyasint"`
	End  DialEnd `cbor:"2,keyasint"`
	// Error is the system's word on it, in one line; empty when it is open.
	Error string `cbor:"3,keyasint,omitempty"`
	// Millis is how long it took.
	Millis int64 `cbor:"4,keyasint,omitempty"`
	// To is the address that a name led to.
	To string `cbor:"5,keyasint,omitempty"`
}

func (a Ask) withDials(b Ask, out *Ask) {
	out.Dials = slices.Clone(a.Dials)
	for _, d := range b.Dials {
		if !slices.Contains(out.Dials, d) {
			out.Dials = append(out.Dials, d)
		}
	}
	out.Dials = out.Dials[:min(len(out.Dials), MaxDials)]
}

func (s *Section) boundDials() {
	s.Dials = s.Dials[:min(len(s.Dials), MaxDials)]
	for i := range s.Dials {
		d := &s.Dials[i]
		d.Dial.Network, d.Dial.Address = cut(d.Dial.Network, MaxRule), cut(d.Dial.Address, MaxRule)
		d.End, d.Error, d.To = DialEnd(cut(string(d.End), MaxRule)), cut(d.Error, MaxRule), cut(d.To, MaxRule)
	}
}
