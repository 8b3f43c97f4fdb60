package live

import (
	"context"
	"errors"
	"fmt"
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

func TestEveryNodeIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.node.script = append(f.node.script, func(ctx context.Context, name string) (*link, error) {
			if name == "ill" {
				return fails(errors.New("error dialing backend: timeout"))(ctx, name)
			}
			return streams(ctx, name)
		})
		r := start(t, f, Options{MaxNodes: 4, Parallel: 2})
		win, sick := node("win"), node("unready")
		win.OS, sick.Ready, sick.NotReady = "windows", false, "KubeletNotReady: no network"
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a"), node("ill"), win, sick, node("zzz")}}
		settle(time.Minute)
		for name, want := range map[string]session.State{
			"a": session.StateStreaming, "ill": session.StateUnreachable, "win": session.StateNotLinux, "unready": session.StateUnreachable, "zzz": session.StateWaiting,
		} {
			if got := r.state(name); got.State != want {
				t.Errorf("%s: %+v, want %s", name, got, want)
			}
		}
		if got := r.state("unready").Error; !strings.Contains(got, "KubeletNotReady") {
			t.Error(got)
		}
		sick.Ready = true
		f.changes <- inventory.Change{Nodes: []inventory.Node{sick}, GoneNodes: []string{"a"}}
		settle(time.Second)
		if got := r.state("unready"); got.State != session.StateStreaming {
			t.Errorf("became ready and is %+v", got)
		}
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("new")}}
		settle(time.Second)
		if got := r.state("new"); got.State != session.StateStreaming {
			t.Errorf("appeared later and is %+v", got)
		}
		r.end()
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.node.script = append(f.node.script, breaks(0, errors.New("crash")))
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		settle(10 * time.Minute)
		if n := f.node.count(); n < 8 || n > 18 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		if got := r.states("a"); !strings.HasPrefix(got, "connecting streaming connecting streaming") {
			t.Errorf("states %s: the gap is not visible", got)
		}
		r.end()
	})
}

func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.node.script = append(f.node.script, breaks(5*time.Minute, errors.New("connection lost")), streams)
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		settle(5*time.Minute + 500*time.Millisecond)
		if got := r.state("a"); got.State != session.StateConnecting || !strings.Contains(got.Error, "connection lost") || got.Progress == "" {
			t.Errorf("in the gap: %+v", got)
		}
		settle(5 * time.Second)
		if got := r.state("a"); got.State != session.StateStreaming || got.Error != "" {
			t.Errorf("after the gap: %+v", got)
		}
		r.end()
	})
}

func TestSilenceIsABreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.node.script = append(f.node.script, streams)
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		settle(2 * time.Minute)
		if f.node.count() < 2 {
			t.Error("a silent probe was waited for without end")
		}
		r.end()
	})
}

func TestBrokenFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		spoiled := 0
		f.node.script = append(f.node.script, func(context.Context, string) (*link, error) {
			return &link{spoiled: func() { spoiled++ }, conn: newProbe(func(_ *wire.Encoder, p *fakeProbe) error {
				_, err := p.outW.Write([]byte("sh: syntax error\n"))
				return err
			})}, nil
		}, streams)
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		settle(500 * time.Millisecond)
		if got := r.state("a"); got.State != session.StateUnreachable || !strings.Contains(got.Error, "frame at byte 0") || spoiled != 1 {
			t.Errorf("%+v, spoiled %d", got, spoiled)
		}
		settle(5 * time.Second)
		if got := r.state("a"); got.State != session.StateStreaming {
			t.Errorf("%+v", got)
		}
		r.end()
	})
}

