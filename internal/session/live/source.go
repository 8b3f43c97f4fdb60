package live

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
)

// source is a session.Source over a cluster.
type source struct {
	reach cluster
	opts  Options
	slots chan struct{}

	mu      sync.Mutex
	focus   session.Focus
	runners map[string]*runner
	// placed tells where the pods of Options.Pods are: "namespace/name" to
	// node. uids leads back from what the watch says is gone.
	placed map[string]string
	uids   map[string]string
	// problems holds a sentence for each resource whose watch fails.
	problems map[string]string
	consent  *consent

	cloudNodes *cloudNodes
}

var _ session.Source = (*source)(nil)

func newSource(reach cluster, opts Options) *source {
	opts = opts.withDefaults()
	return &source{
		reach: reach, opts: opts,
		slots:   make(chan struct{}, opts.Parallel),
		runners: map[string]*runner{}, placed: map[string]string{}, uids: map[string]string{}, problems: map[string]string{},
		consent:    &consent{ask: opts.Consent, pods: opts.Pods},
		cloudNodes: newCloudNodes(),
	}
}

// Run implements session.Source.
func (s *source) Run(ctx context.Context, sink session.Sink) error {
	info, err := s.reach.Connect(ctx)
	sink.Put(session.Event{Time: s.opts.Now(), Cluster: &info})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	var background, runners sync.WaitGroup
	// What the rungs wait for is told by watches, which therefore end last.
	bgCtx, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	background.Go(func() { s.reach.Background(bgCtx) })

	if s.opts.Cloud != nil {
		// It needs nothing of the cluster's, and ends before Run does.
		runners.Go(func() { s.watchCloud(ctx, sink) })
	}

	err = s.reach.Watch(ctx, k8s.WatchOptions{
		Namespace: s.opts.Namespace,
		Changed: func(ch inventory.Change) {
			sink.Put(session.Event{Time: s.opts.Now(), Objects: &ch})
			s.place(ch)
			s.cloudNodes.apply(ch)
			s.reconcile(ctx, &runners, sink, ch)
		},
		Problem: func(resource, sentence string) { s.problem(sink, resource, sentence) },
	})
	runners.Wait()
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	cleanErr := s.reach.Cleanup(clean)
	stopBackground()
	background.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, cleanErr)
}

// Focus implements session.Source.
func (s *source) Focus(f session.Focus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.focus = session.Focus{All: f.All, Node: f.Node, Owners: slices.Clone(f.Owners)}
	for _, r := range s.runners {
		r.lanes.focus(s.focusFor(r.name))
	}
}

// focusFor cuts the wish down to one node; s.mu is held.
func (s *source) focusFor(node string) session.Focus {
	if s.focus.All {
		return session.Focus{All: true}
	}
	if s.focus.Node != node {
		return session.Focus{}
	}
	return s.focus
}

// place remembers where the named pods are.
func (s *source) place(ch inventory.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var touched []string
	for i := range ch.Pods {
		p := &ch.Pods[i]
		name := p.Namespace + "/" + p.Name
		if !slices.Contains(s.opts.Pods, name) || s.placed[name] == p.Node {
			continue
		}
		touched = append(touched, p.Node)
		s.placed[name], s.uids[p.UID] = p.Node, name
	}
	for _, uid := range ch.GonePods {
		if name, ok := s.uids[uid]; ok {
			touched = append(touched, s.placed[name])
			delete(s.uids, uid)
			delete(s.placed, name)
		}
	}
	for _, node := range touched {
		if r := s.runners[node]; r != nil {
			r.nudge()
		}
	}
}

// podsOn returns the named pods of a node, in order.
func (s *source) podsOn(node string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, pod := range s.opts.Pods {
		if s.placed[pod] == node {
			out = append(out, pod)
		}
	}
	return out
}

// reconcile starts, tells and ends runners.
func (s *source) reconcile(ctx context.Context, wg *sync.WaitGroup, sink session.Sink, ch inventory.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range ch.GoneNodes {
		if r := s.runners[name]; r != nil {
			delete(s.runners, name)
			r.stop()
		}
	}
	slices.SortFunc(ch.Nodes, func(a, b inventory.Node) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range ch.Nodes {
		if r := s.runners[n.Name]; r != nil {
			r.update(n)
			continue
		}
		if !s.wanted(n) {
			s.state(sink, n.Name, session.NodeState{State: session.StateWaiting, LeftOut: true, Progress: "left out: --node names others"})
			continue
		}
		if s.opts.MaxNodes > 0 && len(s.runners) >= s.opts.MaxNodes {
			s.state(sink, n.Name, session.NodeState{State: session.StateWaiting, LeftOut: true, Error: "left out by --max-nodes; name it with --node"})
			continue
		}
		nodeCtx, stop := context.WithCancel(ctx)
		r := newRunner(s, sink, n, stop)
		r.lanes.focus(s.focusFor(n.Name))
		s.runners[n.Name] = r
		wg.Go(func() {
			defer stop()
			r.run(nodeCtx)
		})
	}
}

// wanted reports whether a node was asked for, by name or address.
func (s *source) wanted(n inventory.Node) bool {
	if len(s.opts.Nodes) == 0 {
		return true
	}
	return slices.ContainsFunc(s.opts.Nodes, func(want string) bool {
		return want == n.Name || want == n.InternalIP || slices.Contains(n.ExternalIPs, want)
	})
}

// problem joins what fails about the watches into one sentence.
func (s *source) problem(sink session.Sink, resource, sentence string) {
	s.mu.Lock()
	if sentence == "" {
		delete(s.problems, resource)
	} else {
		s.problems[resource] = sentence
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(s.problems)) {
		if !slices.Contains(all, s.problems[key]) {
			all = append(all, s.problems[key])
		}
	}
	s.mu.Unlock()
	sink.Put(session.Event{Time: s.opts.Now(), Problem: new(strings.Join(all, " · "))})
}

func (s *source) state(sink session.Sink, node string, st session.NodeState) {
	sink.Put(session.Event{Time: s.opts.Now(), Node: node, State: &st})
}

// consent asks once, for all named pods together, and remembers the answer.
type consent struct {
	ask  func(ctx context.Context, pods []string) bool
	pods []string

	mu      sync.Mutex
	asked   bool
	granted bool
}

func (c *consent) given(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked && c.ask != nil {
		granted := c.ask(ctx, slices.Clone(c.pods))
		if ctx.Err() != nil {
			return false
		}
		c.asked, c.granted = true, granted
	}
	return c.granted
}

// backoff is a pause that doubles.
type backoff struct{ next time.Duration }

const (
	firstPause = time.Second
	// lastPause bounds the pause after a stream that worked, neverPause that
	// of a node that was never reached: each attempt there costs the API
	// server a pod.
	lastPause  = time.Minute
	neverPause = 5 * time.Minute
	// steady is how long a stream has to last to count as good.
	steady = time.Minute
)

// pause returns how long to wait after an attempt.
func (b *backoff) pause(res pumped) time.Duration {
	if b.next == 0 || res.lasted >= steady {
		b.next = firstPause
	}
	last := neverPause
	if res.spoke {
		last = lastPause
	}
	p := min(b.next, last)
	b.next = 2 * p
	return p
}
