package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/internal/snat"
)

// What is said of one node's ports, and why.
func TestNodes(t *testing.T) {
	t.Parallel()
	busy, calm := numbers{ports: 900, open: 880, opens: 2}, numbers{ports: 200, open: 180, opens: 2}
	type change = func(*report.Node)
	for name, c := range map[string]struct {
		before, after   numbers
		then, now       []change
		answer          proof.Answer
		why             []string
		whole           proof.Answer
		failed, opening proof.Answer
	}{
		"less":                  {before: busy, after: calm, answer: proof.Less, whole: proof.Less},
		"more":                  {before: calm, after: busy, answer: proof.More, whole: proof.More},
		"same":                  {before: busy, after: busy, answer: proof.Same, whole: proof.Same},
		"a port is no news":     {before: numbers{ports: 1, open: 1}, after: numbers{ports: 2, open: 2}, answer: proof.Same, whole: proof.Same},
		"few decide nothing":    {before: numbers{ports: 2, open: 2}, after: numbers{ports: 6, open: 6}, answer: proof.More, whole: proof.Same},
		"5 % is no news":        {before: numbers{ports: 20000, open: 2}, after: numbers{ports: 20900, open: 2}, answer: proof.Same, whole: proof.Same},
		"unseen after":          {before: busy, now: []change{unseen("denied", "user jane may not")}, answer: proof.CannotTell, why: []string{"after", "user jane may not"}, whole: proof.CannotTell},
		"unseen before":         {after: busy, then: []change{unseen("unreachable", "")}, answer: proof.CannotTell, why: []string{"before", "unreachable"}, whole: proof.CannotTell},
		"never seen":            {then: []change{unseen("not-linux", "")}, now: []change{unseen("not-linux", "")}, answer: proof.CannotTell, why: []string{"not-linux"}, whole: proof.CannotTell},
		"a gap":                 {before: busy, after: calm, now: []change{handedOver(later.Add(-20 * time.Second))}, answer: proof.CannotTell, why: []string{"collector", "12:09:40Z"}, whole: proof.CannotTell},
		"a gap long ago":        {before: busy, after: calm, now: []change{handedOver(later.Add(-5 * time.Minute))}, answer: proof.Less, whole: proof.Less},
		"watched too shortly":   {before: busy, after: numbers{ports: 200, open: 180, seconds: 3}, answer: proof.CannotTell, why: []string{"3 s only", "after"}, whole: proof.CannotTell},
		"an older version":      {before: busy, after: calm, then: []change{func(n *report.Node) { n.Levels = nil }}, answer: proof.CannotTell, why: []string{"older version", "before"}, whole: proof.CannotTell},
		"other pods of it seen": {before: busy, after: calm, now: []change{func(n *report.Node) { n.Scoped = []string{"shop/b", "shop/a"} }}, answer: proof.CannotTell, why: []string{"all before, shop/a, shop/b after"}, whole: proof.CannotTell},
		"the same pods of it seen": {
			before: busy, after: calm, then: []change{func(n *report.Node) { n.Scoped = []string{"shop/a", "shop/b"} }},
			now: []change{func(n *report.Node) { n.Scoped = []string{"shop/b", "shop/a"} }}, answer: proof.Less, whole: proof.Less,
		},
		"failures unseen":            {before: busy, after: calm, now: []change{collector("tcptracer")}, answer: proof.Less, failed: proof.CannotTell, whole: proof.Less},
		"a collector that sees less": {before: busy, after: calm, now: []change{collector("diag")}, answer: proof.CannotTell, opening: proof.Same, why: []string{"diag", "between two looks"}, whole: proof.CannotTell},
		"one that sees more":         {before: busy, after: calm, then: []change{collector("diag")}, answer: proof.Less, whole: proof.Less},
		"out of ports before":        {before: busy, after: calm, then: []change{budget(900)}, answer: proof.Less, why: []string{"at least"}, whole: proof.Less},
		"out of ports after":         {before: busy, after: calm, now: []change{budget(200)}, answer: proof.CannotTell, why: []string{"no port left after"}, whole: proof.CannotTell},
		"a budget that was raised":   {before: calm, after: busy, then: []change{budget(200)}, now: []change{budget(1024)}, answer: proof.CannotTell, why: []string{"no port left before"}, whole: proof.CannotTell},
		"out of ports both times":    {before: busy, after: busy, then: []change{budget(900)}, now: []change{budget(900)}, answer: proof.Same, why: []string{"not known"}, whole: proof.Same},
		"failures":                   {before: numbers{ports: 200, open: 180, fails: 38}, after: calm, answer: proof.Same, failed: proof.Less, whole: proof.Less},
		"new failures":               {before: calm, after: numbers{ports: 200, open: 180, opens: 2, fails: 5}, answer: proof.Same, failed: proof.More, whole: proof.More},
		// 20/s that close, watched for 10 s: azure-lb holds a port for 240 s.
		"held from before, perhaps": {
			before: numbers{ports: 1000, open: 10, opens: 20, seconds: 300}, after: numbers{ports: 500, open: 10, opens: 20, seconds: 10},
			answer: proof.CannotTell, why: []string{"10 s only", "240 s", "4,600 more"}, whole: proof.CannotTell, opening: proof.Same,
		},
		"too few to matter": {
			before: numbers{ports: 1000, open: 10, opens: 20, seconds: 300}, after: numbers{ports: 100, open: 10, opens: 0.5, seconds: 10},
			answer: proof.Less, whole: proof.Less, opening: proof.Less,
		},
	} {
		a, b := newWorld(noon).node("n1", c.before, c.then...), newWorld(later).node("n1", c.after, c.now...)
		got := proof.Compare(a.r, b.r)
		n := got.Nodes[0]
		if n.Answer != c.answer || got.Answer != c.whole {
			t.Errorf("%s: %q (%s), the whole %q: %s", name, n.Answer, n.Why, got.Answer, got.Sentence)
		}
		for _, w := range c.why {
			if !strings.Contains(n.Why, w) {
				t.Errorf("%s: %q lacks %q", name, n.Why, w)
			}
		}
		if n.Answer == proof.CannotTell && n.Why == "" {
			t.Errorf("%s: no reason", name)
		}
		if c.failed != "" && n.Fails.Answer != c.failed || c.opening != "" && n.Opens.Answer != c.opening {
			t.Errorf("%s: failed %q, new %q", name, n.Fails.Answer, n.Opens.Answer)
		}
	}
}

