package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/cloud"
	client "github.com/snattop/snattop/internal/cloud/azure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// direct hands requests to a handler without a network, so that the clock of a
// test stands still meanwhile.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	r.RequestURI = r.URL.RequestURI()
	d.handler.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := recorder.Result()
	resp.Request = r
	return resp, nil
}

// gateway is a gateway that says what it is told to.
type gateway struct {
	mu    sync.Mutex
	nodes []ground.NodeTruth
}

func (g *gateway) truth(context.Context) (ground.Truth, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return ground.Truth{At: time.Now(), Nodes: append([]ground.NodeTruth(nil), g.nodes...)}, nil
}

func (g *gateway) change(f func(nodes []ground.NodeTruth)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g.nodes)
}

func address(i int) string { return fmt.Sprintf("10.224.%d.%d", i/200, 5+i%200) }

// fleet makes nodes with a block of 1024 ports each: the first uses 100 TCP
// ports and 10 UDP ports, the next 200 and 20.
func fleet(n int) *gateway {
	g := &gateway{}
	for i := range n {
		g.nodes = append(g.nodes, ground.NodeTruth{
			Name: "node" + strconv.Itoa(i+1), IP: address(i), Block: ground.Block{First: 1024, Last: 2047},
			TCP: 100 * (i + 1), UDP: 10 * (i + 1), Passed: 1000, Refused: 500,
			Destinations: []ground.DestinationTruth{{Protocol: "tcp", Address: "20.60.1.9:443", Established: 100 * (i + 1)}},
		})
	}
	return g
}

func (g *gateway) clusterNodes() []cloud.Node {
	var nodes []cloud.Node
	for i, n := range g.nodes {
		nodes = append(nodes, cloud.Node{Name: n.Name, InternalIP: n.IP, ProviderID: "azure:///subscriptions/" + Subscription +
			"/resourceGroups/mc_rg_ground_weu/providers/Microsoft.Compute/virtualMachineScaleSets/aks-np1/virtualMachines/" + strconv.Itoa(i)})
	}
	return nodes
}

// bed is a client that watches an endpoint.
type bed struct {
	*testing.T
	server  *Server
	gateway *gateway
	nodes   chan []cloud.Node

	mu       sync.Mutex
	readings []cloud.Reading
}

// watch runs f while a client watches an endpoint for the gateway; all of it in
// a bubble of time of its own.
func watch(t *testing.T, g *gateway, o Options, wrap func(http.Handler) http.Handler, f func(*bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o.Source = g.truth
		server, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var handler http.Handler = server
		if wrap != nil {
			handler = wrap(server)
		}
		watcher, err := client.New(client.Options{Endpoint: "http://127.0.0.1:1", Transport: direct{handler}})
		if err != nil {
			t.Fatal(err)
		}
		b := &bed{T: t, server: server, gateway: g, nodes: make(chan []cloud.Node, 1)}
		var work sync.WaitGroup
		work.Go(func() { server.Run(ctx, func(err error) { t.Error(err) }) })
		settle(10 * time.Minute) // figures of some minutes are there before
		work.Go(func() {
			if err := watcher.Watch(ctx, b.nodes, b.tell); !errors.Is(err, context.Canceled) {
				t.Errorf("Watch ended with %v", err)
			}
		})
		b.nodes <- g.clusterNodes()
		f(b)
		cancel()
		work.Wait()
	})
}

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bed) tell(r cloud.Reading) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readings = append(b.readings, r)
}

// now is the newest reading.
func (b *bed) now() cloud.Reading {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.readings) == 0 {
		b.Fatal("nothing was told")
	}
	return b.readings[len(b.readings)-1]
}

// number shows a figure that may not be known.
func number(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}
