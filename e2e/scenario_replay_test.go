//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
)

// sample is what snattop said of a node at one moment.
type sample struct {
	at      time.Time
	ports   snat.Ports
	budget  int
	verdict snat.Verdict
	why     []string
	fullIn  *time.Duration
}

// replay plays a recording through a session and takes a sample after each tick
// of the node: what an operator would have seen, at the time.
func replay(file, node string, opts session.Options) ([]sample, error) {
	player, err := recording.Open(file, 0)
	if err != nil {
		return nil, err
	}
	sess := session.New(opts)
	sampler := &sampler{session: sess, node: node}
	if err := sess.Run(context.Background(), tap{player, sampler}); err != nil {
		return nil, err
	}
	return sampler.samples, nil
}

// streams fails until a recording holds numbers of a node.
func streams(file, node string) error {
	samples, err := replay(file, node, session.Options{})
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return fmt.Errorf("no numbers of %s in %s", node, file)
	}
	return nil
}

// tap puts a sampler between a source and its session.
type tap struct {
	session.Source

	sampler *sampler
}

// Run implements session.Source.
func (t tap) Run(ctx context.Context, sink session.Sink) error {
	t.sampler.sink = sink
	return t.Source.Run(ctx, t.sampler)
}

// sampler hands events on and looks at what came of them.
type sampler struct {
	sink    session.Sink
	session *session.Session
	node    string
	samples []sample
}

// Put implements session.Sink.
func (s *sampler) Put(e session.Event) {
	s.sink.Put(e)
	if e.Tick == nil || e.Node != s.node {
		return
	}
	n := s.session.Snapshot().Node(s.node)
	if n == nil {
		return
	}
	s.samples = append(s.samples, sample{at: e.Time, ports: n.Ports, budget: n.Budget.Ports, verdict: n.Verdict, why: n.Why, fullIn: n.FullIn})
}
