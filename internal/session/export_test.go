package session

// Forget makes a session make its next pictures of nodes from nothing: what
// those are held against that are made of what has changed. When a picture of
// a node is due it leaves alone.
func (s *Session) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		n.old = true
		for _, h := range n.order {
			h.cards, h.head, h.era = nil, nil, 0
			for _, f := range h.flows {
				f.edit().kind = nil
			}
		}
	}
	s.kinds = make(kinds)
}

// SameCards reports whether the pictures of two owners share what they say of
// their destinations.
func SameCards(a, b *Owner) bool {
	return len(a.cards) > 0 && len(b.cards) > 0 && &a.cards[0] == &b.cards[0]
}
