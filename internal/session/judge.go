package session

import (
	"cmp"
	"math"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// budget works out what a node is granted.
func (s *Session) budget(n *Node) snat.Budget {
	facts := snat.BudgetFacts{Provider: s.provider(), Flag: s.opts.SNATPorts, Pool: max(len(s.names.nodes), 1)}
	// Only what was read of the way out that is meant: a load balancer's
	// addresses say nothing of a NAT gateway that the operator names.
	if p := s.profile(); p != nil && s.cloud.Provider == facts.Provider {
		facts.Read, facts.PerNode, facts.IPs = true, p.PortsPerNode, p.IPs
		facts.Pool = cmp.Or(p.Nodes, facts.Pool)
	}
	if n.Measured != nil && n.Measured.TCP.Allocated != nil {
		facts.Measured = *n.Measured.TCP.Allocated
	}
	return snat.BudgetOf(facts)
}

// sameChange is within which time a budget that goes on in the same direction
// is one change: a cloud tells the mean of a minute, and in the minute of the
// change that lies between the old figure and the new one.
const sameChange = 3 * time.Minute

// budgeted remembers when the budget becomes another.
func (n *node) budgeted(b snat.Budget, now time.Time) {
	if n.budget.Known() && b.Known() && n.budget.Ports != b.Ports {
		c := &BudgetChange{At: now, From: n.budget, To: b}
		if was := n.budgetWas; was != nil && now.Sub(was.At) < sameChange && (was.To.Ports < was.From.Ports) == (b.Ports < n.budget.Ports) {
			c.At, c.From = was.At, was.From
		}
		n.budgetWas = c
	}
	n.budget = b
}

// judge gives the node its verdict, by what happens towards the destinations
// of its pool of ports: its own, or one that all nodes share.
func (s *Session) judge(out *Node, use *use, pulses *pulses) {
	if out.State != StateStreaming && out.LastTick.IsZero() {
		out.Verdict, out.Why = snat.Unknown, []string{"no numbers from this node: " + unseen(out)}
		return
	}
	out.Full = use.full
	out.FullIn = nil
	sit := snat.Situation{
		Ports: use.tcp, Budget: out.Budget, UDP: use.udp, Starved: use.starved, Unanswered: use.unanswered,
		TableFull: out.tableFull(),
	}
	if m := out.Measured; m != nil {
		// Some clouds do not tell whose connections failed, TCP's or UDP's.
		sit.MeasuredUsed, sit.MeasuredFailed = m.TCP.Used, cmp.Or(m.TCP.Failed, m.Both.Failed)
	}
	out.Verdict, out.Why = snat.Judge(sit)
	if out.Budget.Note != "" {
		out.Why = append(out.Why, out.Budget.Note)
	}
	switch {
	case out.Verdict == snat.Exhausted:
		now := time.Duration(0)
		out.FullIn = &now
	case out.Counting() && out.Budget.Known():
		out.FullIn = s.fullIn(pulses, out.Budget, s.now)
	}
	switch {
	case out.State != StateStreaming:
		out.Verdict = snat.Unknown
		out.Why = append([]string{"the numbers are old: " + unseen(out)}, out.Why...)
	case len(out.Scoped) > 0 && out.Verdict != snat.Exhausted:
		// What a few pods hold says little about what the node has left.
		out.Verdict = snat.Unknown
		out.Why = append([]string{"only some pods of this node are seen"}, out.Why...)
	case !out.Sight().Attempts:
		// The first sign of a lack of ports is a SYN without an answer.
		out.Why = append(out.Why, out.Collector+" does not see attempts that wait or fail")
	}
}

// tableFullAt is the share of its size from which a connection tracking table
// counts as full: the kernel drops what is unanswered shortly before that
// (early_drop in net/netfilter/nf_conntrack_core.c).
const tableFullAt = 0.97

// tableFull reports whether the node's connection tracking table has no room.
func (n *Node) tableFull() bool {
	c := n.Conntrack
	return c != nil && c.Max > 0 && float64(c.Count) >= tableFullAt*float64(c.Max) ||
		n.ConntrackLost != nil && n.ConntrackLost.Drop > 0
}

// roundTrip is a generous time for an answer to come: what may be on its way
// for so long is not waiting.
const roundTrip = 0.25 // seconds

// unheard returns how many of the attempts that have been there for some ticks
// have really gone unheard. A busy destination always has some on their way:
// their usual number is taken off, unless SYNs are seen to be sent again. (That
// none is says little: it is done ever more seldom.)
func unheard(attempts int, t *Trouble, opens float64) int {
	if t != nil && t.SynRetransmits+t.TimedOut > 0 {
		return attempts
	}
	return max(attempts-int(math.Ceil(opens*roundTrip)), 0)
}
