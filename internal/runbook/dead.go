package runbook

import (
	"cmp"
	"slices"

	"github.com/snattop/snattop/internal/snat"
)

// dead answers for destinations that do not answer although there are ports
// for them: a firewall on the way, or nobody there. From a node the two look
// the same.
func (s *scene) dead(conntrack Answer) Answer {
	if !s.sight.Attempts {
		return Answer{State: CouldNotSee, Summary: collectorName(s.n.Collector) + " does not see attempts that wait or fail"}
	}
	if !s.n.Counting() {
		return Answer{State: CouldNotSee, Summary: "whether anything answers needs a second look"}
	}
	var silent []*target
	unclear := 0
	for _, t := range s.targets {
		if !t.failing() || t.opens >= leastRate || t.IP.IsLoopback() {
			continue
		}
		switch {
		case s.portsFor(t):
			silent = append(silent, t)
		case s.budget == 0:
			unclear++
		}
	}
	switch {
	case len(silent) == 0 && unclear > 0:
		return Answer{State: CouldNotSee, Summary: sentence("%s not answer, and without a budget a lack of ports looks the same", plural(unclear, "destination")+does(unclear))}
	case len(silent) == 0:
		return Answer{State: RuledOut, Summary: s.answering()}
	case conntrack.State == Found && conntrack.Confidence == High:
		return Answer{State: CouldNotSee, Summary: "while the connection tracking table is full nothing can be told of the destinations"}
	}
	// Those beyond the balancer first: that is what was asked for. A pod that is
	// probed before it is ready looks the same, and is no news.
	slices.SortStableFunc(silent, func(a, b *target) int {
		if a.eligible != b.eligible {
			if a.eligible {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.waiting+b.trying, a.waiting+a.trying)
	})
	t := silent[0]
	a := Answer{State: Found, Confidence: Medium, Subject: t.title(), Owners: holders(t), Dest: t.Dest, Summary: s.silence(t)}
	if n := s.connecting(t.Dest); n > 0 {
		a.Confidence = High
		a.Evidence = append(a.Evidence, Evidence{Text: sentence("new connections to %s succeed meanwhile", plural(n, "other destination")), Basis: Counted})
	}
	if r := t.trouble; r != nil && t.waiting == 0 && r.Refused+r.TimedOut+r.SynRetransmits < leastRate {
		// Only the program says so: it gave up before anything could answer, or
		// something on the node turned it away for a moment.
		a.Confidence = Low
	}
	holder := t.holders[0]
	a.Evidence = append([]Evidence{{
		Text: sentence("%s to %s wait, %s a second fail, and none succeeds", plural(t.waiting, "attempt"), t.title(), perSecond(t.fails)), Basis: Counted,
		Command: inside(holder.owner, holder.dest) + "ss -Htan state syn-sent dst " + ssAddress(t.Dest) + " | wc -l", Output: num(t.trying),
	}}, a.Evidence...)
	if r := t.trouble; r != nil {
		a.Evidence = append(a.Evidence, Evidence{Text: sentence("a second: %s are refused, %s time out, %s SYNs are sent again", perSecond(r.Refused), perSecond(r.TimedOut), perSecond(r.SynRetransmits)), Basis: Counted})
	}
	if t.eligible && s.budget > 0 {
		a.Evidence = append(a.Evidence, Evidence{Text: sentence("it holds about %s of %s, so there are ports for it", num(t.ports()), s.budgetText()), Basis: Estimated})
	}
	for _, more := range silent[1:min(len(silent), 4)] {
		a.Evidence = append(a.Evidence, Evidence{Text: sentence("the same is seen of %s: %s wait", more.title(), num(more.waiting)), Basis: Counted})
	}
	return a
}

func does(n int) string {
	if n == 1 {
		return " does"
	}
	return " do"
}

// portsFor reports whether there are ports for another connection to a
// destination: where it takes none, and where it holds far less than there
// are.
func (s *scene) portsFor(t *target) bool {
	switch {
	case !t.eligible:
		return true
	case slices.Contains(s.n.Full, t.Dest), slices.ContainsFunc(t.behind, func(d snat.Dest) bool { return slices.Contains(s.n.Full, d) }):
		return false
	case s.budget == 0:
		// Nothing holds a port there, so none is lacking.
		return t.ports() == 0
	case s.hidden():
		return false
	default:
		return float64(t.ports()) < snat.PressuredAt*float64(s.budget)
	}
}

// silence says how a destination fails.
func (s *scene) silence(t *target) string {
	if r := t.trouble; r != nil && r.Refused >= leastRate && r.Refused >= half*t.fails {
		return sentence("%s refuses connections: something answers there, and nothing listens or a firewall rejects", t.title())
	}
	return sentence("%s does not answer: nobody is there, or a firewall drops the way to it; a node cannot tell which", t.title())
}

// connecting counts the other destinations to which connections succeed.
func (s *scene) connecting(not snat.Dest) int {
	n := 0
	for _, t := range s.targets {
		if t.Dest != not && !t.IP.IsLoopback() && t.opens >= leastRate && t.fails < t.opens {
			n++
		}
	}
	return n
}

// answering is why no destination counts as dead.
func (s *scene) answering() string {
	if n := s.wants(); n > 0 {
		return sentence("the %s that wait are for destinations that have used up their ports, or still open others", plural(n, "connection"))
	}
	return "no attempt waits for an answer"
}
