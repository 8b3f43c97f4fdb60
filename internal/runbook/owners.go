package runbook

import "github.com/snattop/snattop/internal/session"

// who gathers the owners that a pattern was found at.
func (s *scene) who(pattern func(*tenant) finding) (found []*tenant, sure Confidence) {
	for _, t := range s.tenants {
		if f := pattern(t); f.state == Found {
			found = append(found, t)
			sure = max(sure, f.confidence)
		}
	}
	return found, sure
}

func leakIn(t *tenant) finding  { return t.leak }
func churnIn(t *tenant) finding { return t.churn }

// unseen is the first owner worth speaking of whose pattern was not seen.
func (s *scene) unseen(pattern func(*tenant) finding) (*tenant, bool) {
	for _, t := range s.tenants {
		if t.top != nil && t.together >= s.worth() && pattern(t).state == CouldNotSee {
			return t, true
		}
	}
	return nil, false
}

// elsewhere is the answer of every cause that is read from sockets when the
// cloud measures a shortage that they do not show.
func (s *scene) elsewhere() (Answer, bool) {
	if !s.hidden() {
		return Answer{}, false
	}
	used, _ := s.measuredUsed()
	return Answer{State: CouldNotSee, Summary: sentence("the cloud measures %s of %s in use, the sockets seen here need about %s: the connections are not among them",
		num(used), s.budgetText(), num(s.n.Ports.Estimate))}, true
}

// leak answers for connections that are opened and never closed.
func (s *scene) leak() Answer {
	found, sure := s.who(leakIn)
	if len(found) > 0 {
		list := subjects(found)
		t := found[0]
		a := Answer{
			State: Found, Confidence: sure, Subject: list[0].Whose, Owners: list, Dest: t.top.Dest, Evidence: t.leak.evidence,
			Summary: sentence("%s opens connections to %s and does not close them: %s", list[0].Whose, destTitle(t.top), t.leak.why),
		}
		if more := spoken(list[1:]); len(list) > 1 && more != list[0].Whose {
			a.Evidence = append(a.Evidence, Evidence{Text: "the same is seen of " + more, Basis: Counted})
		}
		a.Evidence = append(a.Evidence, s.pressureEvidence()...)
		return a
	}
	if a, ok := s.elsewhere(); ok {
		return a
	}
	if t, ok := s.unseen(leakIn); ok {
		return Answer{State: CouldNotSee, Subject: whose(t.Owner), Summary: whose(t.Owner) + ": " + t.leak.why}
	}
	return Answer{State: RuledOut, Summary: s.biggest(leakIn, "nobody's open connections grow without end")}
}

// churn answers for connections that serve one request each.
func (s *scene) churn() Answer {
	found, sure := s.who(churnIn)
	if len(found) > 0 {
		list := subjects(found)
		t := found[0]
		a := Answer{
			State: Found, Confidence: sure, Subject: list[0].Whose, Owners: list, Dest: t.top.Dest, Evidence: t.churn.evidence,
			Summary: sentence("%s opens %s connections a second to %s and uses each for a moment: %s",
				list[0].Whose, perSecond(t.top.OpensPerSecond), destTitle(t.top), t.churn.why),
		}
		if more := spoken(list[1:]); len(list) > 1 && more != list[0].Whose {
			a.Evidence = append(a.Evidence, Evidence{Text: "the same is seen of " + more, Basis: Counted})
		}
		a.Evidence = append(a.Evidence, s.pressureEvidence()...)
		return a
	}
	if a, ok := s.elsewhere(); ok {
		return a
	}
	switch {
	case !s.n.Counting():
		return Answer{State: CouldNotSee, Summary: "what opens and closes needs a second look"}
	case !s.sight.Events:
		return Answer{State: CouldNotSee, Summary: collectorName(s.n.Collector) + " misses connections that come and go between two looks"}
	}
	return Answer{State: RuledOut, Summary: s.biggest(churnIn, "nobody uses many connections for a moment each")}
}

// biggest says why the owner with the most ports does not show a pattern.
func (s *scene) biggest(pattern func(*tenant) finding, otherwise string) string {
	var big *tenant
	for _, t := range s.tenants {
		if t.top != nil && (big == nil || t.ports() > big.ports()) {
			big = t
		}
	}
	if big == nil || big.ports() < s.worth() {
		return otherwise
	}
	return whose(big.Owner) + ": " + pattern(big).why
}

// culprit reports whether an owner's connections are a leak or churn.
func (s *scene) culprit(o *session.Owner) bool {
	t := s.byKey[o.Key]
	return t != nil && (t.leak.state == Found || t.churn.state == Found)
}

// pressureEvidence is how full the node is, and by whose word.
func (s *scene) pressureEvidence() []Evidence {
	list := []Evidence{{Text: s.use(), Basis: Estimated, Command: "snattop report --node " + Quote(s.n.Name), Output: s.use()}}
	if used, ok := s.measuredUsed(); ok {
		text := sentence("%s says %s ports were in use", s.cloudName(), num(used))
		if at := s.n.Measured.At; !at.IsZero() {
			text += " at " + clock(at)
		}
		list = append(list, Evidence{Text: text, Basis: Measured})
	}
	if s.short() && s.n.FullIn != nil && *s.n.FullIn > 0 {
		list = append(list, Evidence{Text: sentence("nothing is left in about %s if it goes on", span(*s.n.FullIn)), Basis: Estimated})
	}
	return list
}

// cloudName is what operators call the source of measured figures.
func (s *scene) cloudName() string {
	if c := s.pic.Cloud; c != nil && c.Source != "" {
		return c.Source
	}
	return "the cloud"
}
