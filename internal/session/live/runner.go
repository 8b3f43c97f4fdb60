package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
)

// deniedPause is how long a refusal is believed.
const deniedPause = 10 * time.Minute

// runner reaches one node and keeps it reached.
type runner struct {
	src  *source
	sink session.Sink
	name string
	stop context.CancelFunc

	lanes *laneSet

	mu   sync.Mutex
	node inventory.Node
	last session.NodeState
	wake chan struct{}
}

func newRunner(src *source, sink session.Sink, n inventory.Node, stop context.CancelFunc) *runner {
	return &runner{src: src, sink: sink, name: n.Name, stop: stop, node: n, lanes: &laneSet{}, wake: make(chan struct{}, 1)}
}

// laneSet passes a wish on to every stream of a node.
type laneSet struct {
	mu    sync.Mutex
	want  session.Focus
	lanes map[*lane]bool
}

func (s *laneSet) focus(f session.Focus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = f
	for l := range s.lanes {
		l.focus(f)
	}
}

func (s *laneSet) open() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := newLane()
	l.focus(s.want)
	if s.lanes == nil {
		s.lanes = map[*lane]bool{}
	}
	s.lanes[l] = true
	return l
}

func (s *laneSet) close(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lanes, l)
}

// update takes what the watch says of the node.
func (r *runner) update(n inventory.Node) {
	r.mu.Lock()
	became := n.Ready && !r.node.Ready || n.OS != r.node.OS
	r.node = n
	r.mu.Unlock()
	if became {
		r.nudge()
	}
}

// nudge ends a pause: something has changed that may help.
func (r *runner) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *runner) current() inventory.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.node
}

// tell emits a state when it is news.
func (r *runner) tell(st session.NodeState) {
	r.mu.Lock()
	same := r.last.State == st.State && r.last.Error == st.Error && r.last.Progress == st.Progress &&
		r.last.Rung == st.Rung && slices.Equal(r.last.Scoped, st.Scoped)
	r.last = st
	r.mu.Unlock()
	if !same {
		r.src.state(r.sink, r.name, st)
	}
}

// run keeps the node reached until ctx ends.
func (r *runner) run(ctx context.Context) {
	var (
		pause backoff
		past  string
	)
	for ctx.Err() == nil {
		n := r.current()
		switch {
		case n.OS != "" && n.OS != "linux":
			r.tell(session.NodeState{State: session.StateNotLinux, Error: n.OS + " nodes are not looked at"})
			r.rest(ctx, 0)
			continue
		case !n.Ready:
			why := n.NotReady
			if why == "" {
				why = "no reason given"
			}
			r.tell(session.NodeState{State: session.StateUnreachable, Error: "the node is not ready: " + why})
			r.rest(ctx, 0)
			continue
		}
		rung := r.src.reach.NodePod()
		res := r.attempt(ctx, rung, past, func(lk *link) {
			past = ""
			r.tell(session.NodeState{State: session.StateStreaming, Rung: rung.Name()})
		})
		if ctx.Err() != nil {
			return
		}
		if !res.spoke && isRefusal(res.err) {
			r.denied(ctx, res.err)
			continue
		}
		if isDead(res.err) && r.outOfBand(ctx, res.err) {
			continue
		}
		past = r.failed(ctx, &pause, res, rung.Name())
	}
}

// outOfBand looks at the node by termination messages while exec is dead, for
// some minutes; ok is false when that did not serve either.
func (r *runner) outOfBand(ctx context.Context, why error) (ok bool) {
	rung := r.src.reach.OutOfBand()
	past := sentence(why)
	res := r.attempt(ctx, rung, past, func(*link) {
		r.tell(session.NodeState{State: session.StateStreaming, Rung: rung.Name(),
			Progress: "numbers come by termination messages, every " + glanceEvery.String() + " or so, because exec is dead: " + past})
	})
	return res.spoke && ctx.Err() == nil
}

// failed tells what broke, with the pause before the next attempt, and rests.
func (r *runner) failed(ctx context.Context, pause *backoff, res pumped, rung string) string {
	wait := pause.pause(res)
	text := sentence(res.err)
	st := session.NodeState{State: session.StateUnreachable, Error: text, Rung: rung}
	if res.spoke {
		// It worked a moment ago: a gap, not a verdict.
		st.State = session.StateConnecting
	}
	st.Progress = "next attempt in " + wait.String()
	r.tell(st)
	r.rest(ctx, wait+time.Duration(rand.Int64N(int64(wait)/4+1)))
	return text
}

// attempt opens a rung and feeds its stream until it breaks.
func (r *runner) attempt(ctx context.Context, rung rung, past string, streaming func(*link)) pumped {
	say := func(progress string) {
		r.tell(session.NodeState{State: session.StateConnecting, Error: past, Progress: progress, Rung: rung.Name()})
	}
	lk, err := r.open(ctx, rung, say)
	if err != nil {
		return pumped{err: err}
	}
	say("waiting for the probe's first word")
	ln := r.lanes.open()
	defer r.lanes.close(ln)
	return r.pump(ctx, ln, lk, func() { streaming(lk) })
}

