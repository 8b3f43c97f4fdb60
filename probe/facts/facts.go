// Package facts is what a node tells of itself for the runbooks: plain data, cut
// into parts that are asked for and arrive one by one. Nothing here looks at a
// node; package examine does.
package facts

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Part names one kind of facts.
type Part string

// Ask says what a node is to be asked for. The zero value asks for nothing.
type Ask struct {
	// Parts are wanted, each once, in any order.
	Parts []Part `cbor:"1,keyasint,omitempty"`
	// Reach are the names and ports of PartReach, at most MaxReach of them.
	// ReachKubelet adds the API server as the node's kubelet names it, with
	// every offer of ALPN.
	Reach        []ReachTarget `cbor:"10,keyasint,omitempty"`
	ReachKubelet bool          `cbor:"11,keyasint,omitempty"`
	// Paths are addresses of other nodes, for PartPaths, at most MaxPaths of
	// them; Holders the pods of PartHolders, at most MaxHolderPods.
	Paths   []string    `cbor:"30,keyasint,omitempty"`
	Holders []HolderPod `cbor:"31,keyasint,omitempty"`
	// Dials are the addresses of PartDials, at most MaxDials of them.
	Dials []Dial `cbor:"20,keyasint,omitempty"`
}

// Wants reports whether a part is asked for.
func (a Ask) Wants(p Part) bool { return slices.Contains(a.Parts, p) }

// With returns what both ask for.
func (a Ask) With(b Ask) Ask {
	out := Ask{Parts: slices.Clone(a.Parts)}
	for _, p := range b.Parts {
		if !out.Wants(p) {
			out.Parts = append(out.Parts, p)
		}
	}
	a.withReach(b, &out)
	a.withPaths(b, &out)
	a.withHolders(b, &out)
	a.withDials(b, &out)
	return out
}

// Section is one part of what a node told.
type Section struct {
	Part Part `cbor:"1,keyasint"`
	// Error says in one line why the part could not be seen; "" when it was. A
	// section may hold both: what was seen before it failed.
	Error string `cbor:"2,keyasint,omitempty"`
	// Evidence is what an operator would have typed on the node, and what it
	// printed.
	Evidence []Evidence `cbor:"3,keyasint,omitempty"`
	// Reach is PartReach, one for each target, and Load is PartLoad.
	Reach []Reached `cbor:"10,keyasint,omitempty"`
	Load  *Load     `cbor:"11,keyasint,omitempty"`
	// Network is PartNetwork, Tracking PartTracking, Paths PartPaths, Containers
	// PartContainers, worst first; Holders and Complaints PartHolders.
	Network    *Network    `cbor:"30,keyasint,omitempty"`
	Tracking   *Tracking   `cbor:"31,keyasint,omitempty"`
	Paths      []Path      `cbor:"32,keyasint,omitempty"`
	Containers []Container `cbor:"33,keyasint,omitempty"`
	Holders    []Holder    `cbor:"34,keyasint,omitempty"`
	Complaints []Complaint `cbor:"35,keyasint,omitempty"`
	// Firewall is PartFirewall, Dials PartDials, one for each of Ask.Dials.
	Firewall *Firewall `cbor:"20,keyasint,omitempty"`
	Dials    []Dialed  `cbor:"21,keyasint,omitempty"`
}

// Evidence is a command and what it printed.
type Evidence struct {
	Command string `cbor:"1,keyasint"`
	// Output is cut to MaxOutput bytes.
	Output string `cbor:"2,keyasint,omitempty"`
}

// Bounds of what is told.
const (
	// MaxOutput bounds the output of one piece of evidence, in bytes.
	MaxOutput = 4 << 10
	// MaxEvidence bounds the pieces of one section.
	MaxEvidence = 32
)

// Bound cuts a section to the bounds of the format. Whoever fills one calls it
// before it is sent, whoever receives one before it is used.
func (s *Section) Bound() {
	s.Error = cut(s.Error, MaxOutput)
	s.Evidence = s.Evidence[:min(len(s.Evidence), MaxEvidence)]
	for i := range s.Evidence {
		e := &s.Evidence[i]
		e.Command, e.Output = cut(e.Command, MaxOutput), cut(e.Output, MaxOutput)
	}
	s.boundReach()
	s.Load.bound()
	s.Network.bound()
	s.Tracking.bound()
	s.boundPaths()
	s.boundContainers()
	s.boundHolders()
	s.Firewall.bound()
	s.boundDials()
}

// cut shortens a text to at most n bytes of valid UTF-8, and marks that it did.
func cut(s string, n int) string {
	const mark = "…"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	s = s[:n-len(mark)]
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		if r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + mark
}
