package session

import (
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
	flows   map[flowKey]*flow
	owners  map[Key]ownerSeen
	since   time.Time
	// estimates is the trend of the ports; hist and hists are the node's and
	// its owners' numbers over the last minutes.
	estimates trend
	hist      history
	noted     time.Time
	hists     map[Key]*history
	// budget is the one that holds, and budgetWas its last change.
	budget    snat.Budget
	budgetWas *BudgetChange
	// pulses is what happens towards each destination that takes ports, as of
	// the picture that was made last.
	pulses map[snat.Dest]*pulse
	slab   []pulse
	egress egress
	// handovers are the newest, oldest first.
	handovers []Handover
	// built is the picture made last; nil when something has changed since.
	built *Node
	// wake is when a picture changes by itself: a port cools down, a rate
	// fades.
	wake time.Time
}

// ownerSeen is what probes said of an owner; it outlives the probe's memory of
// it for as long as flows of it cool down.
type ownerSeen struct {
	podUID string
	wire   wire.Owner
}

func newNode(name string) *node {
	return &node{
		name: name, state: NodeState{State: StateWaiting},
		streams: make(map[string]*stream), flows: make(map[flowKey]*flow), owners: make(map[Key]ownerSeen),
		hists: make(map[Key]*history),
	}
}

// flow returns a destination's memory, making it when it is new.
func (n *node) flow(k flowKey) *flow {
	f := n.flows[k]
	if f == nil {
		f = &flow{key: k}
		n.flows[k] = f
	}
	return f
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

// remember keeps what a probe said of an owner, and returns the owner's key.
func (n *node) remember(st *stream, o *wire.Owner) Key {
	key, podUID := ownerKey(st, o)
	n.owners[key] = ownerSeen{podUID: podUID, wire: *o}
	return key
}

// stream returns the stream of a probe, making it when it is new.
func (n *node) stream(podUID string) *stream {
	st := n.streams[podUID]
	if st == nil {
		st = newStream(podUID)
		n.streams[podUID] = st
	}
	return st
}

// tidy forgets flows that hold nothing any more, and owners without flows.
// How long connections lived is kept for those above them: who is asked about
// a node must not hear of fewer and fewer.
func (n *node) tidy(now time.Time, counts func(flowKey) bool) {
	used := make(map[Key]bool, len(n.owners))
	for k, f := range n.flows {
		if f.idle(now) {
			if f.lives != nil && f.current() && counts(k) {
				f.stream.bury(k.owner, f.lives)
			}
			delete(n.flows, k)
			continue
		}
		used[k.owner] = true
	}
	for k := range n.owners {
		if !used[k] {
			delete(n.owners, k)
			delete(n.hists, k)
		}
	}
	for _, st := range n.streams {
		for k, l := range st.ended {
			if !used[k] {
				st.endedElsewhere.add(l)
				delete(st.ended, k)
			}
		}
	}
}
