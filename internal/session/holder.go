package session

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// holder is the session's own, changing side of an Owner.
type holder struct {
	key Key
	// podUID and seen are what probes said of the owner; they outlive the
	// probe's memory of it for as long as flows of it cool down.
	podUID string
	seen   *wire.Owner
	// flows are in the order of the cards, and those without one behind them.
	// index finds them where they are many.
	flows []*flow
	index map[target]*flow
	// awake are the flows that something was told of, or that change by
	// themselves; all others are as their cards say.
	awake []*flow
	hist  history

	// What follows is what pictures are made of; they share it, and it is never
	// written again.
	//
	// cards are what is to be said of the flows, worst first. dirty means that
	// flows were forgotten, and era is by which rules the cards were made.
	cards []card
	dirty bool
	era   uint64
	// head is the owner without numbers, made of the names of that version.
	head  *Owner
	names uint64
	// sums are those of the cards, without what depends on the budget; peaks
	// are the ports of TCP and UDP without one.
	sums     Counts
	tcp, udp snat.Peaks
}

// indexFrom is from how many flows on a holder has an index of them.
const indexFrom = 64

// find returns the flow to a destination, or nil.
func (h *holder) find(t target) *flow {
	if h.index != nil {
		return h.index[t]
	}
	for _, f := range h.flows {
		if f.at == t {
			return f
		}
	}
	return nil
}

// add makes room for a destination.
func (h *holder) add(t target) *flow {
	f := &flow{holder: h, at: t}
	f.put(len(h.flows))
	h.flows = append(h.flows, f)
	switch {
	case h.index != nil:
		h.index[t] = f
	case len(h.flows) > indexFrom:
		h.index = make(map[target]*flow, 2*indexFrom)
		for _, f := range h.flows {
			h.index[f.at] = f
		}
	}
	f.wake()
	return f
}

// wake says that something was told of the flow.
func (f *flow) wake() {
	if !f.is(awake) {
		f.set(awake, true)
		f.holder.awake = append(f.holder.awake, f)
	}
}

// tidy forgets the flows that hold nothing any more, after bury was told of
// them, and lets go of what has come to its end in others.
func (h *holder) tidy(now time.Time, bury func(*flow)) (gone int) {
	kept := h.awake[:0]
	for _, f := range h.awake {
		if !f.idle(now) {
			kept = append(kept, f)
			continue
		}
		bury(f)
		f.set(awake, false)
		f.told = nil // it is gone
		gone++
	}
	clear(h.awake[len(kept):])
	h.awake = kept
	if gone == 0 {
		return 0
	}
	h.dirty = true
	carded := len(h.cards)
	cards := make([]card, 0, max(carded-gone, 0))
	flows := h.flows[:0]
	for i, f := range h.flows {
		if f.told == nil {
			delete(h.index, f.at)
			continue
		}
		if i < carded {
			cards = append(cards, h.cards[i])
		}
		f.put(len(flows))
		flows = append(flows, f)
	}
	clear(h.flows[len(flows):])
	h.flows, h.cards = flows, cards
	if len(h.flows)*4 < cap(h.flows) {
		h.flows = slices.Clone(h.flows)
	}
	return gone
}

// moved is a flow and what is to be said of it now.
type moved struct {
	card card
	flow *flow
}

// refresh makes the cards anew of the flows that are awake, and puts them in
// order. rests says of which of them nothing will change by itself.
func (h *holder) refresh(anew func(*flow, *card) card, rests func(*flow) bool) {
	changed := make([]moved, 0, len(h.awake))
	for _, f := range h.awake {
		var was *card
		if f.pos() < len(h.cards) {
			was = &h.cards[f.pos()]
		}
		changed = append(changed, moved{anew(f, was), f})
	}
	slices.SortFunc(changed, func(a, b moved) int { return a.card.compare(&b.card) })
	h.merge(changed)

	still := h.awake[:0]
	for _, f := range h.awake {
		if rests(f) {
			f.set(awake, false)
		} else {
			still = append(still, f)
		}
	}
	clear(h.awake[len(still):])
	if h.awake = still; len(still) == 0 {
		h.awake = nil
	}
}

// merge puts cards that have changed among those that have not, which are in
// order already.
func (h *holder) merge(changed []moved) {
	cards, flows := make([]card, 0, len(h.flows)), make([]*flow, 0, len(h.flows))
	add := func(c *card, f *flow) {
		f.put(len(flows))
		cards, flows = append(cards, *c), append(flows, f)
	}
	next := 0
	for i := range h.cards {
		f := h.flows[i]
		if f.is(awake) {
			continue // it is among the changed
		}
		for ; next < len(changed) && changed[next].card.compare(&h.cards[i]) < 0; next++ {
			add(&changed[next].card, changed[next].flow)
		}
		add(&h.cards[i], f)
	}
	for ; next < len(changed); next++ {
		add(&changed[next].card, changed[next].flow)
	}
	h.cards, h.flows = cards, flows
}
