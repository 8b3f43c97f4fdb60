package live

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/wire"
)

func TestExaminer(t *testing.T) {
	t.Parallel()
	answers := func(bye *wire.Bye, err error, parts ...facts.Part) func(*wire.Encoder, *fakeProbe) error {
		return func(enc *wire.Encoder, _ *fakeProbe) error {
			for _, p := range parts {
				if e := enc.Section(&facts.Section{Part: p}); e != nil {
					return e
				}
			}
			if bye != nil {
				return enc.Bye(bye)
			}
			return err
		}
	}
	tests := []struct {
		name    string
		command func(*wire.Encoder, *fakeProbe) error
		got     []facts.Part
		err     string
	}{
		{"all", answers(&wire.Bye{Reason: "done"}, nil, "x", "y"), []facts.Part{"x", "y"}, ""},
		{"what was not asked for, and twice", answers(&wire.Bye{Reason: "done"}, nil, "x", "z", "x", "y"), []facts.Part{"x", "y"}, ""},
		{"one is missing", answers(&wire.Bye{Reason: "done"}, nil, "x"), []facts.Part{"x"}, "left out 1 of 2 parts"},
		{"gave up", answers(&wire.Bye{Reason: "no /proc", Failed: true}, nil), nil, "no /proc"},
		{"died", answers(nil, errors.New("exit code 137"), "x"), []facts.Part{"x"}, "exit code 137"},
		{"hangs", answers(nil, nil, "x"), []facts.Part{"x"}, "took too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeCluster()
				f.command = tt.command
				c := &Commands{reach: f, owned: true}
				var got []facts.Part
				var said []string
				start := time.Now()
				how, err := NewExaminer(c).Examine(t.Context(), node("a"), facts.Ask{Parts: []facts.Part{"x", "y"}},
					func(s string) { said = append(said, s) }, func(s *facts.Section) { got = append(got, s.Part) })
				if !slices.Equal(got, tt.got) || len(said) == 0 {
					t.Errorf("told %v, said %q", got, said)
				}
				if tt.err == "" && (err != nil || how != "node pod") || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "node a")) {
					t.Errorf("%q, %v", how, err)
				}
				if d := time.Since(start); d > answerTime+stopGrace {
					t.Errorf("after %s", d)
				}
				if len(f.commands) != 1 || !strings.HasPrefix(f.commands[0], "a examine --ask ") {
					t.Errorf("started %q", f.commands)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func errNoWay() error {
	return &k8s.Error{Kind: k8s.KindKubelet, Doing: "exec", What: "error dialing backend: No agent available"}
}

// letterOf is what a pod tells out of band.
func letterOf(t *testing.T, parts ...facts.Part) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := wire.NewEncoder(&b)
	for _, p := range parts {
		if err := enc.Section(&facts.Section{Part: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Bye(&wire.Bye{Reason: "done"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// With a dead tunnel a node is asked by pods that tell in their termination
// messages, one after the other until nothing is missing.
func TestExaminerWithoutExec(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		letters [][]facts.Part
		err     string
	}{
		{"one pod", [][]facts.Part{{"x", "y"}}, ""},
		{"what did not fit is asked for again", [][]facts.Part{{"y"}, {"x"}}, ""},
		{"nothing more comes", [][]facts.Part{{"y"}, {}}, "left out 1 parts"},
		{"no pod", nil, "no pod may be made"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeCluster()
				f.command = func(*wire.Encoder, *fakeProbe) error { return errNoWay() }
				if tt.letters != nil {
					f.errand = func(n int) ([]byte, error) { return letterOf(t, tt.letters[n-1]...), nil }
				}
				c := &Commands{reach: f, owned: true}
				var got []facts.Part
				how, err := NewExaminer(c).Examine(t.Context(), node("a"), facts.Ask{Parts: []facts.Part{"x", "y"}}, nil, func(s *facts.Section) { got = append(got, s.Part) })
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "No agent available") {
						t.Errorf("%v", err)
					}
				} else if err != nil || !strings.Contains(how, "termination message") || !strings.Contains(how, "No agent available") || len(got) != 2 {
					t.Errorf("%q, %v, told %v", how, err, got)
				}
				if len(f.errands) != max(len(tt.letters), 1) {
					t.Errorf("%d errands: %q", len(f.errands), f.errands)
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A session goes on out of band while exec is dead, and comes back.
func TestSessionWithoutExec(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		dead := fails(errNoWay())
		f.node.script = append(f.node.script, dead, streams)
		f.oob.script = append(f.oob.script[:0], breaks(2*time.Minute, errGlanced))
		r := start(t, f, Options{})
		f.changes <- inventory.Change{Nodes: []inventory.Node{node("a")}}
		settle(time.Minute)
		if st := r.state("a"); st.State != session.StateStreaming || st.Rung != rungOutOfBand || !strings.Contains(st.Progress, "No agent available") {
			t.Errorf("after a minute: %+v", st)
		}
		settle(5 * time.Minute)
		if st := r.state("a"); st.State != session.StateStreaming || st.Rung != rungNodePod {
			t.Errorf("later: %+v", st)
		}
		if f.node.count() < 2 || f.oob.count() != 1 {
			t.Errorf("%d attempts by exec, %d out of band", f.node.count(), f.oob.count())
		}
		r.end()
	})
}

func TestDeadWays(t *testing.T) {
	t.Parallel()
	var d deadWays
	now := time.Unix(1000, 0)
	d.mark("a", now, errors.New("i/o timeout"))
	if d.why("a", now) == nil || d.why("b", now) != nil || d.why("a", now.Add(deadTime)) != nil {
		t.Error("one node's way is that node's, for a while")
	}
	d.mark("a", now, errNoWay())
	if d.why("b", now) == nil || d.why("b", now.Add(deadTime)) != nil {
		t.Error("without agents no node is reached")
	}
}
