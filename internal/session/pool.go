package session

// pool judges the nodes that take their ports from one pool, as those behind a
// NAT gateway do: a destination is full when all of them together have used
// the pool up. Their numbers stay their own.
func (s *Session) pool(nodes []*Node) {
	var all pulses
	shared := false
	for _, n := range nodes {
		if !n.Budget.Shared {
			continue
		}
		shared = true
		list := s.nodes[n.Name].pulses.list
		for i := range list {
			all.to(list[i].at).add(&list[i])
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
		var mine pulses
		for _, p := range s.nodes[n.Name].pulses.list {
			sum := *all.to(p.at)
			sum.waiting, sum.failing = p.waiting, p.failing
			mine.list = append(mine.list, sum)
		}
		judged, use := *n, mine.useOf(n.Budget)
		s.judge(&judged, &use, &mine)
		nodes[i] = &judged
	}
}
