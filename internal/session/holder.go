package session

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// holder is the session's own, changing side of an Owner.
type holder struct {
	key  Key
	node *node
	// podUID and seen are what probes said of the owner; they outlive the
	// probe's memory of it for as long as flows of it cool down.
	podUID string
	seen   *wire.Owner
	// flows are in the order of the cards, and those without one behind them.
	// index finds them where they are many.
	flows []*flow
	index *index
	// awake are the flows that something was told of, or that change by
	// themselves; all others are as their cards say.
	awake []*flow
	hist  history

	// cards are what is to be said of the flows, worst first, as the picture
	// made last has them: a list is never written again. dirty means that flows
	// were forgotten, and era is by which rules the cards were made.
	cards []*card
	dirty bool
	era   uint64
	// head is the owner as the picture made last has it, with the names of that
	// version; loose means that none has it yet, and renamed that what probes
	// say of it is another. Its numbers are the sums of the cards, and what
	// depends on more than those is worked out again for each picture. peaks
	// are the ports of TCP and UDP without a budget.
	head     *Owner
	names    uint64
	loose    bool
	renamed  bool
	tcp, udp snat.Peaks
}

// owner returns the head, to be written to.
func (h *holder) owner() *Owner {
	if !h.loose {
		mine := *h.head
		h.head, h.loose = &mine, true
	}
	return h.head
}

// indexFrom is from how many flows on a holder has an index of them.
const indexFrom = 64

// find returns the flow to a destination, or nil.
func (h *holder) find(t target) *flow {
	if h.index != nil {
		return h.index.find(t)
	}
	for _, f := range h.flows {
		if f.card.at == t {
			return f
		}
	}
	return nil
}

// add makes room for a destination.
func (h *holder) add(t target) *flow {
	f := &flow{holder: h, card: &card{at: t}}
	f.set(loose, true)
	h.flows = append(h.flows, f)
	switch {
	case h.index != nil:
		h.index.add(f)
	case len(h.flows) > indexFrom:
		h.index = indexOf(h.flows)
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
func (h *holder) tidy(now time.Time, bury func(*flow)) (buried int) {
	kept := h.awake[:0]
	for _, f := range h.awake {
		if !f.idle(now) {
			kept = append(kept, f)
			continue
		}
		bury(f)
		f.set(awake, false)
		f.set(gone, true)
		buried++
	}
	clear(h.awake[len(kept):])
	h.awake = kept
	if buried == 0 {
		return 0
	}
	h.dirty = true
	carded := len(h.cards)
	cards := make([]*card, 0, max(carded-buried, 0))
	flows := h.flows[:0]
	for i, f := range h.flows {
		if f.is(gone) {
			continue
		}
		if i < carded {
			cards = append(cards, h.cards[i])
		}
		flows = append(flows, f)
	}
	clear(h.flows[len(flows):])
	h.flows, h.cards = flows, cards
	if len(h.flows)*4 < cap(h.flows) {
		h.flows = slices.Clone(h.flows)
	}
	if h.index != nil {
		h.index = indexOf(h.flows)
	}
	return buried
}

// room is what refreshing an owner takes for a moment.
type room struct{ changed, flows []*flow }

// refresh makes the cards anew of the flows that are awake, and puts them in
// order. rests says of which of them nothing will change by itself.
func (h *holder) refresh(room *room, anew func(*flow), rests func(*flow) bool) {
	for _, f := range h.awake {
		anew(f)
	}
	room.changed = append(room.changed[:0], h.awake...)
	slices.SortFunc(room.changed, func(a, b *flow) int { return a.card.compare(b.card) })
	h.merge(room)

	still := h.awake[:0]
	for _, f := range h.awake {
		f.set(loose, false) // the picture has its card
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
func (h *holder) merge(room *room) {
	cards, flows := make([]*card, 0, len(h.flows)), room.flows[:0]
	add := func(f *flow) {
		cards, flows = append(cards, f.card), append(flows, f)
	}
	changed := room.changed
	for _, f := range h.flows[:len(h.cards)] {
		if f.is(awake) {
			continue // it is among the changed
		}
		for len(changed) > 0 && changed[0].card.compare(f.card) < 0 {
			add(changed[0])
			changed = changed[1:]
		}
		add(f)
	}
	for _, f := range changed {
		add(f)
	}
	if cap(h.flows) > len(flows)+len(flows)/8 {
		h.flows = make([]*flow, len(flows)) // it has grown in leaps
	}
	copy(h.flows, flows)
	h.cards, room.flows = cards, flows
}
