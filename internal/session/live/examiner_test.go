package live

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
