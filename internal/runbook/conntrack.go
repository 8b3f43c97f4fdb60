package runbook

// fullTable is the share of its size from which a connection tracking table
// counts as full: entries come and go between two looks.
const fullTable = 0.95

// conntrack answers for the node's own connection tracking table: without room
// for an entry the node drops the packet, whatever ports there are.
func (s *scene) conntrack() Answer {
	c := s.n.Conntrack
	if c == nil || c.Max == 0 {
		return Answer{State: CouldNotSee, Summary: "the node's connection tracking table could not be read"}
	}
	share := float64(c.Count) / float64(c.Max)
	what := sentence("%s of %s entries are in use", num(c.Count), num(c.Max))
	lost := s.n.ConntrackLost
	losing := lost != nil && rate(lost.InsertFailed)+rate(lost.Drop)+rate(lost.EarlyDrop) >= leastRate
	dropping := lost != nil && rate(lost.Drop)+rate(lost.EarlyDrop) >= leastRate
	evidence := []Evidence{{
		Text: what, Basis: Counted, Command: "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
		Output: sentence("net.netfilter.nf_conntrack_count = %d; net.netfilter.nf_conntrack_max = %d", c.Count, c.Max),
	}}
	if lost != nil {
		evidence = append(evidence, Evidence{
			Text: sentence("a second: %s entries not inserted, %s packets dropped, %s entries dropped early",
				perSecond(lost.InsertFailed), perSecond(lost.Drop), perSecond(lost.EarlyDrop)), Basis: Counted,
			Command: "conntrack -S", Output: sentence("over all processors: insert_failed=%d; drop=%d; early_drop=%d", c.InsertFailed, c.Drop, c.EarlyDrop),
		})
	}
	if n := s.wants(); n > 0 {
		evidence = append(evidence, Evidence{Text: sentence("%s wait for an answer, to %s", plural(n, "connection"), plural(s.failingTargets(), "destination")), Basis: Counted})
	}
	a := Answer{Subject: sentence("node %s", s.name()), Evidence: evidence}
	switch {
	case share >= fullTable && (losing || s.troubled()):
		a.State, a.Confidence = Found, High
		a.Summary = "the node's connection tracking table is full: " + what + ", so the node itself drops new connections"
	case share >= fullTable:
		a.State, a.Confidence = Found, Medium
		a.Summary = "the node's connection tracking table is nearly full: " + what
	case dropping && s.troubled(), losing && s.troubled() && share >= half:
		a.State, a.Confidence = Found, Medium
		a.Summary = "the node's connection tracking table refuses entries while connections wait: " + what + " now"
	case lost == nil && s.troubled() && share >= half:
		a.State, a.Summary = CouldNotSee, what+"; what the table loses needs a second look"
	default:
		a.State, a.Summary = RuledOut, what
	}
	return a
}

// failingTargets is the number of destinations that attempts do not reach.
func (s *scene) failingTargets() int {
	n := 0
	for _, t := range s.targets {
		if t.failing() {
			n++
		}
	}
	return n
}
