package session

import (
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// What is remembered of a node's numbers is noted with each of its pictures
// while they are live. A recording goes by faster than anybody looks, or is
// skipped through, and is to give the same each time: there it is noted with
// its ticks, and no picture is drawn for it.

// noteStep is how often the numbers of a recording are noted: with each second
// tick of a second, which may come a little early. Levels remember half a
// minute, and trends have a value every five seconds.
const noteStep = 1900 * time.Millisecond

// tidy forgets what nothing is left of.
func (s *Session) tidy(n *node) {
	n.tidy(s.now, func(f *flow) bool {
		c, _, _ := s.class(n, f.holder, f.card.at.dest())
		return c.Eligible && f.card.at.protocol == snat.TCP
	})
}

// note remembers a node's numbers as they stand, as its picture would.
func (s *Session) note(n *node) {
	now := s.now
	n.noted = now
	info := s.names.nodes[n.name]
	n.egress = egressOf(info)
	s.refresh(n, true)
	head := Node{Name: n.name, InternalIP: info.InternalIP}
	if m, ok := s.cloud.Node(n.name, info.InternalIP); ok {
		head.Measured = &m
	}
	budget := s.budget(&head)
	n.budgeted(budget, now)

	var all Counts
	for _, h := range n.order {
		sums := &h.head.Counts
		h.hist.note(h.tcp.Bounds(budget.Limit()).Estimate, sums.Open, sums.OpensPerSecond, sums.FailedPerSecond, now)
		merge(&all, sums)
	}
	s.used(n, budget)
	estimate := n.use.tcp.Estimate
	n.estimates.note(estimate, momentOf(now))
	n.hist.note(estimate, all.Open, all.OpensPerSecond, all.FailedPerSecond, now)
}
