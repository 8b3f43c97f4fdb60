// Package local is the source that reads the host it runs on, in process and
// without a cluster.
package local

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe"
	"github.com/snattop/snattop/probe/wire"
)

// Source reads this host.
type Source struct {
	cfg  probe.Config
	now  func() time.Time
	name string

	mu      sync.Mutex
	wanted  wire.Focus
	pending chan struct{}
}

// New returns a source that runs a probe of this configuration in process.
func New(cfg probe.Config) (*Source, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("reading this host: %w", probe.ErrUnsupported)
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("reading this host's name: %w", err)
	}
	return &Source{cfg: cfg, now: time.Now, name: name, pending: make(chan struct{}, 1)}, nil
}

// Focus implements session.Source.
func (s *Source) Focus(f session.Focus) {
	s.mu.Lock()
	s.wanted = wire.Focus{All: f.All, Owners: f.Owners}
	s.mu.Unlock()
	select {
	case s.pending <- struct{}{}:
	default: // the newest wish is read anyway
	}
}

// Run implements session.Source.
func (s *Source) Run(ctx context.Context, sink session.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sink.Put(session.Event{Time: s.now(), Cluster: &session.ClusterInfo{Context: "local", Source: "local", Provider: snat.ProviderUnknown}})
	sink.Put(session.Event{Time: s.now(), Objects: &inventory.Change{Nodes: []inventory.Node{
		{Name: s.name, OS: runtime.GOOS, Arch: runtime.GOARCH, Ready: true},
	}}})
	sink.Put(session.Event{Time: s.now(), Node: s.name, State: &session.NodeState{State: session.StateConnecting, Progress: "reading this host's sockets"}})

	commands := make(chan wire.Command)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.pass(ctx, commands) })
	err := probe.Run(ctx, s.cfg, commands, &output{s: s, sink: sink})
	cancel()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("reading this host's sockets: %w", err)
	}
	return err
}

// pass hands the newest wish to the probe.
func (s *Source) pass(ctx context.Context, commands chan<- wire.Command) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.pending:
		}
		s.mu.Lock()
		f := s.wanted
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case commands <- wire.Command{Focus: &f}:
		}
	}
}

// output turns what the probe tells into events.
type output struct {
	s         *Source
	sink      session.Sink
	streaming bool
}

func (o *output) event() session.Event { return session.Event{Time: o.s.now(), Node: o.s.name} }

func (o *output) Hello(h *wire.Hello) error {
	e := o.event()
	e.Hello = h
	o.sink.Put(e)
	return nil
}

func (o *output) Tick(t *wire.Tick) error {
	if !o.streaming {
		o.streaming = true
		e := o.event()
		e.State = &session.NodeState{State: session.StateStreaming, Rung: "this host"}
		o.sink.Put(e)
	}
	e := o.event()
	e.Tick = t
	o.sink.Put(e)
	return nil
}

func (o *output) Bye(b *wire.Bye) error {
	e := o.event()
	e.Bye = b
	o.sink.Put(e)
	return nil
}
