package session

import "hash/maphash"

// index finds the flows of a holder by their destinations: a table of open
// addresses, of which a third at least is free. The destinations stand in the
// flows' cards, and not here a second time.
type index struct {
	seed  maphash.Seed
	slots []*flow
	count int
}

// indexOf makes an index of flows.
func indexOf(flows []*flow) *index {
	size := 2 * indexFrom
	for 2*size < 3*len(flows) {
		size *= 2
	}
	x := &index{seed: maphash.MakeSeed(), slots: make([]*flow, size)}
	for _, f := range flows {
		x.add(f)
	}
	return x
}

// slot is where a destination stands, or would.
func (x *index) slot(t target) int {
	last := len(x.slots) - 1                       // of a power of two
	i := int(maphash.Comparable(x.seed, t)) & last //nolint:gosec // any bits will do
	for x.slots[i] != nil && x.slots[i].card.at != t {
		i = (i + 1) & last
	}
	return i
}

func (x *index) find(t target) *flow { return x.slots[x.slot(t)] }

// add enters a flow whose destination is not there yet.
func (x *index) add(f *flow) {
	if 3*(x.count+1) > 2*len(x.slots) {
		was := x.slots
		x.slots = make([]*flow, 2*len(was))
		for _, f := range was {
			if f != nil {
				x.slots[x.slot(f.card.at)] = f
			}
		}
	}
	x.slots[x.slot(f.card.at)] = f
	x.count++
}
