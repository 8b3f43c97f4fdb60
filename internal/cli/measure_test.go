package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// play is a source that does what a test says.
type play func(ctx context.Context, sink session.Sink) error

func (play) Focus(session.Focus) {}

func (p play) Run(ctx context.Context, sink session.Sink) error { return p(ctx, sink) }

func tell(sink session.Sink, e session.Event) {
	e.Time = time.Now()
	sink.Put(e)
}

func streaming(sink session.Sink, node string) {
	tell(sink, session.Event{Node: node, State: &session.NodeState{State: session.StateStreaming}})
	tell(sink, session.Event{Node: node, Tick: &wire.Tick{Full: true}})
}

func nodes(sink session.Sink, names ...string) {
	var c inventory.Change
	for _, n := range names {
		c.Nodes = append(c.Nodes, inventory.Node{Name: n})
	}
	tell(sink, session.Event{Objects: &c})
}

// TestMeasure runs in a time of its own: waits cost nothing, and are exact.
func TestMeasure(t *testing.T) {
	broken := errors.New("the watch broke")
	const window = 10 * time.Second
	for name, c := range map[string]struct {
		src    play
		nodes  int
		took   time.Duration // of the window
		passed time.Duration // of the whole
		err    error
	}{
		"the window begins when every node is seen": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a", "b")
				streaming(sink, "a")
				time.Sleep(7 * time.Second)
				tell(sink, session.Event{Node: "b", State: &session.NodeState{State: session.StateConnecting}})
				time.Sleep(time.Second)
				streaming(sink, "b")
				<-ctx.Done()
				return ctx.Err()
			}, 2, window, 18 * time.Second, nil,
		},
		"or is known not to be": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a", "b")
				streaming(sink, "a")
				tell(sink, session.Event{Node: "b", State: &session.NodeState{State: session.StateDenied}})
				<-ctx.Done()
				return ctx.Err()
			}, 2, window, window, nil,
		},
		"a state without numbers is no sight": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a")
				tell(sink, session.Event{Node: "a", State: &session.NodeState{State: session.StateStreaming}})
				time.Sleep(5 * time.Second)
				streaming(sink, "a")
				<-ctx.Done()
				return ctx.Err()
			}, 1, window, 15 * time.Second, nil,
		},
		"a node that is never reached is not waited for": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a", "b")
				streaming(sink, "a")
				<-ctx.Done()
				return ctx.Err()
			}, 2, window, maxReach + window, nil,
		},
		"the source cleans up behind itself": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a")
				streaming(sink, "a")
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				return ctx.Err()
			}, 1, window, window + 3*time.Second, nil,
		},
		"a recording has a window of its own": {
			func(_ context.Context, sink session.Sink) error {
				nodes(sink, "a")
				time.Sleep(4 * time.Second)
				streaming(sink, "a")
				return nil
			}, 1, 4 * time.Second, 4 * time.Second, nil,
		},
		"a source that fails": {
			func(_ context.Context, sink session.Sink) error {
				nodes(sink, "a")
				time.Sleep(time.Second)
				return broken
			}, 0, 0, time.Second, broken,
		},
		"a source that fails while it cleans up": {
			func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "a")
				streaming(sink, "a")
				<-ctx.Done()
				return broken
			}, 0, 0, window, broken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				pic, took, err := measure(t.Context(), session.New(session.Options{}), c.src, window, nil)
				if passed := time.Since(began); passed != c.passed {
					t.Errorf("%s passed, want %s", passed, c.passed)
				}
				if !errors.Is(err, c.err) || took != c.took {
					t.Errorf("window %s, %v; want %s, %v", took, err, c.took, c.err)
				}
				if c.err == nil && (pic == nil || len(pic.Nodes) != c.nodes) {
					t.Errorf("%+v", pic)
				}
			})
		})
	}
}

func TestMeasureIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, _, err := measure(ctx, session.New(session.Options{}), play(func(ctx context.Context, sink session.Sink) error {
			nodes(sink, "a")
			streaming(sink, "a")
			<-ctx.Done()
			return ctx.Err()
		}), time.Minute, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// A source that shows no node at all is given up long before the nodes are.
func TestMeasureSeesNoNode(t *testing.T) {
	for _, problem := range []string{"", "nodes are forbidden"} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			pic, _, err := measure(t.Context(), session.New(session.Options{}), play(func(ctx context.Context, sink session.Sink) error {
				tell(sink, session.Event{Problem: &problem})
				<-ctx.Done()
				return ctx.Err()
			}), time.Second, nil)
			if err != nil || pic == nil || len(pic.Nodes) != 0 || pic.Problem != problem {
				t.Errorf("%+v, %v", pic, err)
			}
			if passed := time.Since(began); passed > maxReach {
				t.Errorf("%s passed", passed)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		err  error
		code int
		show bool
		text string
	}{
		"none":                     {nil, ExitHealthy, false, ""},
		"any":                      {cause, ExitFailed, true, "cause"},
		"usage":                    {usage("--x: %w", cause), ExitUsage, true, "--x: cause"},
		"cannot tell":              {cannotTell(cause), ExitUnknown, true, "cause"},
		"nothing to tell":          {cannotTell(nil), ExitHealthy, false, ""},
		"a verdict":                {&exitError{code: ExitProblem}, ExitProblem, false, "exit code 3"},
		"the first of two decides": {join(cannotTell(cause), nil), ExitUnknown, true, "cause"},
		"joined":                   {join(nil, cause), ExitFailed, true, "cause"},
		"nothing joined":           {join(nil, nil), ExitHealthy, false, ""},
	} {
		code, show := codeOf(c.err)
		if code != c.code || show != c.show || c.err != nil && c.err.Error() != c.text {
			t.Errorf("%s: code %d, show %t, %v", name, code, show, c.err)
		}
	}
	if o := (&options{}); o.consent(t.Context(), []string{"a/b"}) {
		t.Error("nobody said yes")
	}
	if o := (&options{allowEphemeral: true}); !o.consent(t.Context(), []string{"a/b"}) || o.consent(t.Context(), nil) {
		t.Error("the yes is for pods that were named")
	}
	if ns, name := splitPod("x", "shop"); ns != "shop" || name != "x" {
		t.Errorf("%s/%s", ns, name)
	}
}
