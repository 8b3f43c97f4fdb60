//go:build e2e && linux

package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// keepEnv names a directory that keeps recordings and truths of the scenarios,
// and fromEnv one to judge again without playing anything.
const (
	keepEnv = "SNATTOP_TRUTH_KEEP"
	fromEnv = "SNATTOP_TRUTH_FROM"
)

// TestTruth plays every scenario and holds what snattop says of ports, causes
// and verdicts against the gateway.
func TestTruth(t *testing.T) {
	var rows []row
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			dir, result := played(t, s)
			for _, sc := range s.nodes {
				t.Run(sc.name, func(t *testing.T) {
					st, r := judged(t, dir, sc, result)
					rows = append(rows, rowOf(st, causesOf(r)))
					check(t, st)
					checkCause(t, sc, r)
				})
			}
		})
	}
	if len(rows) == 0 {
		t.Error("nothing was judged")
	}
	t.Logf("\n%s", table(rows))
}

// played plays a scene, or reads what was kept of it.
func played(t *testing.T, s scene) (dir string, result take) {
	t.Helper()
	if dir = os.Getenv(fromEnv); dir != "" {
		result, err := kept(takeOf(dir, s.name))
		if err != nil {
			t.Skip(err)
		}
		return dir, result
	}
	if dir = os.Getenv(keepEnv); dir == "" {
		dir = t.TempDir()
	}
	return dir, play(t, s, dir)
}

// judged replays a scenario's recording, and asks for a report of it.
func judged(t *testing.T, dir string, sc scenario, result take) (story, *report.Report) {
	t.Helper()
	node := result.Nodes[sc.name]
	file := recordingOf(dir, sc.name)
	samples, err := replay(file, node, sessionOptions(sc, result.Holds))
	if err != nil {
		t.Fatal(err)
	}
	st := story{scenario: sc, node: node, began: result.Began, ended: result.Ended, truths: result.Truths, samples: samples}
	args := append([]string{"--source", file, "--node", node}, holdFlags(result.Holds)...)
	if !sc.cloud {
		args = append(args, "--snat-ports", strconv.Itoa(sc.ports))
	}
	r, _ := reportOf(t, args...)
	return st, r
}

// causesOf are the causes that a report names, most important first; what
// could not be seen is no cause.
func causesOf(r *report.Report) []string {
	var causes []string
	for _, f := range r.Findings {
		if cause, ok := strings.CutPrefix(f.ID, "cause."); ok && f.Severity != "info" && !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	return causes
}

// blamed lists whom a report blames for a cause: the subjects of its findings,
// and the pods that carry it.
func blamed(r *report.Report, cause string) []string {
	var subjects []string
	for _, f := range r.Findings {
		if f.ID == "cause."+cause {
			subjects = append(subjects, f.Subject)
		}
	}
	for _, p := range r.Pods {
		if p.Cause == cause {
			subjects = append(subjects, "pod/"+p.Namespace+"/"+p.Name)
		}
	}
	return subjects
}

// sessionOptions are what snattop was told of the gateway.
func sessionOptions(sc scenario, h ground.Holds) session.Options {
	opts := session.Options{
		Provider: snat.ProviderAuto,
		Timers:   snat.Timers{FIN: h.FIN, Reset: h.Reset, HalfOpen: h.HalfOpen, Idle: h.Idle, UDP: h.UDP},
	}
	if !sc.cloud {
		opts.SNATPorts = sc.ports
	}
	return opts
}

// check holds a scenario against what is promised.
func check(t *testing.T, s story) {
	t.Helper()
	if n := len(s.during()); n < int(s.ended.Sub(s.began)/time.Second)/2 {
		t.Errorf("%d samples in %s", n, s.ended.Sub(s.began).Round(time.Second))
	}
	if wrong := s.bounds(); len(wrong) > 0 {
		t.Errorf("%d samples out of bounds, the first %s", len(wrong), wrong[0])
	}
	if s.steady != (span{}) {
		errs, shaky := s.errors()
		if len(errs) < shaky {
			t.Errorf("the load was steady in %d samples, and in %d it was not: this machine is too busy", len(errs), shaky)
		}
		if len(errs) > 0 && slices.Max(errs) > steadyError {
			t.Errorf("the estimate is off by %.1f %% in the worst of %d samples", 100*slices.Max(errs), len(errs))
		}
	}
	checkVerdict(t, s)
	if s.linear {
		for _, f := range s.forecasts() {
			if f.off > forecastError {
				t.Errorf("at %.0f %% of the block: full in %v was said, and it was %s", 100*f.share, deref(f.said), f.real.Round(time.Second))
			}
		}
	}
}

// checkCause looks at what is named, and who is blamed for it.
func checkCause(t *testing.T, sc scenario, r *report.Report) {
	t.Helper()
	causes := causesOf(r)
	switch {
	case sc.cause == "any":
		return
	case sc.cause == "":
		if len(causes) > 0 {
			t.Errorf("causes named: %v, and nothing is wrong", causes)
		}
		return
	case len(causes) == 0 || causes[0] != sc.cause:
		t.Errorf("causes named: %v, want %s", causes, sc.cause)
	}
	subjects := blamed(r, sc.cause)
	if !slices.ContainsFunc(subjects, func(s string) bool { return strings.Contains(s, "/"+sc.culprit) }) && sc.culprit != "" {
		t.Errorf("blamed for %s: %v, want %s", sc.cause, subjects, sc.culprit)
	}
}

// checkVerdict looks at when "exhausted" was said, and at the verdict in the end.
func checkVerdict(t *testing.T, s story) {
	t.Helper()
	c := s.called()
	if len(c.wrong) > 0 {
		t.Errorf("%d false alarms, the first %s", len(c.wrong), c.wrong[0])
	}
	_, dropped := s.firstDrop()
	switch {
	case s.fills && !dropped:
		t.Error("the gateway dropped nothing: the scenario proves nothing")
	case c.never:
		t.Error("exhausted was never said")
	case c.late > callWithin:
		t.Errorf("exhausted was said %s after the first dropped packet", c.late.Round(100*time.Millisecond))
	}
	if x, _, _, ok := s.last(); ok && !slices.Contains(s.verdicts, x.verdict) {
		t.Errorf("in the end it is %s, want one of %v: %v", x.verdict, s.verdicts, x.why)
	}
}
