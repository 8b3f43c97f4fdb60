package proof

import (
	"math"
	"strings"
)

// candidate is a figure that may speak for the whole.
type candidate struct {
	// node is false for a workload's.
	node        bool
	what, whose string
	figure      *Figure
	estimated   bool
	unit        string
	// companion is said beside it, when it is better as well.
	companion *Figure
}

func (c *candidate) text() string {
	return c.what + " of " + c.whose + " " + c.figure.arrow(c.estimated, c.unit)
}

// rank prefers nodes to workloads, and ports to failures.
func (c *candidate) rank() int {
	r := 0
	if !c.node {
		r += 2
	}
	if c.what != portsWord {
		r++
	}
	return r
}

// What figures are called in sentences.
const (
	portsWord = "ports in use"
	failsWord = "failed connections"
	opensWord = "new connections"
)

// candidates are the figures that decide: ports and failures of nodes, then of
// workloads.
func (c *Comparison) candidates() []candidate {
	var out []candidate
	add := func(node bool, whose string, r *Row) {
		out = append(out,
			candidate{node: node, what: portsWord, whose: whose, figure: r.Ports, estimated: true, companion: &r.Fails},
			candidate{node: node, what: failsWord, whose: whose, figure: &r.Fails, unit: "/s"})
	}
	for i := range c.Nodes {
		add(true, c.Nodes[i].Name, &c.Nodes[i].Row)
	}
	for i := range c.Workloads {
		add(false, c.Workloads[i].Title(), &c.Workloads[i].Row)
	}
	return out
}

// conclude answers for the whole, in a word and in a sentence.
func (c *Comparison) conclude() {
	all := c.candidates()
	compared := compared(all)
	more, less := pick(all, More, compared), pick(all, Less, compared)
	switch untold := c.untold(); {
	case more != nil:
		c.Answer, c.Sentence = More, "more, beyond noise: "+more.text()
		if less != nil {
			c.Sentence += "; less: " + less.text()
		}
	case untold != "" && less != nil:
		c.Answer, c.Sentence = CannotTell, "less, beyond noise: "+less.text()+"; but not all can be told: "+untold
	case untold != "":
		c.Answer, c.Sentence = CannotTell, "cannot tell: "+untold
	case less != nil:
		c.Answer, c.Sentence = Less, "less, beyond noise: "+less.text()
		if f := less.companion; f != nil && f.Answer == Less {
			c.Sentence += "; " + failsWord + " " + f.arrow(false, "/s")
		}
	default:
		c.Answer, c.Sentence = Same, "the same within noise"
		if most := c.largest(); most != nil {
			c.Sentence += ": " + portsWord + " of " + most.Name + " " + most.Ports.arrow(true, "") + "; less than ±" + number(*most.Ports.Beyond) + " would not show"
		}
	}
}

// compared is how many figures chance had a try at: nothing stays nothing.
func compared(all []candidate) int {
	n := 0
	for _, a := range all {
		if a.figure.Beyond != nil && a.figure.Size() > 0 {
			n++
		}
	}
	return n
}

// pick returns the figure with that answer which moved most, of nodes before
// workloads and ports before failures; nil when none is convincing.
func pick(all []candidate, answer Answer, compared int) *candidate {
	var best *candidate
	var bestBy float64
	for i := range all {
		a := &all[i]
		if a.figure.Answer != answer || !a.figure.convincing(compared) {
			continue
		}
		// In units of what would have been needed: ports and failures a second
		// have no other unit in common.
		diff, _ := a.figure.Difference()
		by := math.Abs(diff) / *a.figure.Beyond
		if best == nil || a.rank() < best.rank() || a.rank() == best.rank() && by > bestBy {
			best, bestBy = a, by
		}
	}
	return best
}

// untold is why the whole cannot be told: a node that could be seen, and whose
// ports cannot be compared; "" when every one can. Nodes that neither side saw
// are no part of the question.
func (c *Comparison) untold() string {
	told := false
	for i := range c.Nodes {
		n := &c.Nodes[i]
		switch {
		case n.Answer == CannotTell && n.decides:
			if strings.Contains(n.Why, n.Name) {
				return n.Why
			}
			return n.Name + ": " + n.Why
		case n.Answer == Less || n.Answer == More || n.Answer == Same:
			told = true
		}
	}
	if !told {
		return "no node was seen on both sides"
	}
	return ""
}

// largest is the node with the most ports of those that can be compared.
func (c *Comparison) largest() *Node {
	var most *Node
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Ports.Beyond != nil && (most == nil || n.Ports.Size() > most.Ports.Size()) {
			most = n
		}
	}
	return most
}
