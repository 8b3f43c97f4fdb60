package runbook

import "github.com/snattop/snattop/internal/snat"

// dnsPort is the port of DNS (RFC 1035, section 4.2).
const dnsPort = 53

// leastQuestions is how many questions must stand before their answers are
// judged. It is snattop's own.
const leastQuestions = 3

// dns answers for names that are not resolved: what fails then has not even
// tried to connect.
func (s *scene) dns() Answer {
	asked, unanswered := 0, 0
	var worst *target
	for _, t := range s.datagrams {
		if t.Port != dnsPort || t.IP.IsLoopback() {
			continue
		}
		asked += t.open
		unanswered += t.trying
		if t.trying > 0 && (worst == nil || t.trying > worst.trying) {
			worst = t
		}
	}
	if worst != nil && worst.trying >= leastQuestions && float64(worst.trying) >= few*float64(worst.open) {
		return s.deaf(worst)
	}
	tcp := 0
	for _, t := range s.targets {
		if t.Port != dnsPort {
			continue
		}
		tcp++
		if t.waiting >= leastQuestions && t.opens < leastRate && s.portsFor(t) {
			return s.deaf(t)
		}
	}
	switch {
	case asked > 0:
		return Answer{State: RuledOut, Summary: sentence("%s of %s questions over UDP stand without an answer", num(unanswered), num(asked))}
	case s.n.Conntrack == nil:
		return Answer{State: CouldNotSee, Summary: "questions over UDP are read from the connection tracking table, which could not be read"}
	case tcp > 0:
		return Answer{State: RuledOut, Summary: "questions over TCP are answered; none went over UDP"}
	default:
		return Answer{State: CouldNotSee, Summary: "no question to port 53 was seen: nobody asked, or a cache on the node answers without tracking"}
	}
}

// deaf is the answer about a resolver that does not answer.
func (s *scene) deaf(t *target) Answer {
	standing, all := t.trying, t.open
	how := "UDP"
	command, output := "conntrack -L -p udp --dport 53 -d "+t.IP.String()+" | grep -c UNREPLIED", num(standing)
	if t.Protocol == snat.TCP {
		how, standing, all = "TCP", t.waiting, t.open+t.waiting
		command, output = "ss -Htan state syn-sent dst "+ssAddress(t.Dest)+" | wc -l", num(t.trying)
	}
	a := Answer{
		State: Found, Confidence: Medium, Subject: t.title(), Owners: holders(t), Dest: t.Dest,
		Summary: sentence("%s of %s questions to %s over %s stand without an answer", num(standing), num(all), t.title(), how),
	}
	if float64(standing) >= half*float64(max(all, 1)) {
		a.Confidence = High
	}
	a.Evidence = []Evidence{{Text: a.Summary, Basis: Counted, Command: command, Output: output}}
	if asks := spoken(a.Owners); len(a.Owners) > 0 {
		a.Evidence = append(a.Evidence, Evidence{Text: "who asks: " + asks, Basis: Counted})
	}
	return a
}
