package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Options are what an operator decides.
type Options struct {
	// Provider overrides what the nodes' provider IDs suggest, unless it is
	// empty or ProviderAuto.
	Provider snat.Provider
	// Timers replace those of the provider and of its profile where they are
	// set.
	Timers snat.Timers
	// SNATPorts is the ports of each node, when the operator gives them.
	SNATPorts int
	// Private are the ranges that the operator declares private.
	Private []snat.Range
	// OwnEgress names the pods whose way out is a gateway of their own, as
	// "namespace" or "namespace/beginning of the pod's name".
	OwnEgress []string
}

// Session merges what a source tells into pictures. All its methods are safe
// for concurrent use.
type Session struct {
	opts Options

	mu      sync.Mutex
	nodes   map[string]*node
	names   *names
	cluster Cluster
	guess   snat.Provider
	problem string
	done    bool
	started time.Time
	now     time.Time
	classes *snat.Classifier
	cloud   *cloud.Reading
	// gone holds the nodes that left the cluster: a late word of theirs does
	// not bring them back.
	gone map[string]bool
	// refused counts events beyond the bounds.
	refused uint64
	picture *Snapshot
	dirty   bool
	// era is which of the rules hold that cards are made by: whether a
	// destination counts, how long its ports are held, whose processes are
	// wanted.
	era     uint64
	kinds   kinds
	scratch pulses
	room    room
	focus   wish
	source  Source

	// asked is a wish that nobody has heeded yet: who wishes does not wait for a
	// picture that is being made.
	asked atomic.Pointer[wish]

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
		opts: opts, guess: snat.ProviderUnknown, nodes: make(map[string]*node), names: newNames(), gone: make(map[string]bool),
		classes: snat.NewClassifier(opts.Private...), era: 1, kinds: make(kinds),
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
	e.Node, e.PodUID = clean(e.Node), clean(e.PodUID)
	s.apply(e)
	if e.Objects != nil || e.Node == s.focus.node {
		s.refocus()
	}
	s.signal()
}

// signal says that the picture has changed.
func (s *Session) signal() {
	s.dirty = true
	if s.done {
		return // the channel is closed
	}
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
			s.cluster.Provider = snat.Provider(clean(string(c.Provider)))
		}
		s.rebuild()
	case e.Objects != nil:
		s.objects(e.Objects)
	case e.Problem != nil:
		s.problem = clean(*e.Problem)
	case e.Settings != nil:
		s.settle(e.Settings)
	case e.Cloud != nil:
		timers := s.timers()
		s.cloud = cleanReading(e.Cloud)
		if s.timers() != timers {
			s.rebuild()
		}
		s.renew()
	case e.Node != "" && !s.gone[e.Node]:
		n := s.node(e.Node)
		if n == nil || len(n.streams) >= maxNodeStreams && n.streams[e.PodUID] == nil {
			s.refused++
			return
		}
		s.nodeEvent(n, e)
	}
}

// renew says that the pictures of all nodes are old, but not what they say of
// destinations.
func (s *Session) renew() {
	for _, n := range s.nodes {
		n.built = nil
	}
}

// rebuild says that everything is to be said anew.
func (s *Session) rebuild() {
	s.era++
	s.renew()
}

func (s *Session) nodeEvent(n *node, e Event) {
	n.built = nil
	switch {
	case e.State != nil:
		n.state = *e.State
		n.state.tidy()
	case e.Hello != nil:
		st := n.stream(e.PodUID)
		st.hello = cleanHello(e.Hello)
		st.collector = st.hello.Collector
		n.restart()
	case e.Tick != nil:
		if n.since.IsZero() {
			n.since = e.Time
		}
		n.stream(e.PodUID).apply(n, e.Tick, e.Time, s.known())
		if s.replayed() && n.state.State == StateStreaming && s.now.Sub(n.noted) >= noteStep {
			s.note(n)
		}
	case e.Bye != nil:
		if e.Bye.Failed {
			n.state.Error = clean(e.Bye.Reason)
		}
	}
}

func (s *Session) objects(c *inventory.Change) {
	for _, name := range c.GoneNodes {
		name = clean(name)
		delete(s.nodes, name)
		s.gone[name] = true
	}
	told := s.names.apply(c)
	if told.nodes {
		s.classify()
		s.guess = s.guessProvider()
		for name := range s.names.nodes {
			delete(s.gone, name)
			s.node(name)
		}
	}
	if told.nodes || told.ways {
		s.rebuild()
	}
	// Names of pods and addresses stand on every node's pages.
	s.renew()
}

