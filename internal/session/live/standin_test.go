package live

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// fakeCluster is a cluster of words.
type fakeCluster struct {
	connect error
	changes chan inventory.Change
	node    *fakeRung
	pod     map[string]*fakeRung

	mu      sync.Mutex
	cleaned int
	cleanup func(context.Context) error
	// followed counts the Backgrounds that run; commands is what was started.
	followed int
	commands []string
	errands  []string
	errand   func(n int) ([]byte, error)
	oob      *fakeRung
	// command answers in place of a probe that says nothing.
	command func(enc *wire.Encoder, p *fakeProbe) error
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{changes: make(chan inventory.Change), node: &fakeRung{name: "node pod"}, oob: &fakeRung{name: "out of band", script: []func(context.Context, string) (*link, error){fails(errors.New("no pod may be made"))}}, pod: map[string]*fakeRung{}}
}

func (f *fakeCluster) Connect(context.Context) (session.ClusterInfo, error) {
	return session.ClusterInfo{Context: "fake", Source: "live"}, f.connect
}

func (f *fakeCluster) Watch(ctx context.Context, opts k8s.WatchOptions) error {
	for {
		select {
		case ch := <-f.changes:
			opts.Changed(ch)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fakeCluster) Background(ctx context.Context) {
	f.follow(1)
	<-ctx.Done()
	f.follow(-1)
}

func (f *fakeCluster) follow(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followed += n
}

func (f *fakeCluster) Command(_ context.Context, n inventory.Node, say func(string), name string, flags []string) (Stream, error) {
	say("working")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, strings.Join(append([]string{n.Name, name}, flags...), " "))
	if f.command != nil {
		return newProbe(f.command), nil
	}
	return newProbe(func(*wire.Encoder, *fakeProbe) error { return nil }), nil
}

func (f *fakeCluster) Errand(_ context.Context, n inventory.Node, say func(string), args []string) ([]byte, error) {
	say("sending")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errands = append(f.errands, n.Name+" "+strings.Join(args, " "))
	if f.errand == nil {
		return nil, errors.New("no pod may be made")
	}
	return f.errand(len(f.errands))
}

func (f *fakeCluster) OutOfBand() rung         { return f.oob }
func (f *fakeCluster) NodePod() rung           { return f.node }
func (f *fakeCluster) PodRung(pod string) rung { return f.pod[pod] }
func (f *fakeCluster) Cleanup(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleaned++
	if f.cleanup != nil {
		return f.cleanup(ctx)
	}
	return ctx.Err()
}

// fakeRung answers every Open by a script: the n-th entry, the last one for
// ever.
type fakeRung struct {
	name   string
	script []func(ctx context.Context, node string) (*link, error)

	mu    sync.Mutex
	opens []time.Time
	nodes []string
}

func (f *fakeRung) Name() string { return f.name }

func (f *fakeRung) Open(ctx context.Context, n inventory.Node, say func(string)) (*link, error) {
	f.mu.Lock()
	i := min(len(f.opens), len(f.script)-1)
	f.opens = append(f.opens, time.Now())
	f.nodes = append(f.nodes, n.Name)
	f.mu.Unlock()
	say("working")
	return f.script[i](ctx, n.Name)
}

func (f *fakeRung) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.opens)
}

// fakeProbe is a Stream with a probe in it.
type fakeProbe struct {
	out      *io.PipeReader
	outW     *io.PipeWriter
	in       *io.PipeReader
	inW      *io.PipeWriter
	done     chan struct{}
	err      error
	commands chan wire.Command
	closed   sync.Once
}

