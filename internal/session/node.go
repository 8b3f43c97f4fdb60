package session

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// node is the session's own, changing side of a Node.
type node struct {
	name    string
	state   NodeState
	streams map[string]*stream
	// numbered are the streams in the order in which they came: flows know them
	// by their numbers.
	numbered []*stream
	// holders are the owners, and order lists them by their keys. count is how
	// many flows they have.
	holders map[Key]*holder
	order   []*holder
	count   int
	since   time.Time
	// estimates is the trend of the ports; hist is the node's numbers over the
	// last minutes.
	estimates trend
	hist      history
	noted     time.Time
	// budget is the one that holds, and budgetWas its last change.
	budget    snat.Budget
	budgetWas *BudgetChange
	// use is what the node's destinations ask for, by the budget that holds; old
	// means that it is to be worked out anew. pulses are what it follows from,
	// kept where a pool is shared.
	use    use
	old    bool
	pulses *pulses
	egress egress
	// handovers are the newest, oldest first.
	handovers []Handover
	// built is the picture made last; nil when something has changed since.
	built *Node
	// wake is when a picture changes by itself: a port cools down, a rate
	// fades.
	wake time.Time
}

func newNode(name string) *node {
	return &node{
		name: name, state: NodeState{State: StateWaiting},
		streams: make(map[string]*stream), holders: make(map[Key]*holder),
	}
}

// holder returns an owner's memory, making it when it is new.
func (n *node) holder(key Key) *holder {
	h := n.holders[key]
	if h == nil {
		h = &holder{key: key, node: n, seen: &wire.Owner{}}
		n.holders[key] = h
		at, _ := slices.BinarySearchFunc(n.order, key, func(h *holder, key Key) int { return cmp.Compare(h.key, key) })
		n.order = slices.Insert(n.order, at, h)
	}
	return h
}

// flow returns a destination's memory, making it when it is new.
func (n *node) flow(h *holder, t target) *flow {
	f := h.find(t)
	if f == nil {
		f = h.add(t)
		n.count++
	}
	return f
}

// restart says that the cards of all flows are to be made anew: what can be
// seen of them is another.
func (n *node) restart() {
	for _, h := range n.order {
		h.era = 0
	}
}

// ownerKey names an owner across streams and gaps, and says what names its
// pod: a UID, a static pod's hash or a container; "" when it has none.
func ownerKey(st *stream, o *wire.Owner) (key Key, podUID string) {
	switch {
	case st.podUID != "":
		podUID = st.podUID
	case o.PodUID != "":
		podUID = o.PodUID
	case len(o.ContainerIDs) > 0:
		// A private cgroup namespace hides the pod's UID: the container tells.
		podUID = o.ContainerIDs[0]
	case o.HostNetwork:
		return Key("host/" + o.Unit), ""
	default:
		// The same command may run in many namespaces.
		return Key("netns/" + strconv.FormatUint(o.NetNS, 10) + "/" + o.Unit), ""
	}
	return Key("pod/" + podUID), podUID
}

// remember keeps what a probe said of an owner, and returns its memory.
func (n *node) remember(st *stream, o *wire.Owner) *holder {
	key, podUID := ownerKey(st, o)
	h := n.holder(key)
	if h.seen != o || h.podUID != podUID {
		h.seen, h.podUID, h.renamed = o, podUID, true
	}
	return h
}

// stream returns the stream of a probe, making it when it is new.
func (n *node) stream(podUID string) *stream {
	st := n.streams[podUID]
	if st == nil {
		st = newStream(podUID, len(n.numbered))
		n.streams[podUID] = st
		n.numbered = append(n.numbered, st)
	}
	return st
}

// tidy forgets flows that hold nothing any more, and owners without flows.
// How long connections lived is kept for those above them: who is asked about
// a node must not hear of fewer and fewer.
func (n *node) tidy(now time.Time, counts func(*flow) bool) {
	left := false
	for _, h := range n.order {
		n.count -= h.tidy(now, func(f *flow) {
			if m := f.moving; m != nil && m.lives != nil && f.current() && counts(f) {
				f.stream().bury(h.key, m.lives)
			}
		})
		left = left || len(h.flows) == 0
	}
	if !left {
		return
	}
	n.order = slices.DeleteFunc(n.order, func(h *holder) bool {
		if len(h.flows) > 0 {
			return false
		}
		delete(n.holders, h.key)
		for _, st := range n.streams {
			if l := st.ended[h.key]; l != nil {
				st.endedElsewhere.add(l)
				delete(st.ended, h.key)
			}
		}
		n.old = true
		return true
	})
}
