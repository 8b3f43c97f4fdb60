package runbook

import (
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
)

// justBeyond is the share of a tier's size by which a pool is said to have
// just entered the next one. It is snattop's own.
const justBeyond = 0.1

// halved answers for an allocation that became smaller because nodes were
// added: a balancer divides the ports of an address among its pool.
func (s *scene) halved() Answer {
	if s.budget == 0 {
		return Answer{State: CouldNotSee, Summary: "the port budget is not known"}
	}
	// A guess that a measurement put right is no cut.
	if c := s.n.BudgetWas; c != nil && c.From.Known() && c.To.Known() && c.To.Ports < c.From.Ports && c.From.Source == c.To.Source {
		return s.cut(c.From.Ports, c.To.Ports, c.At)
	}
	if !s.short() {
		return Answer{State: RuledOut, Summary: s.use()}
	}
	if s.n.Budget.Source == snat.BudgetFlag {
		return Answer{State: CouldNotSee, Summary: "the budget is what --snat-ports says: whether it was more before is not seen"}
	}
	pool, byHand := s.pool()
	if s.pic.Cluster.Provider != snat.ProviderAzureLB || byHand {
		return Answer{State: RuledOut, Summary: sentence("%s do not follow the number of nodes", s.budgetText())}
	}
	before := int(float64(pool) / (1 + justBeyond))
	was := snat.AzureLBDefault(before, s.ips())
	if snat.AzureLBDefault(pool, s.ips()) != s.budget || was <= s.budget || float64(s.peak()) >= snat.PressuredAt*float64(was) {
		return Answer{State: RuledOut, Summary: sentence("the budget has been %s since the watch began, and %s is no number at which it drops", s.budgetText(), plural(pool, "node"))}
	}
	return Answer{
		State: Found, Confidence: Low, Subject: sentence("node %s", s.name()),
		Summary: sentence("%s leave each %s; a little fewer would have %s, into which the load fits: it may have been cut before the watch began", plural(pool, "node"), s.budgetText(), num(was)),
		Evidence: append([]Evidence{{
			Text: sentence("default allocation of the balancer: %s at %s, %s at %s", plural(was, "port"), plural(before, "node"), plural(s.budget, "port"), plural(pool, "node")), Basis: Estimated,
			Command: "kubectl get nodes --no-headers | wc -l", Output: num(pool),
		}}, s.pressureEvidence()...),
	}
}

// cut answers for a budget that was seen to become smaller.
func (s *scene) cut(from, to int, at time.Time) Answer {
	change := sentence("the budget fell from %s to %s ports at %s", num(from), num(to), clock(at))
	if !s.short() {
		return Answer{State: RuledOut, Summary: change + " and the load still fits"}
	}
	a := Answer{
		State: Found, Confidence: High, Subject: sentence("node %s", s.name()),
		Summary:  change + sentence("; the load of about %s fitted before", num(s.peak())),
		Evidence: []Evidence{{Text: change, Basis: basisOf(s.n.Budget.Source)}},
	}
	if float64(s.peak()) >= snat.PressuredAt*float64(from) {
		a.Confidence = Medium
		a.Summary = change + sentence("; about %s were in use, so it was tight before", num(s.peak()))
	}
	pool, _ := s.pool()
	a.Evidence = append(a.Evidence, Evidence{
		Text: sentence("%s share the ports now; connections on ports that were taken back time out", plural(pool, "node")), Basis: Counted,
		Command: "kubectl get nodes --no-headers | wc -l", Output: num(pool),
	})
	a.Evidence = append(a.Evidence, s.pressureEvidence()...)
	return a
}

func basisOf(source snat.BudgetSource) Basis {
	if source == snat.BudgetMeasured {
		return Measured
	}
	return Estimated
}

// peak is what the fullest destination holds, whatever the budget.
func (s *scene) peak() int {
	if t := s.top(); t != nil {
		return max(t.ports(), s.n.Ports.Min)
	}
	return s.n.Ports.Min
}

// pool is the number of machines behind the addresses, and whether the ports
// of each were set by hand.
func (s *scene) pool() (nodes int, byHand bool) {
	nodes = len(s.pic.Nodes)
	if c := s.pic.Cloud; c != nil && c.Profile != nil {
		if c.Profile.Nodes > 0 {
			nodes = c.Profile.Nodes
		}
		byHand = c.Profile.PortsPerNode > 0
	}
	return nodes, byHand
}

func (s *scene) name() string { return sanitize.Text(s.n.Name) }

// ips is the number of outbound addresses; one where it is not known.
func (s *scene) ips() int {
	if c := s.pic.Cloud; c != nil && c.Profile != nil && c.Profile.IPs > 0 {
		return c.Profile.IPs
	}
	return 1
}
