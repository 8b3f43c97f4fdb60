package session

import (
	"math"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

// cleanReading bounds what a cloud told and makes its texts safe.
func cleanReading(r *cloud.Reading) *cloud.Reading {
	out := *r
	out.Provider, out.Source = snat.Provider(clean(string(r.Provider))), clean(r.Source)
	if r.Profile != nil {
		p := *r.Profile
		p.Outbound, p.Name, p.Group, p.Gateway = clean(p.Outbound), clean(p.Name), clean(p.Group), clean(p.Gateway)
		out.Profile = &p
	}
	out.Nodes = make([]cloud.NodeReading, 0, min(len(r.Nodes), maxCloudNodes))
	for _, n := range r.Nodes[:min(len(r.Nodes), maxCloudNodes)] {
		n.IP, n.Name = clean(n.IP), clean(n.Name)
		n.TCP.Lost, n.UDP.Lost, n.Both.Lost = clean(n.TCP.Lost), clean(n.UDP.Lost), clean(n.Both.Lost)
		out.Nodes = append(out.Nodes, n)
	}
	out.Problems = make([]cloud.Problem, 0, min(len(r.Problems), maxTexts))
	for _, p := range r.Problems[:min(len(r.Problems), maxTexts)] {
		p.What, p.Sentence = clean(p.What), clean(p.Sentence)
		out.Problems = append(out.Problems, p)
	}
	return &out
}

// root is the square root, and 0 of what has none.
func root(x float64) float64 { return math.Sqrt(max(x, 0)) }
