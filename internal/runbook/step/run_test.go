package step

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// examiner answers as the test says.
type examiner func(ctx context.Context, node inventory.Node, ask facts.Ask, say func(string), got func(*facts.Section)) (string, error)

func (e examiner) Examine(ctx context.Context, node inventory.Node, ask facts.Ask, say func(string), got func(*facts.Section)) (string, error) {
	return e(ctx, node, ask, say, got)
}

func asking(parts ...facts.Part) func(context.Context, *Look, inventory.Node) facts.Ask {
	return func(context.Context, *Look, inventory.Node) facts.Ask { return facts.Ask{Parts: parts} }
}

// onNodes is a check that says of each node what its part says.
func onNodes(id string, part facts.Part) Check {
	return Check{ID: id, Title: "about " + id, Run: func(ctx context.Context, l *Look, found func(Step)) {
		for _, n := range l.Nodes {
			s, err := l.Section(ctx, n.Name, part)
			if err != nil {
				found(Step{Subject: "node/" + n.Name, Verdict: Unknown, Summary: err.Error()})
				continue
			}
			found(Step{Subject: "node/" + n.Name, Verdict: OK, Summary: string(s.Part)})
		}
	}}
}

func said(steps []Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.ID+" "+s.Subject+" "+string(s.Verdict)+": "+s.Summary)
	}
	return out
}

func TestNodesAreAskedOnce(t *testing.T) {
	t.Parallel()
	var visits atomic.Int32
	p := Patient{
		Nodes: []inventory.Node{{Name: "a", OS: "linux"}, {Name: "b", OS: "windows"}, {Name: "c", OS: "linux"}},
		Examiner: examiner(func(_ context.Context, n inventory.Node, ask facts.Ask, _ func(string), got func(*facts.Section)) (string, error) {
			visits.Add(1)
			if !slices.Equal(ask.Parts, []facts.Part{"x", "y", "z"}) {
				t.Errorf("node %s is asked for %v", n.Name, ask.Parts)
			}
			got(&facts.Section{Part: "x"})
			got(&facts.Section{Part: "y", Error: "no access to \x1b[31my"})
			if n.Name == "c" {
				return "", errors.New("the stream broke")
			}
			return "node pod", nil
		}),
	}
	books := []Book{
		{Name: "one", Checks: []Check{onNodes("one.x", "x"), onNodes("one.y", "y")}, Ask: asking("x", "y")},
		{Name: "two", Checks: []Check{onNodes("two.z", "z")}, Ask: asking("y", "z")},
	}
	got := said(Run(t.Context(), books, p, nil))
	want := []string{
		"one.x node/b unknown: " + errNotLinux.Error(),
		"one.x node/a ok: x",
		"one.x node/c ok: x",
		"one.y node/a unknown: no access to y",
		"one.y node/b unknown: " + errNotLinux.Error(),
		"one.y node/c unknown: no access to y",
		"two.z node/a unknown: " + errNotAsked.Error(),
		"two.z node/b unknown: " + errNotLinux.Error(),
		"two.z node/c unknown: the stream broke",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if visits.Load() != 2 {
		t.Errorf("%d visits to two Linux nodes", visits.Load())
	}
}

// A check that hangs is cut at its own limit, and no other waits for it.
func TestNoCheckWaitsForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var quick, hung time.Duration
		books := []Book{{Name: "b", Checks: []Check{
			{ID: "hung", Limit: 3 * time.Second, Run: func(ctx context.Context, _ *Look, _ func(Step)) { <-ctx.Done() }},
			{ID: "quick", Run: func(_ context.Context, _ *Look, found func(Step)) { found(Step{Subject: "cluster", Verdict: OK}) }},
			{ID: "silent", Run: func(context.Context, *Look, func(Step)) {}},
		}}}
		steps := Run(t.Context(), books, Patient{}, func(u Update) {
			if u.Done && u.Check != nil {
				switch u.Check.ID {
				case "quick":
					quick = time.Since(start)
				case "hung":
					hung = time.Since(start)
				}
			}
		})
		if quick != 0 || hung != 3*time.Second {
			t.Errorf("the quick check ended after %s, the hung one after %s", quick, hung)
		}
		want := []string{
			"hung cluster unknown: the check took too long",
			"quick cluster ok: ",
			"silent cluster unknown: the check found nothing to look at",
		}
		if got := said(steps); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A section is there for whoever waits for it before the visit has ended.
func TestSectionsArriveOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := Patient{
			Nodes: []inventory.Node{{Name: "a", OS: "linux"}},
			Examiner: examiner(func(ctx context.Context, _ inventory.Node, _ facts.Ask, _ func(string), got func(*facts.Section)) (string, error) {
				got(&facts.Section{Part: "x"})
				<-ctx.Done()
				return "", ctx.Err()
			}),
		}
		var first time.Duration
		books := []Book{{Name: "b", Ask: asking("x", "y"), Checks: []Check{onNodes("b.x", "x"), {ID: "b.y", Limit: 5 * time.Second, Run: onNodes("", "y").Run}}}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		steps := Run(ctx, books, p, func(u Update) {
			if u.Found != nil && u.Found.ID == "b.x" {
				first = time.Since(start)
			}
		})
		if first != 0 || len(steps) != 2 || steps[1].Verdict != Unknown {
			t.Errorf("x after %s, steps %q", first, said(steps))
		}
	})
}

func TestPictureIsTakenOnce(t *testing.T) {
	t.Parallel()
	var taken atomic.Int32
	p := Patient{Picture: func(context.Context) (*session.Snapshot, error) {
		taken.Add(1)
		return &session.Snapshot{}, nil
	}}
	look := func(ctx context.Context, l *Look, found func(Step)) {
		if _, err := l.Snapshot(ctx); err != nil {
			t.Error(err)
		}
		found(Step{Verdict: OK})
	}
	Run(t.Context(), []Book{{Checks: []Check{{ID: "a", Run: look}, {ID: "b", Run: look}}}}, p, nil)
	if taken.Load() != 1 {
		t.Errorf("measured %d times", taken.Load())
	}
}

// What a node or a cluster says can neither speak to a terminal nor fill it.
func TestStepsAreCleanAndBounded(t *testing.T) {
	t.Parallel()
	s := Step{
		Subject: "node/\x1b]0;x\x07a", Summary: strings.Repeat("é", maxSummary),
		Evidence: make([]Evidence, 99), Remedies: make([]runbook.Remedy, 99),
	}
	s.Evidence[0] = Evidence{Command: "iptables -S\nrm -rf /", Output: "\n one\tx\r\n\x1b[2Jtwo \n\n"}
	s.Remedies[0].Command = "a\u202eb"
	s.clean()
	if s.Subject != "node/a" || len(s.Summary) > maxSummary || !strings.HasSuffix(s.Summary, "é…") {
		t.Errorf("subject %q, summary of %d bytes", s.Subject, len(s.Summary))
	}
	if len(s.Evidence) != maxEvidence || len(s.Remedies) != maxRemedies {
		t.Errorf("%d pieces of evidence, %d remedies", len(s.Evidence), len(s.Remedies))
	}
	if e := s.Evidence[0]; e.Command != "iptables -S rm -rf /" || e.Output != " one  x\ntwo" {
		t.Errorf("evidence %q", e)
	}
	if s.Remedies[0].Command != "ab" {
		t.Errorf("remedy %q", s.Remedies[0])
	}
}