// A swing that was seen: large differences within it are not called the same,
// and nothing is called the same that could vanish without counting.
func TestSwings(t *testing.T) {
	t.Parallel()
	at := func(mean, sd, seconds float64) *report.Level {
		return &report.Level{Mean: mean, SD: sd, Seconds: seconds}
	}
	none := at(0, 0, 300)
	for name, c := range map[string]struct {
		before, after *report.Level
		answer        proof.Answer
	}{
		"a little":               {at(1000, 80, 300), at(900, 80, 300), proof.Same},
		"a third":                {at(1000, 120, 300), at(670, 120, 300), proof.CannotTell},
		"half":                   {at(1000, 120, 300), at(480, 60, 300), proof.Less},
		"anything may be":        {at(1000, 300, 300), at(1000, 300, 300), proof.CannotTell},
		"few":                    {at(6, 2, 300), at(6, 2, 300), proof.Same},
		"seen for a short while": {at(1000, 80, 10), at(700, 80, 10), proof.CannotTell},
	} {
		n := proof.Compare(reportOf(noon, 300, c.before, none, none), reportOf(later, 300, c.after, none, none)).Nodes[0]
		if n.Answer != c.answer || n.Answer == proof.CannotTell && !strings.Contains(n.Why, "swings too much") {
			t.Errorf("%s: %q %s", name, n.Answer, n.Why)
		}
	}
}

func TestNewAndGone(t *testing.T) {
	t.Parallel()
	n := numbers{ports: 50, open: 50}
	a := newWorld(noon).node("n1", n).node("n2", n).pod("n1", "shop", "a-1", "a", n).pod("n2", "shop", "b-1", "b", n)
	b := newWorld(later).node("n1", n).node("n3", n).pod("n1", "shop", "a-2", "a", n).pod("n3", "shop", "c-1", "c", n)
	c := proof.Compare(a.r, b.r)
	answers := map[string]proof.Answer{}
	for _, n := range c.Nodes {
		answers[n.Name] = n.Answer
	}
	for i := range c.Workloads {
		answers[c.Workloads[i].Title()] = c.Workloads[i].Answer
	}
	for i := range c.Pods {
		answers[c.Pods[i].Title()] = c.Pods[i].Answer
	}
	for name, want := range map[string]proof.Answer{
		"n1": proof.Same, "n2": proof.Gone, "n3": proof.New, "shop/a": proof.Same, "shop/b": proof.Gone, "shop/c": proof.New,
		"shop/a-1": proof.Gone, "shop/a-2": proof.New,
	} {
		if answers[name] != want {
			t.Errorf("%s: %q, want %q", name, answers[name], want)
		}
	}
	if c.Answer != proof.Same {
		t.Errorf("the whole: %q: %s", c.Answer, c.Sentence)
	}
	text := cautions(c)
	for _, want := range []string{"nodes that are gone: 1, new: 1", "workload/shop/c: it is new and holds ~50 ports"} {
		if !strings.Contains(text, want) {
			t.Errorf("no caution %q in %s", want, text)
		}
	}
	// What runs where nobody looked is neither new nor gone.
	b = newWorld(later).node("n1", n).node("n2", n, unseen("unreachable", "no route"))
	c = proof.Compare(a.r, b.r)
	for i := range c.Workloads {
		if w := &c.Workloads[i]; w.Name == "b" && (w.Answer != proof.CannotTell || !strings.Contains(w.Why, "no route")) {
			t.Errorf("%q %s", w.Answer, w.Why)
		}
	}
}

