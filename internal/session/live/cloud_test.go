package live

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// slowCloud answers every list of nodes with a reading that names them, when
// it is allowed to.
type slowCloud struct {
	allow chan struct{}
	mu    sync.Mutex
	ended bool
}

func (c *slowCloud) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	defer func() { c.mu.Lock(); c.ended = true; c.mu.Unlock() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.allow:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case list := <-nodes:
			r := cloud.Reading{Provider: snat.ProviderAzureLB, Source: "a test"}
			for _, n := range list {
				r.Nodes = append(r.Nodes, cloud.NodeReading{Name: n.Name, IP: n.InternalIP})
			}
			tell(r)
		}
	}
}

func TestCloudIsToldTheNewestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster()
		asked := &slowCloud{allow: make(chan struct{})}
		src := newSource(fake, Options{Cloud: asked, MaxNodes: 1})
		s := session.New(session.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, src) }()

		node := func(name string) inventory.Node { return inventory.Node{Name: name, InternalIP: "10.0.0." + name} }
		fake.changes <- inventory.Change{Nodes: []inventory.Node{node("1"), node("2")}}
		fake.changes <- inventory.Change{Pods: []inventory.Pod{{UID: "u", Name: "p"}}}
		fake.changes <- inventory.Change{Nodes: []inventory.Node{node("3")}, GoneNodes: []string{"1"}}
		synctest.Wait()
		// A cloud that answers late holds up nothing, and hears the newest list.
		if pic := s.Snapshot(); len(pic.Nodes) != 2 || pic.Cloud != nil {
			t.Fatalf("%d nodes and %+v before the cloud has answered", len(pic.Nodes), pic.Cloud)
		}
		asked.allow <- struct{}{}
		synctest.Wait()
		pic := s.Snapshot()
		var names []string
		for _, n := range pic.Nodes {
			if n.Measured != nil {
				names = append(names, n.Measured.Name)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"2", "3"}) || pic.Cluster.Provider != snat.ProviderAzureLB {
			t.Errorf("the cloud was told of %q by %s", names, pic.Cluster.Provider)
		}
		cancel()
		<-ended
		if !asked.ended {
			t.Error("the cloud is still asked after the end")
		}
	})
}
