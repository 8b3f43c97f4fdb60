package runbook

import "github.com/snattop/snattop/internal/session"

// hot answers for one destination that takes most ports with connections that
// are kept and used: the load is honest, and stands in one place.
func (s *scene) hot() Answer {
	if s.budget == 0 {
		return Answer{State: CouldNotSee, Summary: "the port budget is not known, so nothing is too much"}
	}
	if a, ok := s.elsewhere(); ok {
		return a
	}
	t, all := s.top(), s.sum()
	if t == nil {
		return Answer{State: RuledOut, Summary: "no destination takes a port"}
	}
	what := sentence("%s takes about %s of %s", t.title(), num(t.ports()), s.budgetText())
	if !s.short() {
		return Answer{State: RuledOut, Summary: "no destination comes near the budget; the most: " + what}
	}
	guilty := 0
	for _, h := range t.holders {
		if s.culprit(h.owner) {
			guilty += h.ports()
		}
	}
	share := float64(t.ports()) / float64(max(all, 1))
	switch {
	case float64(guilty) >= half*float64(t.ports()):
		return Answer{State: RuledOut, Summary: sentence("what fills %s is not an honest load", t.title())}
	case share < most:
		return Answer{State: RuledOut, Summary: sentence("the load is spread: %s, %s of all", what, percent(share))}
	}
	who := holders(t)
	sure, known := s.honest(t)
	return Answer{
		State: Found, Confidence: sure, Subject: t.title(), Owners: who, Dest: t.Dest,
		Summary: sentence("%s of the ports in use go to one destination, %s; they are %s's, %s", percent(share), t.title(), spoken(who), known),
		Evidence: append([]Evidence{{
			Text: sentence("%s has %s open and about %s cooling; every other destination together about %s", t.title(), num(t.open), num(t.cooling), num(all-t.ports())), Basis: Estimated,
			Command: "ss -Htan dst " + ssAddress(t.Dest) + " | wc -l # in each network namespace", Output: num(t.open + t.trying + t.timeWait),
		}}, s.pressureEvidence()...),
	}
}

// uses reports whether most of what has been open for a while is seen in use.
func (s *scene) uses(c *session.Counts) bool {
	_, _, share, ok := s.idle(c)
	return ok && share < few
}

// honest says how sure it is that what a destination holds is kept and used.
func (s *scene) honest(t *target) (Confidence, string) {
	var sum, used, kept int
	for _, h := range t.holders {
		sum += h.ports()
		owner := s.byKey[h.owner.Key]
		if owner == nil {
			continue
		}
		if owner.top != nil {
			if c := owner.counts(); s.uses(&c) {
				used += h.ports()
			}
		}
		if owner.leak.state == RuledOut {
			kept += h.ports()
		}
	}
	whole := half * float64(max(sum, 1))
	switch {
	case float64(used) >= whole:
		return High, "kept and used"
	case float64(kept) >= whole:
		return Medium, "which do not grow"
	default:
		return Low, "and whether they are used was not seen"
	}
}

// small answers for a budget that an honest load does not fit into: what is
// left when leaks, churn and the one hot destination are taken away.
func (s *scene) small(hot, halved, dns Answer) Answer {
	if s.budget == 0 {
		return Answer{State: CouldNotSee, Summary: "the port budget is not known"}
	}
	if a, ok := s.elsewhere(); ok {
		return a
	}
	if !s.short() {
		return s.smallUDP(dns)
	}
	if halved.State == Found {
		return Answer{State: RuledOut, Summary: "the load fitted before the allocation was cut"}
	}
	rest, at := s.without(s.culprit, hot.Dest)
	if float64(rest) < s.full() {
		without := "the leak or the churn"
		if hot.State == Found {
			without = hot.Subject
		}
		return Answer{State: RuledOut, Summary: sentence("without %s the node needs about %s of %s", without, num(rest), s.budgetText())}
	}
	who := holders(at)
	sure, known := s.honest(at)
	many := 0
	for _, t := range s.targets {
		if t.eligible && t.ports() >= s.worth() {
			many++
		}
	}
	return Answer{
		State: Found, Confidence: sure, Subject: sentence("node %s", s.name()), Owners: who, Dest: at.Dest,
		Summary: sentence("the load is spread over %s and needs about %s of %s: the connections are %s's, %s",
			plural(many, "destination"), num(rest), s.budgetText(), spoken(who), known),
		Evidence: append([]Evidence{{Text: sentence("%s: %s open, about %s cooling", at.title(), num(at.open), num(at.cooling)), Basis: Estimated}}, s.pressureEvidence()...),
	}
}

// smallUDP looks at the ports of UDP, which a balancer keeps apart.
func (s *scene) smallUDP(dns Answer) Answer {
	if float64(s.n.UDP.Estimate) < s.full() || len(s.datagrams) == 0 {
		return Answer{State: RuledOut, Summary: s.use()}
	}
	t := s.datagrams[0]
	use := sentence("about %s of %s of UDP's own are in use", num(s.n.UDP.Estimate), s.budgetText())
	if dns.State == Found {
		return Answer{State: RuledOut, Summary: use + ", by questions that nobody answers"}
	}
	who := holders(t)
	return Answer{
		State: Found, Confidence: Medium, Subject: sentence("node %s", s.name()), Owners: who, Dest: t.Dest,
		Summary: sentence("%s; the most go to %s and are %s's", use, t.title(), spoken(who)),
		Evidence: []Evidence{
			{Text: use, Basis: Estimated},
			{Text: sentence("%s flows go to %s", num(t.open), t.title()), Basis: Counted, Command: sentence("conntrack -L -p udp -d %s --dport %d | wc -l", t.IP, t.Port), Output: num(t.open)},
		},
	}
}