// node returns a node's changing side, making it when it is new; nil when
// there are too many.
func (s *Session) node(name string) *node {
	n := s.nodes[name]
	if n == nil && len(s.nodes) < maxNodes {
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
	if c := s.cloud; c != nil {
		if c.Provider != "" && c.Provider != snat.ProviderUnknown {
			return c.Provider
		}
		// A way out that was read and is none of ours (a route to somebody's
		// firewall, say) is not to be guessed otherwise.
		if p := s.profile(); p != nil && p.Outbound != "" {
			return snat.ProviderUnknown
		}
	}
	if s.cluster.Provider != "" {
		return s.cluster.Provider
	}
	return s.guess
}

// profile is the cluster's way out as it was read, or nil.
func (s *Session) profile() *cloud.Profile {
	if s.cloud == nil {
		return nil
	}
	return s.cloud.Profile
}

// replayed reports whether the events are a recording's, which go by faster
// than anybody looks: trends, levels and changed budgets are noted with its
// ticks then, so that it gives the same each time, and else with each picture.
func (s *Session) replayed() bool { return s.cluster.Source == "recording" }

// known is what streams need to know.
func (s *Session) known() known {
	return known{timers: s.timers(), born: func(h *holder) time.Time {
		p, ok := s.names.pod(h.podUID)
		if !ok {
			return time.Time{}
		}
		return p.Created
	}}
}

// timers are how long ports are held: the provider's, unless the cluster's
// profile or the operator says otherwise.
func (s *Session) timers() snat.Timers {
	t := s.provider().Timers()
	if p := s.profile(); p != nil {
		t = t.With(snat.Timers{Idle: p.IdleTimeout})
	}
	return t.With(s.opts.Timers)
}

// guessProvider reads the provider from the nodes' provider IDs and labels; the first
// node by name that tells decides.
func (s *Session) guessProvider() snat.Provider {
	for _, name := range slices.Sorted(maps.Keys(s.names.nodes)) {
		n := s.names.nodes[name]
		for _, p := range []snat.Provider{snat.FromProviderID(n.ProviderID), snat.FromLabels(n.Labels)} {
			if p != snat.ProviderUnknown {
				return p
			}
		}
	}
	return snat.ProviderUnknown
}

// FocusOn implements View. While a picture is made the wish is heeded right
// after it.
func (s *Session) FocusOn(nodeName string, owner Key) {
	s.asked.Store(&wish{node: nodeName, owner: owner})
	if s.mu.TryLock() {
		s.heed()
		s.mu.Unlock()
		return
	}
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heed()
	}()
}

// heed does what was wished last, if that has not been done.
func (s *Session) heed() {
	asked := s.asked.Swap(nil)
	if asked == nil {
		return
	}
	was := s.focus
	s.focus.node, s.focus.owner, s.focus.all = asked.node, asked.owner, false
	s.refocus()
	// Detail that is there already (a recording's) is shown without waiting
	// for an event, which may never come.
	switch {
	case was.all:
		s.rebuild()
	case was.node == asked.node && was.owner == asked.owner:
		return
	default:
		s.anew(was.node, was.owner)
		s.anew(asked.node, asked.owner)
	}
	s.signal()
}

// anew says that everything about an owner is to be said anew.
func (s *Session) anew(nodeName string, owner Key) {
	n := s.nodes[nodeName]
	if n == nil {
		return
	}
	n.built = nil
	if h := n.holders[owner]; h != nil {
		h.era = 0
	}
}

// FocusAll asks for the processes of every owner: what a report needs.
func (s *Session) FocusAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked.Store(nil)
	s.focus = wish{all: true, sent: s.focus.sent}
	s.refocus()
	s.rebuild()
	s.signal()
}

// refocus tells the source what is wanted, when that has changed: an owner's
// number changes when its probe starts anew.
func (s *Session) refocus() {
	if s.source == nil || s.done {
		return
	}
	want := Focus{All: s.focus.all, Node: s.focus.node}
	if n := s.nodes[s.focus.node]; n != nil && !want.All {
		for _, st := range n.streams {
			for id, o := range st.owners {
				if key, _ := ownerKey(st, o); key == s.focus.owner {
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
		text = text[:maxTextBytes]
		// Half a character at the cut is none.
		for i := 1; i < utf8.UTFMax; i++ {
			if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
				if !utf8.FullRuneInString(tail) {
					text = text[:len(text)-i]
				}
				break
			}
		}
	}
	return sanitize.Text(text)
}

// tidy makes the words of a state safe to keep.
func (st *NodeState) tidy() {
	st.State = State(clean(string(st.State)))
	st.Error, st.Progress, st.Rung = clean(st.Error), clean(st.Progress), clean(st.Rung)
	st.Scoped = cleanAll(st.Scoped)
}

func cleanHello(told *wire.Hello) *wire.Hello {
	h := *told
	h.Collector, h.Kernel, h.Hostname, h.Probe = clean(h.Collector), clean(h.Kernel), clean(h.Hostname), clean(h.Probe)
	h.Features = slices.Clone(h.Features[:min(len(h.Features), maxTexts)])
	for i := range h.Features {
		h.Features[i].Name, h.Features[i].Detail = clean(h.Features[i].Name), clean(h.Features[i].Detail)
	}
	return &h
}

func cleanAll(texts []string) []string {
	out := make([]string, 0, min(len(texts), maxTexts))
	for _, t := range texts[:min(len(texts), maxTexts)] {
		out = append(out, clean(t))
	}
	return out
}
