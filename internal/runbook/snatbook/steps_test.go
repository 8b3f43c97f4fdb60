package snatbook

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

func counts(open, trying, cooling int) session.Counts {
	return session.Counts{Ports: snat.Ports{Min: open, Estimate: open + cooling, Max: open + trying + cooling}, Open: open, Trying: trying, Cooling: cooling}
}

// sick is one node that is out of ports, one that is well, and one of each kind
// that cannot be judged.
func sick() *session.Snapshot {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	hot := snat.Dest{Protocol: snat.TCP, IP: netip.MustParseAddr("20.60.1.1"), Port: 443}
	dest := func(open, trying int) *session.Dest {
		return &session.Dest{Dest: hot, Class: snat.Class{Eligible: true}, Established: open, SynSent: trying}
	}
	budget := snat.Budget{Ports: 128, Source: snat.BudgetTable}
	leak := &session.Owner{Namespace: "shop", Name: "checkout-x", Counts: counts(120, 12, 0), Listed: []*session.Dest{dest(120, 12)}}
	honest := &session.Owner{Namespace: "shop", Name: "cart-y", Counts: counts(8, 0, 0), Listed: []*session.Dest{dest(8, 0)}}
	return &session.Snapshot{Time: now, Nodes: []*session.Node{
		{Name: "a", InternalIP: "10.224.0.5", OS: "linux", Ready: true, State: session.StateStreaming, LastTick: now, Budget: budget, Verdict: snat.Exhausted,
			Counts: counts(128, 12, 0), Full: []snat.Dest{hot}, Owners: []*session.Owner{leak, honest}},
		{Name: "b", OS: "linux", State: session.StateStreaming, LastTick: now, Budget: budget, Verdict: snat.Healthy, Counts: counts(3, 0, 1)},
		{Name: "c", OS: "linux", State: session.StateDenied, Error: "pods is forbidden", Verdict: snat.Unknown},
		{Name: "d", OS: "windows", State: session.StateNotLinux, Verdict: snat.Unknown},
		{Name: "e", OS: "linux", State: session.StateStreaming, LastTick: now, Verdict: snat.NotSNAT, Why: []string{"20.60.1.9:443 does not answer"}, Counts: counts(2, 9, 0)},
		{Name: "f", OS: "linux", State: session.StateStreaming, LastTick: now, Verdict: snat.Unknown, Why: []string{"no budget is known"}, Counts: counts(2, 0, 0)},
		{Name: "g", LeftOut: true},
	}}
}

func run(t *testing.T, pic *session.Snapshot, err error) []step.Step {
	t.Helper()
	return step.Run(t.Context(), []step.Book{New()}, step.Patient{
		Picture: func(context.Context) (*session.Snapshot, error) { return pic, err },
	}, nil)
}

func said(steps []step.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.ID+" "+s.Subject+" "+string(s.Verdict))
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSickCluster(t *testing.T) {
	t.Parallel()
	steps := run(t, sick(), nil)
	same(t, said(steps), []string{
		"snat.node node/a problem",
		"snat.node node/c unknown",
		"snat.node node/f unknown",
		"snat.node node/b ok",
		"snat.node node/e ok",
		"snat.node node/d not-applicable",
		"snat.pod pod/shop/checkout-x problem",
		"snat.connections node/a destination/20.60.1.1:443/tcp problem",
		"snat.cause node/a hot-destination problem",
		"snat.proof cluster not-applicable",
	})
	for _, want := range []string{
		"It is out of ports: about 128 in use (at least 128, at most 140) of 128 (table); 12 connections wait for one.",
		"On a it has 132 of the 140 connections that take a port (94 %): 120 open, 12 trying, 0 cooling.",
		"128 open, 12 trying, 0 cooling towards it from a, 132 of them shop/checkout-x's.",
	} {
		if !slices.ContainsFunc(steps, func(s step.Step) bool { return s.Summary == want }) {
			t.Errorf("no step says %q", want)
		}
	}
}

// A node that is merely pressured has no full destination: the fullest is told.
func TestPressuredNode(t *testing.T) {
	t.Parallel()
	pic := sick()
	pic.Nodes[0].Verdict, pic.Nodes[0].Full = snat.Pressured, nil
	got := said(run(t, pic, nil))
	if !slices.Contains(got, "snat.connections node/a destination/20.60.1.1:443/tcp problem") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestHealthyCluster(t *testing.T) {
	t.Parallel()
	pic := sick()
	pic.Nodes = pic.Nodes[1:2]
	same(t, said(run(t, pic, nil)), []string{
		"snat.node node/b ok", "snat.pod cluster not-applicable", "snat.connections cluster not-applicable",
		"snat.cause cluster not-applicable", "snat.proof cluster not-applicable",
	})
}

// What is not seen is never said to be well.
func TestBlind(t *testing.T) {
	t.Parallel()
	pic := sick()
	pic.Nodes = pic.Nodes[2:3]
	for _, steps := range [][]step.Step{run(t, pic, nil), run(t, &session.Snapshot{}, nil), run(t, nil, errors.New("no rights"))} {
		for _, s := range steps {
			if s.Verdict != step.Unknown && s.ID != "snat.proof" {
				t.Errorf("%s %s is %s", s.ID, s.Subject, s.Verdict)
			}
		}
	}
}
