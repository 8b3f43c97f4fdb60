//go:build e2e && linux

package azure

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/cloud"
	client "github.com/snattop/snattop/internal/cloud/azure"
)

// extent is what a figure was between two moments.
type extent struct{ least, most int }

func (e *extent) add(n int, first bool) {
	if first {
		*e = extent{n, n}
	}
	e.least, e.most = min(e.least, n), max(e.most, n)
}

// TestGround reads a real gateway through the endpoint and the client, over
// real connections. Others may use the ground meanwhile: a figure has to lie
// between the least and the most that the gateway said.
func TestGround(t *testing.T) {
	g, err := ground.Attach()
	if err != nil {
		t.Fatalf("%v: make e2e-up", err)
	}
	var mu sync.Mutex
	used, block := map[string]extent{}, map[string]extent{}
	server, err := New(Options{Grain: 2 * time.Second, Every: 500 * time.Millisecond, Source: func(ctx context.Context) (ground.Truth, error) {
		truth, err := g.Truth(ctx)
		mu.Lock()
		defer mu.Unlock()
		for _, n := range truth.Nodes {
			u, known := used[n.IP]
			b := block[n.IP]
			u.add(n.TCP, !known)
			b.add(n.Block.Size(), !known)
			used[n.IP], block[n.IP] = u, b
		}
		return truth, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	watcher, err := client.New(client.Options{Endpoint: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	var nodes []cloud.Node
	for _, n := range g.Nodes() {
		nodes = append(nodes, cloud.Node{Name: n.Name, InternalIP: n.IP, ProviderID: n.ProviderID})
	}
	feed := make(chan []cloud.Node, 1)
	feed <- nodes
	told := make(chan cloud.Reading, 100)
	var work sync.WaitGroup
	work.Go(func() { server.Run(ctx, func(err error) { t.Error(err) }) })
	work.Go(func() { _ = watcher.Watch(ctx, feed, func(r cloud.Reading) { told <- r }) })
	defer work.Wait()
	defer cancel()
	for complete := 0; complete < 3; {
		select {
		case <-ctx.Done():
			t.Fatal("no three readings of all nodes within a minute")
		case r := <-told:
			if len(r.Nodes) != len(nodes) || len(r.Problems) > 0 {
				continue
			}
			complete++
			if p := r.Profile; p == nil || p.Outbound != "loadBalancer" || p.IPs != 1 || p.Nodes != len(nodes) {
				t.Errorf("profile %+v", r.Profile)
			}
			mu.Lock()
			for _, n := range r.Nodes {
				if u := used[n.IP]; n.TCP.Used == nil || *n.TCP.Used < u.least || *n.TCP.Used > u.most {
					t.Errorf("%s uses %d ports, the gateway said %+v", n.IP, number(n.TCP.Used), u)
				}
				if b := block[n.IP]; n.TCP.Allocated == nil || *n.TCP.Allocated < b.least || *n.TCP.Allocated > b.most {
					t.Errorf("%s has %d ports, the gateway said %+v", n.IP, number(n.TCP.Allocated), b)
				}
				if n.Both.Failed == nil {
					t.Errorf("%s: failed connections are not told", n.IP)
				}
			}
			mu.Unlock()
		}
	}
}
