package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

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
