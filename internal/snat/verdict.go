package snat

import "fmt"

// Verdict is the answer for one node.
type Verdict string

// The verdicts, as snattop.report/v1 spells them.
const (
	Healthy   Verdict = "healthy"
	Pressured Verdict = "pressured"
	Exhausted Verdict = "exhausted"
	NotSNAT   Verdict = "not-snat"
	Unknown   Verdict = "unknown"
)

// Rank orders verdicts worst first: exhausted, pressured, not-snat, unknown,
// healthy.
func (v Verdict) Rank() int {
	switch v {
	case Exhausted:
		return 0
	case Pressured:
		return 1
	case NotSNAT:
		return 2
	case Unknown:
		return 3
	case Healthy:
		return 4
	default:
		return 3
	}
}

// PressuredAt is the share of the budget from which a node is pressured.
const PressuredAt = 0.8

// exhaustedAt is the share of the budget that open flows must fill before
// waiting SYNs are read as refused ports. Balancers allocate in blocks of
// eight, so the last few ports of a budget may never be handed out.
const exhaustedAt = 0.97

// Judge derives a node's verdict and the reasons for it. waiting is the number
// of SYNs to eligible destinations that have no answer.
func Judge(p Ports, b Budget, waiting int) (Verdict, []string) {
	if !b.Known() {
		return Unknown, []string{"the port budget is not known: give it with --snat-ports, or name the outbound type with --provider"}
	}
	full := float64(b.Ports)
	switch {
	case p.Min >= b.Ports:
		return Exhausted, []string{fmt.Sprintf("%d flows are open to one destination; the budget is %d ports (%s)", p.Min, b.Ports, b.Source)}
	case float64(p.Estimate) >= exhaustedAt*full && waiting > 0:
		return Exhausted, []string{fmt.Sprintf("about %d of %d ports (%s) are in use and %d connections wait for one", p.Estimate, b.Ports, b.Source, waiting)}
	case float64(p.Estimate) >= PressuredAt*full:
		return Pressured, []string{fmt.Sprintf("about %d of %d ports (%s) are in use", p.Estimate, b.Ports, b.Source)}
	default:
		return Healthy, []string{fmt.Sprintf("about %d of %d ports (%s) are in use", p.Estimate, b.Ports, b.Source)}
	}
}
