package facts

import "slices"

// PartPaths is how large a packet may be on the way to other nodes. Ask.Paths
// says to which.
const PartPaths Part = "paths"

// MaxPaths bounds the addresses that one node is asked to try.
const MaxPaths = 8

// Path is what was found on the way to one address.
type Path struct {
	To string `cbor:"1,keyasint"`
	// Sent is the largest packet that was sent with "don't fragment", in bytes
	// with its IP header; Passed the largest that was answered, 0 when none was.
	Sent   int `cbor:"2,keyasint,omitempty"`
	Passed int `cbor:"3,keyasint,omitempty"`
	// Error says why nothing could be sent.
	Error string `cbor:"4,keyasint,omitempty"`
}

func (a Ask) withPaths(b Ask, out *Ask) {
	out.Paths = slices.Clone(a.Paths)
	for _, p := range b.Paths {
		if !slices.Contains(out.Paths, p) {
			out.Paths = append(out.Paths, p)
		}
	}
	out.Paths = out.Paths[:min(len(out.Paths), MaxPaths)]
}

func (s *Section) boundPaths() {
	s.Paths = s.Paths[:min(len(s.Paths), MaxPaths)]
	for i := range s.Paths {
		s.Paths[i].To, s.Paths[i].Error = cut(s.Paths[i].To, maxLabel), cut(s.Paths[i].Error, 2*maxLabel)
	}
}
