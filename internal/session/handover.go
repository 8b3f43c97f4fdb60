package session

import (
	"strings"
	"time"
)

// Handover is a collector that failed while it ran, and the one that took
// over. What happened around that moment was not counted.
type Handover struct {
	At time.Time
	// From and To are collectors, by their names on the wire; From is empty
	// when it was never told.
	From, To string
	// Reason is what the probe said of it; may be empty.
	Reason string
}

// handOver notes that a collector took over on a stream, when that is what a
// tick says.
func (st *stream) handOver(n *node, to string, now time.Time) {
	if to = clean(to); to == "" || to == st.collector {
		return
	}
	h := Handover{At: now, From: st.collector, To: to, Reason: clean(strings.Join(st.problems, "; "))}
	st.collector = to
	n.restart()
	// What pictures hold shares the old array: never append in place.
	keep := n.handovers[max(0, len(n.handovers)-maxHandovers+1):]
	n.handovers = append(append(make([]Handover, 0, len(keep)+1), keep...), h)
}
