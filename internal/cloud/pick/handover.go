package pick

import (
	"context"
	"slices"
	"sync"

	"github.com/snattop/snattop/internal/cloud"
)

// handover stands between the channel of all nodes and a reader: it passes on
// those of one cloud, the newest set only, and adds to each reading what it
// knows of the others.
type handover struct {
	read scheme
	// out holds the newest set that the reader has not taken yet.
	out chan []cloud.Node

	mu     sync.Mutex
	known  []cloud.Node
	mixed  []cloud.Problem // none or one
	toTell func(cloud.Reading)
}

func newHandover(read scheme, first []cloud.Node, tell func(cloud.Reading)) *handover {
	h := &handover{read: read, out: make(chan []cloud.Node, 1), toTell: tell}
	h.take(first)
	return h
}

// pump passes on sets of nodes until ctx ends.
func (h *handover) pump(ctx context.Context, nodes <-chan []cloud.Node) {
	for {
		select {
		case <-ctx.Done():
			return
		case set, open := <-nodes:
			if !open {
				return
			}
			h.take(set)
		}
	}
}

// take makes a set the newest.
func (h *handover) take(nodes []cloud.Node) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = only(nodes, h.read)
	h.mixed = nil
	if p, ok := mixed(count(nodes), h.read); ok {
		h.mixed = []cloud.Problem{p}
	}
	h.offer()
}

// again offers the newest set to another reader.
func (h *handover) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offer()
}

// offer puts the newest set where the reader finds it, in place of one that it
// has not taken. h.mu is held, so nobody else sends.
func (h *handover) offer() {
	select {
	case <-h.out:
	default:
	}
	h.out <- h.known
}

// tell passes a reading on.
func (h *handover) tell(r cloud.Reading) {
	h.mu.Lock()
	mixed := h.mixed
	h.mu.Unlock()
	// The reader keeps its own list.
	r.Problems = append(slices.Clone(r.Problems), mixed...)
	h.toTell(r)
}

// tellProblem is a reading of nothing but a problem.
func (h *handover) tellProblem(p cloud.Problem) {
	c := schemes[h.read]
	h.tell(cloud.Reading{Provider: c.provider, Source: c.source, Problems: []cloud.Problem{p}})
}
