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
	n := func(v int) *int { return &v }
	for name, c := range map[string]struct {
		s    snat.Situation
		want snat.Verdict
		why  string
	}{
		"no budget, however bad": {
			snat.Situation{Ports: snat.Ports{Min: 60_000, Estimate: 60_000, Max: 60_000}, Starved: 99, Budget: snat.Budget{Source: snat.BudgetUnknown}},
			snat.Unknown, "--snat-ports",
		},
		"zero value":                     {snat.Situation{}, snat.Unknown, "--snat-ports"},
		"idle":                           {snat.Situation{Budget: table(1024)}, snat.Healthy, "0 of 1024 ports (table)"},
		"79 %":                           {snat.Situation{Ports: snat.Ports{Estimate: 79}, Budget: table(100)}, snat.Healthy, "79 of 100"},
		"80 %":                           {snat.Situation{Ports: snat.Ports{Estimate: 80}, Budget: table(100)}, snat.Pressured, "80 of 100"},
		"96 % and waiting":               {snat.Situation{Ports: snat.Ports{Min: 96, Estimate: 96}, Budget: table(100), Starved: 3}, snat.Pressured, "96 of 100"},
		"97 % and waiting":               {snat.Situation{Ports: snat.Ports{Min: 50, Estimate: 97}, Budget: table(100), Starved: 3}, snat.Exhausted, "3 connections wait"},
		"97 % and one waits":             {snat.Situation{Ports: snat.Ports{Min: 50, Estimate: 97}, Budget: table(100), Starved: 1}, snat.Exhausted, "1 connection waits"},
		"97 % and nobody waits":          {snat.Situation{Ports: snat.Ports{Min: 97, Estimate: 97}, Budget: table(100)}, snat.Pressured, "97 of 100"},
		"97 %, and others wait":          {snat.Situation{Ports: snat.Ports{Min: 97, Estimate: 97}, Budget: table(100), Unanswered: 9}, snat.Pressured, "9 attempts"},
		"full by cooling, nobody waits":  {snat.Situation{Ports: snat.Ports{Min: 90, Estimate: 100}, Budget: table(100)}, snat.Pressured, "100 of 100"},
		"full of open flows":             {snat.Situation{Ports: snat.Ports{Min: 128, Estimate: 128, Max: 140}, Budget: table(128), Starved: 12}, snat.Exhausted, "128 flows are open"},
		"full, nobody waits yet":         {snat.Situation{Ports: snat.Ports{Min: 128, Estimate: 128, Max: 128}, Budget: table(128)}, snat.Exhausted, "the budget is 128 ports (table)"},
		"more than a stale budget":       {snat.Situation{Ports: snat.Ports{Min: 300, Estimate: 300}, Budget: snat.Budget{Ports: 128, Source: snat.BudgetFlag}}, snat.Exhausted, "(flag)"},
		"one of a small block is unused": {snat.Situation{Ports: snat.Ports{Min: 63, Estimate: 63}, Budget: table(64), Starved: 1}, snat.Exhausted, "63 of 64"},
		"SYNs on a half-empty block are something else": {
			snat.Situation{Ports: snat.Ports{Min: 10, Estimate: 10, Max: 500}, Budget: table(100), Unanswered: 490},
			snat.NotSNAT, "490 attempts",
		},
		"one forgotten webhook is no verdict": {snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), Unanswered: 2}, snat.Healthy, "10 of 100"},
		"the node's own table is full":        {snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), Unanswered: 2, TableFull: true}, snat.NotSNAT, "connection tracking table"},
		"the same without a budget":           {snat.Situation{Unanswered: 2, TableFull: true}, snat.NotSNAT, "connection tracking table"},
		"a full table that hurts nobody":      {snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), TableFull: true}, snat.Healthy, "10 of 100"},
		"a full block is a full block, table or not": {
			snat.Situation{Ports: snat.Ports{Min: 100, Estimate: 100}, Budget: table(100), Unanswered: 2, TableFull: true}, snat.Exhausted, "100 flows",
		},
		"UDP has a pool of its own": {snat.Situation{Ports: snat.Ports{Estimate: 10}, UDP: snat.Ports{Estimate: 90}, Budget: table(100)}, snat.Pressured, "90 of 100 UDP ports"},
		"the cloud sees what we do not": {
			snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), Unanswered: 1, MeasuredUsed: n(100), MeasuredFailed: n(7)},
			snat.Exhausted, "the cloud measures 100 of 100 ports in use and 7 failures",
		},
		"the cloud's figure is minutes old, and nobody waits": {
			snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), MeasuredUsed: n(100), MeasuredFailed: n(7)},
			snat.Pressured, "the cloud measures 100 of 100",
		},
		"the cloud sees no failure": {
			snat.Situation{Ports: snat.Ports{Estimate: 10}, Budget: table(100), Unanswered: 5, MeasuredUsed: n(12), MeasuredFailed: n(0)},
			snat.NotSNAT, "5 attempts",
		},
	} {
		got, why := snat.Judge(c.s)
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
		few := rapid.IntRange(0, 50)
		s := snat.Situation{
			Ports: snat.Bounds(loads(t, "loads"), b.Ports), UDP: snat.Bounds(loads(t, "udp"), b.Ports), Budget: b,
			Starved: few.Draw(t, "starved"), Unanswered: few.Draw(t, "unanswered"), TableFull: rapid.Bool().Draw(t, "table"),
		}
		if rapid.Bool().Draw(t, "measured") {
			used, failed := rapid.IntRange(0, 3000).Draw(t, "used"), few.Draw(t, "failed")
			s.MeasuredUsed, s.MeasuredFailed = &used, &failed
		}
		v, why := snat.Judge(s)
		if len(why) == 0 || why[0] == "" {
			t.Fatalf("%s without a reason", v)
		}
		if !b.Known() && v != snat.Unknown && v != snat.NotSNAT {
			t.Fatalf("%s without a budget", v)
		}
		if b.Known() && v == snat.Unknown {
			t.Fatal("unknown with a budget")
		}
		if v == snat.Exhausted && float64(s.Ports.Estimate) < snat.FullAt*float64(b.Ports) && s.MeasuredUsed == nil {
			t.Fatalf("exhausted with %d of %d ports in use", s.Ports.Estimate, b.Ports)
		}
		// More in use, and more that wait for it, is never better.
		worse := s
		worse.Ports.Estimate++
		worse.Starved++
		if w, _ := snat.Judge(worse); w.Rank() > v.Rank() {
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