func TestLadder(t *testing.T) {
	shop := inventory.Pod{UID: "u1", Namespace: "shop", Name: "web", Node: "a"}
	tests := []struct {
		name    string
		pods    []string
		consent *bool
		want    session.State
		text    string
		asked   int
	}{
		{"no pods named", nil, new(true), session.StateDenied, "name pods with --pod", 0},
		{"not agreed", []string{"shop/web"}, new(false), session.StateDenied, "not agreed to", 1},
		{"nobody to ask", []string{"shop/web"}, nil, session.StateDenied, "not agreed to", 0},
		{"agreed", []string{"shop/web"}, new(true), session.StateStreaming, "", 1},
		{"pod elsewhere", []string{"shop/other"}, new(true), session.StateDenied, "name pods with --pod", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeCluster()
				f.node.script = append(f.node.script, fails(refused()))
				f.pod["shop/web"] = &fakeRung{name: rungEphemeral, script: []func(context.Context, string) (*link, error){
					func(ctx context.Context, n string) (*link, error) {
						lk, err := streams(ctx, n)
						lk.pod, lk.podUID = "shop/web", "u1"
						return lk, err
					}}}
				asked := 0
				opts := Options{Pods: tt.pods}
				if tt.consent != nil {
					opts.Consent = func(_ context.Context, pods []string) bool {
						asked++
						return *tt.consent
					}
				}
				r := start(t, f, opts)
				f.changes <- inventory.Change{Nodes: []inventory.Node{node("a"), node("b")}, Pods: []inventory.Pod{shop}}
				settle(20 * time.Second)
				got := r.state("a")
				if got.State != tt.want || !strings.Contains(got.Error, tt.text) || asked != tt.asked {
					t.Errorf("%+v, asked %d times", got, asked)
				}
				if got.State == session.StateStreaming && (!slices.Equal(got.Scoped, []string{"shop/web"}) || got.Rung != rungEphemeral) {
					t.Errorf("%+v", got)
				}
				if got := r.state("b"); got.State != session.StateDenied || !strings.Contains(got.Error, "user jane cannot create pods") {
					t.Errorf("b: %+v", got)
				}
				if n := f.node.count(); n != 2 {
					t.Errorf("asked again after a refusal: %d", n)
				}
				r.end()
			})
		})
	}
}

func TestFocus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		var mu sync.Mutex
		probes := map[string][]*fakeProbe{}
		f.node.script = append(f.node.script, func(_ context.Context, name string) (*link, error) {
			p := newProbe(func(enc *wire.Encoder, _ *fakeProbe) error {
				if err := hello(enc); err != nil {
					return err
				}
				time.Sleep(10 * time.Second)
				return errors.New("broken")
			})
			mu.Lock()
			defer mu.Unlock()
			probes[name] = append(probes[name], p)
			return &link{conn: p}, nil
		})
		heard := func(name string, i int) string {
			mu.Lock()
			defer mu.Unlock()
			return drain(probes[name][i])
		}
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a"), node("b")}}
		settle(time.Second)
		r.src.Focus(session.Focus{Node: "a", Owners: []uint32{1}})
		r.src.Focus(session.Focus{Node: "a", Owners: []uint32{2, 3}})
		settle(time.Second)
		if got := heard("a", 0); !strings.HasSuffix(got, "[2 3]") {
			t.Errorf("a heard %q", got)
		}
		if got := heard("b", 0); got != "" {
			t.Errorf("b heard %q", got)
		}
		settle(13 * time.Second)
		if got := heard("a", 1); got != "[2 3]" {
			t.Errorf("after the reconnect a heard %q", got)
		}
		r.src.Focus(session.Focus{})
		settle(time.Second)
		if got := heard("a", 1); got != "[]" {
			t.Errorf("taken back: %q", got)
		}
		r.end()
	})
}

func drain(p *fakeProbe) string {
	var out []string
	for {
		select {
		case c := <-p.commands:
			out = append(out, fmt.Sprint(c.Focus.Owners))
		default:
			return strings.Join(out, " ")
		}
	}
}

func TestEndCleansUpAfterEveryoneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		inside := make(chan struct{}, 1)
		f.node.script = append(f.node.script, func(ctx context.Context, _ string) (*link, error) {
			inside <- struct{}{}
			<-ctx.Done()
			time.Sleep(3 * time.Second) // a request that was under way
			return nil, ctx.Err()
		})
		var cleanedAt time.Time
		f.cleanup = func(ctx context.Context) error {
			cleanedAt = time.Now()
			if ctx.Err() != nil {
				t.Error("cleaning up with the context that ended the session")
			}
			return errors.New("one pod is left")
		}
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		<-inside
		ended := time.Now()
		r.cancel()
		err := <-r.done
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "one pod is left") {
			t.Errorf("ended with %v", err)
		}
		if cleanedAt.Sub(ended) < 3*time.Second {
			t.Error("cleaned up while a pod was still being made")
		}
	})
}

func TestConnectFails(t *testing.T) {
	f := newFakeCluster()
	f.connect = k8s.Doing(errors.New("x509: certificate signed by unknown authority"), "asking the API server for its version", "https://a")
	err := newSource(f, Options{}).Run(t.Context(), &rig{t: t})
	if k8s.KindOf(err) != k8s.KindTLS {
		t.Errorf("got %v", err)
	}
}

// settle lets time pass in a bubble, and everything that is due then happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