// open waits for its turn, so that a large cluster is reached in small bites.
func (r *runner) open(ctx context.Context, rung rung, say func(string)) (*link, error) {
	select {
	case r.src.slots <- struct{}{}:
	default:
		say("waiting for other nodes to be reached")
		select {
		case r.src.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-r.src.slots }()
	return rung.Open(ctx, r.current(), say)
}

// rest waits for d, or for ever when d is 0, or until the node is nudged.
func (r *runner) rest(ctx context.Context, d time.Duration) {
	var after <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-ctx.Done():
	case <-after:
	case <-r.wake:
	}
}

// denied goes down to the next rung: the named pods of this node, one by one.
func (r *runner) denied(ctx context.Context, why error) {
	refusal := "no node pod: " + sentence(why)
	pods := r.src.podsOn(r.name)
	switch {
	case len(pods) == 0:
		r.tell(session.NodeState{State: session.StateDenied, Error: refusal + "; or name pods with --pod to look at them alone"})
		r.rest(ctx, deniedPause)
		return
	case !r.src.consent.given(ctx):
		if ctx.Err() != nil {
			return
		}
		r.tell(session.NodeState{State: session.StateDenied, Error: refusal + "; ephemeral containers were not agreed to"})
		r.rest(ctx, deniedPause)
		return
	}
	r.scoped(ctx, refusal, pods)
}

// scoped looks at pods one by one until ctx ends or other ones of the named
// pods are on this node.
func (r *runner) scoped(ctx context.Context, refusal string, pods []string) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	board := &board{runner: r, refusal: refusal, lines: map[string]session.NodeState{}}
	var wg sync.WaitGroup
	for _, pod := range pods {
		wg.Go(func() { r.onePod(ctx, pod, board) })
	}
	wg.Go(func() {
		defer stop()
		for ctx.Err() == nil {
			r.rest(ctx, 0)
			if !slices.Equal(pods, r.src.podsOn(r.name)) {
				return
			}
		}
	})
	wg.Wait()
}

// onePod keeps one pod reached.
func (r *runner) onePod(ctx context.Context, pod string, b *board) {
	var pause backoff
	rung := r.src.reach.PodRung(pod)
	for ctx.Err() == nil {
		lk, err := r.open(ctx, rung, func(p string) {
			b.set(pod, session.NodeState{State: session.StateConnecting, Progress: p})
		})
		res := pumped{err: err}
		if err == nil {
			ln := r.lanes.open()
			res = r.pump(ctx, ln, lk, func() { b.set(pod, session.NodeState{State: session.StateStreaming}) })
			r.lanes.close(ln)
		}
		if ctx.Err() != nil {
			return
		}
		st := session.NodeState{State: session.StateUnreachable, Error: sentence(res.err)}
		wait := pause.pause(res)
		if !res.spoke && isRefusal(res.err) {
			st.State, wait = session.StateDenied, deniedPause
		}
		b.set(pod, st)
		t := time.NewTimer(wait + time.Duration(rand.Int64N(int64(wait)/4+1)))
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// board folds the states of several pods into one of their node.
type board struct {
	runner  *runner
	refusal string

	mu    sync.Mutex
	lines map[string]session.NodeState
}

func (b *board) set(pod string, st session.NodeState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[pod] = st
	out := session.NodeState{State: session.StateDenied, Rung: rungEphemeral}
	var errs []string
	names := make([]string, 0, len(b.lines))
	for name := range b.lines {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line := b.lines[name]
		if better(line.State, out.State) {
			out.State = line.State
		}
		if line.State == session.StateStreaming {
			out.Scoped = append(out.Scoped, name)
		}
		if line.Progress != "" {
			out.Progress = name + ": " + line.Progress
		}
		if line.Error != "" {
			errs = append(errs, name+": "+line.Error)
		}
	}
	switch {
	case len(errs) > 0:
		out.Error = strings.Join(append([]string{b.refusal}, errs...), " · ")
	case out.State != session.StateStreaming:
		out.Error = b.refusal
	}
	b.runner.tell(out)
}

// better orders the states of pods: a node is as well seen as its best pod.
func better(a, b session.State) bool {
	order := []session.State{session.StateDenied, session.StateUnreachable, session.StateConnecting, session.StateStreaming}
	return slices.Index(order, a) > slices.Index(order, b)
}

// isRefusal reports whether another rung may serve where this one did not.
// Credentials that have expired refuse every rung alike, and come back when
// the operator logs in again.
func isRefusal(err error) bool {
	return k8s.IsDenied(err) && k8s.KindOf(err) != k8s.KindUnauthorized
}

// sentence says in one line what failed.
func sentence(err error) string {
	if err == nil {
		return "no reason given"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("it took too long: %v", k8s.Explain(err))
	}
	return k8s.Explain(err).Error()
}