// newProbe runs script as the probe; it ends when its standard input does.
func newProbe(script func(enc *wire.Encoder, p *fakeProbe) error) *fakeProbe {
	p := &fakeProbe{done: make(chan struct{}), commands: make(chan wire.Command, 16)}
	p.out, p.outW = io.Pipe()
	p.in, p.inW = io.Pipe()
	leash := make(chan struct{})
	go func() {
		defer close(leash)
		dec := wire.NewDecoder(p.in)
		for {
			m, err := dec.Next()
			if err != nil {
				return
			}
			p.commands <- *m.Command
		}
	}()
	go func() {
		defer close(p.done)
		p.err = script(wire.NewEncoder(p.outW), p)
		if p.err == nil {
			<-leash
		}
		_ = p.outW.CloseWithError(p.err)
		_ = p.in.Close()
		<-leash
	}()
	return p
}

func (p *fakeProbe) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *fakeProbe) Write(b []byte) (int, error) { return p.inW.Write(b) }
func (p *fakeProbe) CloseStdin() error           { return p.inW.Close() }
func (p *fakeProbe) Wait() error                 { <-p.done; return p.err }
func (p *fakeProbe) Close(time.Duration) {
	p.closed.Do(func() {
		_ = p.inW.Close()
		go func() { _, _ = io.Copy(io.Discard, p.out) }()
		<-p.done
	})
}

func hello(enc *wire.Encoder) error {
	if err := enc.Hello(&wire.Hello{Collector: "diag"}); err != nil {
		return err
	}
	return enc.Tick(&wire.Tick{Full: true})
}

// streams is a rung entry that works.
func streams(_ context.Context, _ string) (*link, error) {
	return &link{conn: newProbe(func(enc *wire.Encoder, _ *fakeProbe) error { return hello(enc) })}, nil
}

// breaks is one whose stream breaks after a while.
func breaks(after time.Duration, err error) func(context.Context, string) (*link, error) {
	return func(context.Context, string) (*link, error) {
		return &link{conn: newProbe(func(enc *wire.Encoder, _ *fakeProbe) error {
			if e := hello(enc); e != nil {
				return e
			}
			for start := time.Now(); time.Since(start) < after; {
				time.Sleep(min(10*time.Second, after))
				if e := enc.Tick(&wire.Tick{}); e != nil {
					return e
				}
			}
			return err
		})}, nil
	}
}

func fails(err error) func(context.Context, string) (*link, error) {
	return func(context.Context, string) (*link, error) { return nil, err }
}

func refused() error {
	return k8s.Doing(apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(`User "jane" cannot create resource "pods" in API group "" in the namespace "kube-system"`)), "creating the node pod", "")
}

// rig is a source under test, and what it told.
type rig struct {
	t       *testing.T
	cluster *fakeCluster
	src     *source
	cancel  context.CancelFunc
	done    chan error

	mu     sync.Mutex
	events []session.Event
}

func (r *rig) Put(ev session.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
}

func start(t *testing.T, f *fakeCluster, opts Options) *rig {
	ctx, cancel := context.WithCancel(t.Context())
	r := &rig{t: t, cluster: f, src: newSource(f, opts), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.src.Run(ctx, r) }()
	return r
}

func (r *rig) end() {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		r.t.Errorf("ended with %v", err)
	}
	r.mu.Lock()
	told := len(r.events)
	r.mu.Unlock()
	settle(time.Hour)
	if told != len(r.events) {
		r.t.Error("fed after Run returned")
	}
	if r.cluster.cleaned != 1 {
		r.t.Errorf("cleaned up %d times", r.cluster.cleaned)
	}
}

// state is the newest state of a node.
func (r *rig) state(node string) session.NodeState {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range slices.Backward(r.events) {
		if ev.Node == node && ev.State != nil {
			return *ev.State
		}
	}
	return session.NodeState{}
}

// states are all states of a node, in order, each once.
func (r *rig) states(node string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, ev := range r.events {
		if ev.Node == node && ev.State != nil && (len(out) == 0 || out[len(out)-1] != string(ev.State.State)) {
			out = append(out, string(ev.State.State))
		}
	}
	return strings.Join(out, " ")
}

func node(name string) inventory.Node {
	return inventory.Node{Name: name, OS: "linux", Arch: "amd64", Ready: true}
}

// settle lets time pass in a bubble, and everything that is due then happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