func cautions(c *proof.Comparison) string {
	var out []string
	for _, one := range c.Cautions {
		out = append(out, one.Subject+": "+one.Text)
	}
	return strings.Join(out, "\n")
}

// A fix rolls out new pods: the workload is what is compared.
func TestRollout(t *testing.T) {
	t.Parallel()
	one := numbers{ports: 300, open: 20, opens: 100}
	a := newWorld(noon).node("n1", numbers{ports: 900, open: 60, opens: 300})
	for _, pod := range []string{"checkout-1", "checkout-2", "checkout-3"} {
		a.pod("n1", "shop", pod, "checkout", one)
		a.dest("n1", "shop", pod, "20.60.1.9", one, life(11))
	}
	two := numbers{ports: 10, open: 10, opens: 1}
	b := newWorld(later).node("n1", numbers{ports: 20, open: 20, opens: 2})
	for _, pod := range []string{"checkout-8", "checkout-9"} {
		b.pod("n1", "shop", pod, "checkout", two)
		b.dest("n1", "shop", pod, "20.60.1.9", two)
	}
	c := proof.Compare(a.r, b.r)
	if len(c.Workloads) != 1 || c.Workloads[0].Answer != proof.Less || *c.Workloads[0].Pods.Before != 3 || *c.Workloads[0].Pods.After != 2 {
		t.Errorf("%+v", c.Workloads)
	}
	if w := c.Workloads[0]; w.Ports.Before.Mean != 900 || w.Ports.After.Mean != 20 || w.Opens.Before.Mean != 300 {
		t.Errorf("%+v", w)
	}
	if len(c.Destinations) != 1 || c.Destinations[0].Answer != proof.Less || c.Destinations[0].Opens.Answer != proof.Less || c.Destinations[0].Ports != nil {
		t.Errorf("%+v", c.Destinations)
	}
	text := cautions(c)
	for _, want := range []string{
		"workload/shop/checkout: new connections fell as well: 300/s → 2/s (−99 %)", "so does less traffic", "of 3 pods and are of 2 pods",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no caution %q in:\n%s", want, text)
		}
	}
	// That they live longer is evidence of reuse.
	for i := range b.r.Destinations {
		life(70000)(&b.r.Destinations[i])
	}
	if text = cautions(proof.Compare(a.r, b.r)); !strings.Contains(text, "half of the connections to 20.60.1.9:443 live for <70 s, <11 ms before, so they are reused") {
		t.Errorf("no evidence of reuse:\n%s", text)
	}
}

func life(ms int64) func(*report.Destination) {
	return func(d *report.Destination) { d.Life = &report.Life{P50: &ms} }
}

// Destinations with few connections have no level; the moment stands in.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	n := numbers{ports: 50, open: 50, opens: 0.1}
	no := func(d *report.Destination) { d.Levels = &report.Levels{} }
	a := newWorld(noon).node("n1", n).pod("n1", "shop", "a-1", "a", n).dest("n1", "shop", "a-1", "20.0.0.1", numbers{open: 3}, no)
	b := newWorld(later).node("n1", n).pod("n1", "shop", "a-1", "a", n).dest("n1", "shop", "a-1", "20.0.0.1", numbers{open: 5}, no)
	if d := proof.Compare(a.r, b.r).Destinations[0]; d.Answer != proof.Same {
		t.Errorf("3 and 5: %q %s", d.Answer, d.Why)
	}
	b = newWorld(later).node("n1", n).pod("n1", "shop", "a-1", "a", n).dest("n1", "shop", "a-1", "20.0.0.1", numbers{open: 60})
	if d := proof.Compare(a.r, b.r).Destinations[0]; d.Answer != proof.More {
		t.Errorf("3 and 60: %q %s", d.Answer, d.Why)
	}
}

