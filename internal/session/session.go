package session

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// Options are what an operator decides.
type Options struct {
	// Provider overrides what the nodes' provider IDs suggest, unless it is
	// empty or ProviderAuto.
	Provider snat.Provider
	// SNATPorts is the ports of each node, when the operator gives them.
	SNATPorts int
	// Private are the ranges that the operator declares private.
	Private []snat.Range
}

// Session merges what a source tells into pictures. All its methods are safe
// for concurrent use.
type Session struct {
	opts Options

	mu      sync.Mutex
	nodes   map[string]*node
	names   *names
	cluster Cluster
	problem string
	done    bool
	started time.Time
	now     time.Time
	class   *snat.Classifier
	// classes remembers answers for addresses while class lives.
	picture *Snapshot
	dirty   bool
	focus   wish
	source  Source

	changed chan struct{}
}

// wish is the owner whose processes are wanted.
type wish struct {
	node  string
	owner Key
	all   bool
	sent  Focus
}

// New returns an empty session.
func New(opts Options) *Session {
	return &Session{
		opts: opts, nodes: make(map[string]*node), names: newNames(),
		class:   snat.NewClassifier(opts.Private...),
		picture: &Snapshot{}, changed: make(chan struct{}, 1),
	}
}

// Run feeds the session from a source until ctx ends or the source does. It
// may be called once.
func (s *Session) Run(ctx context.Context, src Source) error {
	s.mu.Lock()
	s.source = src
	s.refocus()
	s.mu.Unlock()
	err := src.Run(ctx, s)
	s.mu.Lock()
	s.done, s.dirty = true, true
	if err != nil && ctx.Err() == nil {
		s.problem = clean(err.Error())
	}
	s.mu.Unlock()
	close(s.changed)
	return err
}

// Changed implements View.
func (s *Session) Changed() <-chan struct{} { return s.changed }

// Put implements Sink.
func (s *Session) Put(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.apply(e)
	s.dirty = true
	s.refocus()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Session) apply(e Event) {
	if e.Time.After(s.now) {
		s.now = e.Time
	}
	if s.started.IsZero() {
		s.started = e.Time
	}
	switch {
	case e.Cluster != nil:
		c := e.Cluster
		s.cluster = Cluster{Context: clean(c.Context), ServerVersion: clean(c.ServerVersion), Source: clean(c.Source), Provider: s.cluster.Provider}
		if c.Provider != "" {
			s.cluster.Provider = c.Provider
		}
	case e.Objects != nil:
		s.objects(e.Objects)
	case e.Problem != nil:
		s.problem = clean(*e.Problem)
	case e.Node != "":
		s.nodeEvent(s.node(clean(e.Node)), e)
	}
}

func (s *Session) nodeEvent(n *node, e Event) {
	n.built = nil
	switch {
	case e.State != nil:
		n.state = *e.State
		n.state.Error, n.state.Progress, n.state.Rung = clean(n.state.Error), clean(n.state.Progress), clean(n.state.Rung)
		n.state.Scoped = cleanAll(n.state.Scoped)
	case e.Hello != nil:
		h := *e.Hello
		h.Collector, h.Kernel, h.Hostname, h.Probe = clean(h.Collector), clean(h.Kernel), clean(h.Hostname), clean(h.Probe)
		h.Features = slices.Clone(h.Features)
		for i := range h.Features {
			h.Features[i].Name, h.Features[i].Detail = clean(h.Features[i].Name), clean(h.Features[i].Detail)
		}
		n.stream(e.PodUID).hello = &h
	case e.Tick != nil:
		if n.since.IsZero() {
			n.since = e.Time
		}
		n.stream(e.PodUID).apply(n, e.Tick, e.Time, s.provider().Hold())
	case e.Bye != nil:
		if e.Bye.Failed {
			n.state.Error = clean(e.Bye.Reason)
		}
	}
}

func (s *Session) objects(c *inventory.Change) {
	for _, name := range c.GoneNodes {
		delete(s.nodes, name)
	}
	if s.names.apply(c) {
		s.class = snat.NewClassifier(append(s.names.ranges(), s.opts.Private...)...)
		for name := range s.names.nodes {
			s.node(name)
		}
	}
	// Names of pods and addresses stand on every node's pages.
	for _, n := range s.nodes {
		n.built = nil
	}
}

func (s *Session) node(name string) *node {
	n := s.nodes[name]
	if n == nil {
		n = newNode(name)
		s.nodes[name] = n
	}
	return n
}

// provider is what translates the cluster's addresses, as far as is known.
func (s *Session) provider() snat.Provider {
	if p := s.opts.Provider; p != "" && p != snat.ProviderAuto {
		return p
	}
	if s.cluster.Provider != "" {
		return s.cluster.Provider
	}
	for _, name := range slices.Sorted(maps.Keys(s.names.nodes)) {
		if p := snat.FromProviderID(s.names.nodes[name].ProviderID); p != snat.ProviderUnknown {
			return p
		}
	}
	return snat.ProviderUnknown
}

// FocusOn implements View.
func (s *Session) FocusOn(nodeName string, owner Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.focus.node, s.focus.owner, s.focus.all = nodeName, owner, false
	s.refocus()
}

// FocusAll asks for the processes of every owner: what a report needs.
func (s *Session) FocusAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.focus = wish{all: true}
	s.refocus()
}

// refocus tells the source what is wanted, when that has changed: an owner's
// number changes when its probe starts anew.
func (s *Session) refocus() {
	if s.source == nil {
		return
	}
	want := Focus{All: s.focus.all, Node: s.focus.node}
	if n := s.nodes[s.focus.node]; n != nil && !want.All {
		for _, st := range n.streams {
			for id, o := range st.owners {
				if n.ownerKey(st, o) == s.focus.owner {
					want.Owners = append(want.Owners, id)
				}
			}
		}
		slices.Sort(want.Owners)
	}
	was := s.focus.sent
	if was.All == want.All && was.Node == want.Node && slices.Equal(was.Owners, want.Owners) {
		return
	}
	s.focus.sent = want
	s.source.Focus(want)
}

// clean makes text of a cluster safe to keep: one line, printable, bounded.
func clean(text string) string {
	if len(text) > maxTextBytes {
		text = strings.ToValidUTF8(text[:maxTextBytes], "")
	}
	return sanitize.Text(text)
}

func cleanAll(texts []string) []string {
	const most = 32
	out := make([]string, 0, min(len(texts), most))
	for _, t := range texts[:min(len(texts), most)] {
		out = append(out, clean(t))
	}
	return out
}
