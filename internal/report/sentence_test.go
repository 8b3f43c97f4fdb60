package report_test

import (
	"testing"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

func TestSentence(t *testing.T) {
	t.Parallel()
	budget := snat.Budget{Ports: 128, Source: snat.BudgetTable}
	owners := func(open int) []*session.Owner {
		return []*session.Owner{{Namespace: "shop", Name: "leaker-1", Counts: session.Counts{Open: open}}, {Name: "other"}}
	}
	for want, n := range map[string]session.Node{
		"n is out of ports: 12 connections wait for one, 0.5 a second fail. 93 % of the open flows are shop/leaker-1's.": {
			Verdict: snat.Exhausted, Counts: session.Counts{Open: 128, Trying: 12, FailedPerSecond: 0.456}, Owners: owners(120),
		},
		"n is out of ports: 1 connection waits for one.": {
			Verdict: snat.Exhausted, Counts: session.Counts{Open: 128, Trying: 1, FailedPerSecond: 0.04}, Owners: owners(63),
		},
		"n is out of ports: 128 flows are open to one destination. 50 % of the open flows are shop/leaker-1's.": {
			Verdict: snat.Exhausted, Counts: session.Counts{Open: 128, Ports: snat.Ports{Min: 128}}, Owners: owners(64),
		},
		"n uses about 110 of 128 ports. 100 % of the open flows are host: sshd.service's.": {
			Verdict: snat.Pressured, Budget: budget, Counts: session.Counts{Open: 9, Ports: snat.Ports{Estimate: 110}},
			Owners: []*session.Owner{{Workload: inventory.Workload{Kind: "unit", Name: "sshd.service"}, Counts: session.Counts{Open: 9}}},
		},
		"n uses about 111 of 128 ports.": {
			Verdict: snat.Pressured, Budget: budget, Counts: session.Counts{Ports: snat.Ports{Estimate: 111}}, Owners: owners(0),
		},
		"n uses about 3 of 128 ports.": {
			Verdict: snat.Healthy, Budget: budget, Counts: session.Counts{Open: 3, Ports: snat.Ports{Estimate: 3}}, Owners: owners(3),
		},
		"n has trouble, and it is not a lack of ports.": {Verdict: snat.NotSNAT},
		"n: no numbers from this node: waiting.":        {Verdict: snat.Unknown, Why: []string{"no numbers from this node: waiting", "more"}},
		"n: nothing is known yet.":                      {Verdict: snat.Unknown},
	} {
		n.Name = "n"
		if got := report.Sentence(&n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := report.Sentence(&session.Node{Name: "n", Verdict: "new"}); got != "n: nothing is known yet." {
		t.Errorf("%q", got)
	}
}