// What was not asked for, or takes no port, is no part of the comparison.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	n := numbers{ports: 50, open: 50}
	private := func(d *report.Destination) { d.Eligible, d.WhyNot = false, "private" }
	a := newWorld(noon).node("n1", n).node("n2", n, unseen("unreachable", "left out: --node names others")).
		pod("n1", "kube-system", "idle", "idle", numbers{}).dest("n1", "kube-system", "idle", "10.0.0.1", n, private)
	c := proof.Compare(a.r, a.r)
	if c.Answer != proof.Same || len(c.Workloads) != 0 || len(c.Pods) != 0 || len(c.Destinations) != 0 {
		t.Errorf("%q %+v %+v %+v", c.Answer, c.Workloads, c.Pods, c.Destinations)
	}
	if !strings.Contains(cautions(c), "1 node was not seen, on neither side") {
		t.Error(cautions(c))
	}
}

func TestAboutTheSides(t *testing.T) {
	t.Parallel()
	n := numbers{ports: 50, open: 50}
	a, b := newWorld(later).node("n1", n, budget(1024)), newWorld(noon).node("n1", n, budget(2048))
	b.r.Cluster.Context, b.r.Cluster.Provider, b.r.Loss.EventsLost = "other", "azure-natgw", 7
	text := cautions(proof.Compare(a.r, b.r))
	for _, want := range []string{"swapped?", `"prod" and "other"`, "was azure-lb and is azure-natgw", "after, 7 events", "node/n1: its budget was 1,024 ports and is 2,048"} {
		if !strings.Contains(text, want) {
			t.Errorf("no caution %q in:\n%s", want, text)
		}
	}
	soon := newWorld(noon.Add(time.Minute)).node("n1", n)
	if text = cautions(proof.Compare(newWorld(noon).node("n1", n).r, soon.r)); !strings.Contains(text, "taken 60 s apart: ports are held for 4 min") {
		t.Error(text)
	}
	c := proof.CompareWith(newWorld(noon).node("n1", n).r, soon.r, snat.Timers{FIN: 20 * time.Second})
	if len(c.Cautions) > 0 || c.After.Hold != 20 {
		t.Errorf("%v, hold %g s", c.Cautions, c.After.Hold)
	}
}

// Among many nodes chance makes one look worse; that is no reason to call the
// whole worse.
func TestManySubjects(t *testing.T) {
	t.Parallel()
	a, b := newWorld(noon), newWorld(later)
	names := strings.Fields(strings.Repeat("n ", 200))
	for i := range names {
		name := names[i] + strings.Repeat("i", i)
		a.node(name, numbers{ports: 1000, open: 10})
		n := numbers{ports: 1000, open: 10}
		if i == 7 {
			n.ports = 1095 // three standard deviations of 28, and a little
		}
		b.node(name, n)
	}
	c := proof.Compare(a.r, b.r)
	if c.Nodes[0].Answer != proof.More || c.Answer != proof.Same || !strings.Contains(cautions(c), "1 of 200 figures say more by little") {
		t.Errorf("%q, the whole %q\n%s", c.Nodes[0].Answer, c.Answer, cautions(c))
	}
	if c = proof.Compare(newWorld(noon).node("n", numbers{ports: 1000, open: 10}).r, newWorld(later).node("n", numbers{ports: 1095, open: 10}).r); c.Answer != proof.More {
		t.Errorf("alone it is %q", c.Answer)
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	full := func(n *report.Node) { n.Verdict = "exhausted" }
	sick, well := numbers{ports: 987, open: 900, opens: 20, fails: 38}, numbers{ports: 221, open: 200, opens: 2}
	for want, c := range map[string]*proof.Comparison{
		"less, beyond noise: ports in use of node1 ~987 → ~221 (−78 %); failed connections 38/s → 0/s (−100 %)":  proof.Compare(newWorld(noon).node("node1", sick).r, newWorld(later).node("node1", well).r),
		"less, beyond noise: ports in use of node1 ≥ 987 → ~221 (−78 %); failed connections 38/s → 0/s (−100 %)": proof.Compare(newWorld(noon).node("node1", sick, budget(1000), full).r, newWorld(later).node("node1", well).r),
		"more, beyond noise: ports in use of node1 ~221 → ~987 (+347 %)":                                         proof.Compare(newWorld(noon).node("node1", well).r, newWorld(later).node("node1", sick).r),
		"cannot tell: node1 was not seen after: no route":                                                        proof.Compare(newWorld(noon).node("node1", well).r, newWorld(later).node("node1", well, unseen("unreachable", "no route")).r),
		"cannot tell: no node was seen on both sides":                                                            proof.Compare(newWorld(noon).node("node1", well).r, newWorld(later).node("node2", well).r),
	} {
		if c.Sentence != want {
			t.Errorf("%q\nwant %q", c.Sentence, want)
		}
	}
	same := proof.Compare(newWorld(noon).node("node1", well).r, newWorld(later).node("node1", well).r)
	if !strings.HasPrefix(same.Sentence, "the same within noise: ports in use of node1 ~221 → ~221 (0 %); less than ±") {
		t.Error(same.Sentence)
	}
}
