package live

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
)

// cloudNodes keeps the nodes that a cloud is asked about.
type cloudNodes struct {
	mu   sync.Mutex
	all  map[string]cloud.Node
	told chan []cloud.Node
}

func newCloudNodes() *cloudNodes {
	return &cloudNodes{all: map[string]cloud.Node{}, told: make(chan []cloud.Node, 1)}
}

// apply takes a change and tells the nodes when they are others than before.
func (c *cloudNodes) apply(ch inventory.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := false
	for _, name := range ch.GoneNodes {
		if _, ok := c.all[name]; ok {
			delete(c.all, name)
			changed = true
		}
	}
	for i := range ch.Nodes {
		n := &ch.Nodes[i]
		is := cloud.Node{Name: n.Name, InternalIP: n.InternalIP, ProviderID: n.ProviderID}
		if c.all[n.Name] != is {
			c.all[n.Name] = is
			changed = true
		}
	}
	if !changed {
		return
	}
	list := make([]cloud.Node, 0, len(c.all))
	for _, n := range c.all {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b cloud.Node) int { return cmp.Compare(a.Name, b.Name) })
	// Only the newest list counts: one that nobody has taken yet is replaced.
	select {
	case <-c.told:
	default:
	}
	c.told <- list
}

// watchCloud tells what the cloud measures until ctx ends. Nothing waits for
// it, and what fails there is told as a reading's problem.
func (s *source) watchCloud(ctx context.Context, sink session.Sink) {
	// It ends with ctx, or has nothing to follow.
	_ = s.opts.Cloud.Watch(ctx, s.cloudNodes.told, func(r cloud.Reading) {
		sink.Put(session.Event{Time: s.opts.Now(), Cloud: &r})
	})
}
