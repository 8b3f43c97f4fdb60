package proof

import (
	"strings"

	"github.com/snattop/snattop/internal/report/proof"
)

// row is one subject on the screen.
type row struct {
	key         rowKey
	kind, title string
	// place is where it stands when what is worst comes first.
	place int
	// what is counted: ports, which are estimated, or open connections.
	what      string
	estimated bool
	*proof.Row
	// measured is the cloud's own figure, of nodes only.
	measured proof.Pair
}

// rowKey is what a row is known by from one comparison to the next.
type rowKey struct{ kind, of, title string }

// What rows count.
const (
	ofPorts = "ports"
	ofOpen  = "open"
)

// rowsOf lays nodes, workloads and destinations under each other, worst first.
func rowsOf(c *proof.Comparison) []*row {
	out := make([]*row, 0, len(c.Nodes)+len(c.Workloads)+len(c.Destinations))
	add := func(of string, r row) {
		r.key = rowKey{r.kind, of, r.title}
		out = append(out, &r)
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		add("", row{kind: "node", title: n.Name, what: ofPorts, estimated: true, Row: &n.Row, measured: n.Measured})
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		add(w.Kind, row{kind: "workload", title: w.Title(), what: ofPorts, estimated: true, Row: &w.Row})
	}
	for i := range c.Destinations {
		d := &c.Destinations[i]
		add(d.Kind, row{kind: "destination", title: d.Target() + " ← " + d.Whose(), what: ofOpen, Row: &d.Row})
	}
	out = proof.WorstFirst(out, func(r **row) *proof.Row { return (*r).Row })
	for i, r := range out {
		r.place = i
	}
	return out
}

// states are what state: may mean of a row: its answer.
func states() []string {
	var out []string
	for _, a := range []proof.Answer{proof.Less, proof.More, proof.Same, proof.New, proof.Gone, proof.CannotTell} {
		out = append(out, state(a))
	}
	return out
}

func state(a proof.Answer) string { return strings.ReplaceAll(string(a), " ", "-") }

// names are what a filter's terms look at.
func (r *row) names() (node, owner string, is []string) {
	is = []string{state(r.Answer)}
	if r.kind == "node" {
		return r.title, "", is
	}
	return "", r.title, is
}
