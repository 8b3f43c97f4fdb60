//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// fault is something that is really broken for a moment.
type fault struct {
	// name is its row in docs/faults.md.
	name string
	// make breaks it, and returns when what it breaks is broken. It returns what
	// takes the fault back, and returns when all is well again; that is called
	// once, also after a failure.
	make func(t *testing.T, g *ground.Ground) (undo func(context.Context) error)
	// want are the steps that answer otherwise than on the healthy cluster.
	want []wantStep
}

// wantStep is an answer. The subject is as plain makes it. An empty verdict
// means that there is no answer on this subject.
type wantStep struct{ id, subject, verdict string }

// both are two faults at the same time; each has to be seen as if it were
// alone. more are answers that follow from the two together.
func both(a, b fault, more ...wantStep) fault {
	return fault{
		name: a.name + " + " + b.name,
		make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
			first := a.make(t, g)
			undone := false
			t.Cleanup(func() {
				if !undone { // b could not be made
					_ = first(context.WithoutCancel(t.Context()))
				}
			})
			second := b.make(t, g)
			undone = true
			return func(ctx context.Context) error { return errors.Join(second(ctx), first(ctx)) }
		},
		want: slices.Concat(a.want, b.want, more),
	}
}

// answers are verdicts by "id subject".
type answers map[string]string

// replica is what a ReplicaSet, a Job or a DaemonSet adds to a pod's name.
var replica = regexp.MustCompile(`(-[a-f0-9]{6,10})?-[a-z0-9]{5}$`)

// plain leaves out of a pod's name what differs each time.
func plain(subject string) string {
	if strings.HasPrefix(subject, "pod/") {
		return replica.ReplaceAllString(subject, "")
	}
	return subject
}

// worse sorts verdicts for subjects that are one after plain.
var worse = []string{"not-applicable", "ok", "unknown", "problem"}

type checked struct {
	Schema string
	Steps  []struct{ ID, Subject, Verdict, Summary string }
}

// checkAll runs every runbook and returns what it answers.
func checkAll(t *testing.T, g *ground.Ground, args ...string) (answers, checked, result) {
	t.Helper()
	cmd := command(t, append([]string{"check", "all", "-o", "json"}, args...)...)
	cmd.Env = append(cmd.Env, "KUBECONFIG="+g.Kubeconfig())
	res := finish(t, cmd)
	var doc checked
	if err := json.Unmarshal([]byte(res.stdout), &doc); err != nil {
		t.Fatalf("the answer does not parse: %v\nexit code %d\nstderr: %s\nstdout: %.2000s", err, res.code, res.stderr, res.stdout)
	}
	out := answers{}
	for _, s := range doc.Steps {
		key := s.ID + " " + plain(s.Subject)
		if old, ok := out[key]; !ok || slices.Index(worse, s.Verdict) > slices.Index(worse, old) {
			out[key] = s.Verdict
		}
	}
	return out, doc, res
}

// healthyWithin is how long every runbook together may take on the healthy
// cluster of three nodes: 10 seconds are promised for a machine that does
// nothing else, and a busy one gets twice that.
const healthyWithin = 20 * time.Second

// TestMatrix breaks one thing after the other, and holds what every step says
// of every subject against what it said while all was well.
func TestMatrix(t *testing.T) {
	g := tunnelled(t)
	pinAgents(t, g)

	healthy, doc, res := checkAll(t, g)
	t.Logf("every runbook on the healthy cluster: %s, %d answers", res.took.Round(10*time.Millisecond), len(doc.Steps))
	for _, s := range doc.Steps {
		if s.Verdict != "ok" && s.Verdict != "not-applicable" {
			t.Errorf("healthy: %s %s is %s: %s", s.ID, s.Subject, s.Verdict, s.Summary)
		}
	}
	if res.code != 0 {
		t.Errorf("healthy: exit code %d\n%s", res.code, res.stderr)
	}
	if res.took > healthyWithin {
		t.Errorf("healthy: it took %s", res.took)
	}
	if t.Failed() {
		t.FailNow() // nothing can be held against this
	}
	m := matrix{healthy: healthy}
	for _, f := range slices.Concat(tunnelFaults(), apiserverFaults(), connectivityFaults(), pairs()) {
		t.Run(f.name, func(t *testing.T) { m.add(f.name, healthy, tryFault(t, g, healthy, f)) })
	}
	m.compare(t)
}

// tryFault makes a fault, asks, and takes it back.
func tryFault(t *testing.T, g *ground.Ground, healthy answers, f fault) answers {
	t.Helper()
	undo := f.make(t, g)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		if err := undo(ctx); err != nil {
			t.Errorf("taking it back: %v", err)
		}
	})
	got, doc, res := checkAll(t, g)
	want := maps.Clone(healthy)
	for _, w := range f.want {
		key := w.id + " " + w.subject
		if w.verdict == "" {
			delete(want, key)
		} else {
			want[key] = w.verdict
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("it took %s, exit code %d\n%s", res.took, res.code, differences(got, want))
		for _, s := range doc.Steps {
			if v, ok := want[s.ID+" "+plain(s.Subject)]; !ok || v != s.Verdict {
				t.Logf("%s %s %s: %s", s.ID, s.Subject, s.Verdict, s.Summary)
			}
		}
	}
	if slices.Contains(slices.Collect(maps.Values(want)), "problem") && res.code != 3 {
		t.Errorf("exit code %d, want 3", res.code)
	}
	t.Logf("%s", res.took.Round(10*time.Millisecond))
	if left, err := g.Kubectl(t.Context(), "", "get", "pods,configmaps", "-A", "-l", "app.kubernetes.io/managed-by=snattop", "-o", "name"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %s, %v", left, err)
	}
	return got
}

// differences lists what is not as wanted, one a line.
func differences(got, want answers) string {
	var lines []string
	for key, v := range got {
		if w, ok := want[key]; !ok {
			lines = append(lines, fmt.Sprintf("%s is %s, and not wanted at all", key, v))
		} else if w != v {
			lines = append(lines, fmt.Sprintf("%s is %s, want %s", key, v, w))
		}
	}
	for key, w := range want {
		if _, ok := got[key]; !ok {
			lines = append(lines, fmt.Sprintf("%s is not there, want %s", key, w))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// tunnelled returns a ground with a tunnel: the one that is up, or else one of
// its own beside it, for this test.
func tunnelled(t *testing.T) *ground.Ground {
	t.Helper()
	if world.ground.Tunnel() {
		return world.ground
	}
	opts := ground.Options{Tunnel: true, Progress: os.Stderr}
	dir := filepath.Join(filepath.Dir(ground.Dir()), filepath.Base(ground.Dir())+"-"+strings.ToLower(t.Name()))
	t.Setenv("SNATTOP_E2E_DIR", dir)
	began := time.Now()
	g, err := ground.Up(t.Context(), opts)
	t.Cleanup(func() {
		if err := ground.Down(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a ground of its own is up after %s", time.Since(began).Round(time.Second))
	return g
}
