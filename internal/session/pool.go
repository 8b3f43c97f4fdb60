package session

import (
	"github.com/snattop/snattop/internal/snat"
)

// pool judges the nodes that take their ports from one pool, as those behind a
// NAT gateway do: a destination is full when all of them together have used
// the pool up. Their numbers stay their own.
func (s *Session) pool(nodes []*Node) {
	all := make(map[snat.Dest]*pulse)
	shared := false
	for _, n := range nodes {
		if !n.Budget.Shared {
			continue
		}
		shared = true
		for d, p := range s.nodes[n.Name].pulses {
			if all[d] == nil {
				all[d] = &pulse{}
			}
			all[d].add(p)
		}
	}
	if !shared {
		return
	}
	for i, n := range nodes {
		if !n.Budget.Shared {
			continue
		}
		// Only where the node has a part does a full destination concern it.
		mine := make(map[snat.Dest]*pulse)
		for d, p := range s.nodes[n.Name].pulses {
			sum := *all[d]
			sum.waiting, sum.failing = p.waiting, p.failing
			mine[d] = &sum
		}
		judged := *n
		s.judge(&judged, mine, boundsOf(mine, n.Budget))
		nodes[i] = &judged
	}
}
