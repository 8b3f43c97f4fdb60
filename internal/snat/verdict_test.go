package snat_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	table := func(n int) snat.Budget { return snat.Budget{Ports: n, Source: snat.BudgetTable} }
	for name, c := range map[string]struct {
		ports   snat.Ports
		budget  snat.Budget
		waiting int
		want    snat.Verdict
		why     string
	}{
		"no budget, however bad": {snat.Ports{Min: 60_000, Estimate: 60_000, Max: 60_000}, snat.Budget{Source: snat.BudgetUnknown}, 99, snat.Unknown, "--snat-ports"},
		"zero value":             {snat.Ports{}, snat.Budget{}, 0, snat.Unknown, "--snat-ports"},
		"idle":                   {snat.Ports{}, table(1024), 0, snat.Healthy, "0 of 1024 ports (table)"},
		"79 %":                   {snat.Ports{Estimate: 79}, table(100), 0, snat.Healthy, "79 of 100"},
		"80 %":                   {snat.Ports{Estimate: 80}, table(100), 0, snat.Pressured, "80 of 100"},
		"SYNs on a half-empty block are something else": {snat.Ports{Min: 10, Estimate: 10, Max: 500}, table(100), 490, snat.Healthy, "10 of 100"},
		"96 % and waiting":               {snat.Ports{Min: 96, Estimate: 96}, table(100), 3, snat.Pressured, "96 of 100"},
		"97 % and waiting":               {snat.Ports{Min: 50, Estimate: 97}, table(100), 3, snat.Exhausted, "3 connections wait"},
		"97 % and nobody waits":          {snat.Ports{Min: 97, Estimate: 97}, table(100), 0, snat.Pressured, "97 of 100"},
		"full by cooling, nobody waits":  {snat.Ports{Min: 90, Estimate: 100}, table(100), 0, snat.Pressured, "100 of 100"},
		"full of open flows":             {snat.Ports{Min: 128, Estimate: 128, Max: 140}, table(128), 12, snat.Exhausted, "128 flows are open"},
		"full, nobody waits yet":         {snat.Ports{Min: 128, Estimate: 128, Max: 128}, table(128), 0, snat.Exhausted, "the budget is 128 ports (table)"},
		"more than a stale budget":       {snat.Ports{Min: 300, Estimate: 300}, snat.Budget{Ports: 128, Source: snat.BudgetFlag}, 0, snat.Exhausted, "(flag)"},
		"one of a small block is unused": {snat.Ports{Min: 63, Estimate: 63}, table(64), 1, snat.Exhausted, "63 of 64"},
	} {
		got, why := snat.Judge(c.ports, c.budget, c.waiting)
		if got != c.want || len(why) == 0 || !strings.Contains(strings.Join(why, "\n"), c.why) {
			t.Errorf("%s: %s %q, want %s with %q", name, got, why, c.want, c.why)
		}
	}
}

func TestJudgeProperties(t *testing.T) {
	t.Parallel()
	sources := []snat.BudgetSource{snat.BudgetMeasured, snat.BudgetTable, snat.BudgetFlag, snat.BudgetUnknown}
	rapid.Check(t, func(t *rapid.T) {
		b := snat.Budget{Ports: rapid.IntRange(0, 2048).Draw(t, "budget"), Source: rapid.SampledFrom(sources).Draw(t, "source")}
		p := snat.Bounds(loads(t, "loads"), b.Ports)
		waiting := rapid.IntRange(0, 50).Draw(t, "waiting")
		v, why := snat.Judge(p, b, waiting)
		if len(why) == 0 || why[0] == "" {
			t.Fatalf("%s without a reason", v)
		}
		if !b.Known() && v != snat.Unknown {
			t.Fatalf("%s without a budget", v)
		}
		if b.Known() && v == snat.Unknown {
			t.Fatal("unknown with a budget")
		}
		// More in use is never better.
		worse := p
		worse.Estimate++
		if w, _ := snat.Judge(worse, b, waiting+1); w.Rank() > v.Rank() {
			t.Fatalf("%s became %s with one port more", v, w)
		}
	})
}

func TestRank(t *testing.T) {
	t.Parallel()
	got := []snat.Verdict{snat.Healthy, snat.Unknown, snat.NotSNAT, snat.Pressured, snat.Exhausted}
	slices.SortFunc(got, func(a, b snat.Verdict) int { return a.Rank() - b.Rank() })
	want := []snat.Verdict{snat.Exhausted, snat.Pressured, snat.NotSNAT, snat.Unknown, snat.Healthy}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r := snat.Verdict("from the future").Rank(); r != snat.Unknown.Rank() {
		t.Errorf("a verdict that is not known ranks %d", r)
	}
}
