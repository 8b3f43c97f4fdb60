package proof_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// later is when the second picture is taken: no port of the first is held any
// more.
var later = noon.Add(10 * time.Minute)

// pairs is how many pairs of pictures are taken of each load.
const pairs = 100

// answers counts what is said of the ports of node1, of the workload's opens
// and failures, and of the whole.
type answers struct{ ports, open, opens, fails, whole map[proof.Answer]int }

func compareMany(first, second func(rng *rand.Rand) *report.Report, seed uint64) answers {
	n := answers{map[proof.Answer]int{}, map[proof.Answer]int{}, map[proof.Answer]int{}, map[proof.Answer]int{}, map[proof.Answer]int{}}
	for i := range uint64(pairs) {
		rng := rand.New(rand.NewPCG(seed, i))
		c := proof.Compare(first(rng), second(rng))
		n.ports[c.Nodes[0].Ports.Answer]++
		n.open[c.Destinations[0].Open.Answer]++
		n.opens[c.Workloads[0].Opens.Answer]++
		n.fails[c.Nodes[0].Fails.Answer]++
		n.whole[c.Answer]++
	}
	return n
}

// steady loads: nothing has changed but chance.
func steadyLoads(windows ...int) []load {
	var out []load
	for _, window := range windows {
		for _, mean := range []float64{5, 40, 300, 1000, 20000} {
			for _, swing := range []float64{0, 0.02, 0.05, 0.1} {
				for _, wander := range []float64{0, 3, 10} {
					for _, opens := range []float64{0, 0.3, 20} {
						out = append(out, load{mean: mean, swing: swing, wander: wander, opens: opens, fails: opens / 20, window: window})
					}
				}
			}
		}
	}
	return out
}

func TestNoChangeIsTheSame(t *testing.T) {
	t.Parallel()
	for i, l := range steadyLoads(60, 300) {
		n := compareMany(
			func(rng *rand.Rand) *report.Report { return l.picture(rng, noon) },
			func(rng *rand.Rand) *report.Report { return l.picture(rng, later) }, uint64(i))
		if l.window < 240 && l.opens > 0 {
			// How many ports were held from before the watch is not known, which
			// is another matter: TestHeldFromBefore.
			n.ports = n.open
		}
		for what, a := range map[string]map[proof.Answer]int{"ports": n.ports, "open": n.open, "new": n.opens, "failed": n.fails} {
			if a[proof.Same] < 99 {
				t.Errorf("%s: %s: %v", l, what, a)
			}
		}
		if n.whole[proof.More]+n.whole[proof.Less] > 0 {
			t.Errorf("%s: the whole: %v", l, n.whole)
		}
	}
}

// A window that is too short to show the swing makes no difference out of
// nothing; at worst it cannot tell.
func TestShortWindowsClaimNothing(t *testing.T) {
	t.Parallel()
	compared, claimed := 0, 0
	for i, l := range steadyLoads(10, 30) {
		n := compareMany(
			func(rng *rand.Rand) *report.Report { return l.picture(rng, noon) },
			func(rng *rand.Rand) *report.Report { return l.picture(rng, later) }, uint64(i))
		for what, a := range map[string]map[proof.Answer]int{"open": n.open, "new": n.opens, "failed": n.fails} {
			wrong := a[proof.Less] + a[proof.More]
			compared, claimed = compared+pairs, claimed+wrong
			if wrong > 3 {
				t.Errorf("%s: %s: %v", l, what, a)
			}
		}
	}
	if 1000*claimed > 3*compared {
		t.Errorf("%d of %d comparisons made a difference out of nothing", claimed, compared)
	}
}

// Connections that come by chance and hold their ports for minutes: the number
// of ports wanders by its square root, too slowly for a window to show.
func TestChanceInChurn(t *testing.T) {
	t.Parallel()
	for i, opens := range []float64{0.2, 1, 4, 20} {
		l := load{opens: opens, window: 300}
		n := compareMany(
			func(rng *rand.Rand) *report.Report { return l.churn(rng, 240, noon) },
			func(rng *rand.Rand) *report.Report { return l.churn(rng, 240, later) }, uint64(i))
		if n.ports[proof.Same] < 99 {
			t.Errorf("%s: %v", l, n.ports)
		}
	}
}

// lessBy is a change of 30 %, of loads whose standard deviation is 5 %.
func lessBy() []load {
	var out []load
	for _, window := range []int{60, 300} {
		for _, wander := range []float64{0, 1, 3, 10} {
			for _, mean := range []float64{100, 1000, 20000} {
				out = append(out, load{mean: mean, swing: 0.05, wander: wander, window: window})
			}
			// Where connections are replaced between the pictures chance alone
			// moves n of them by √n, so it takes more of them to see 30 %.
			for _, mean := range []float64{400, 1000, 20000} {
				out = append(out, load{mean: mean, swing: 0.05, wander: wander, opens: mean / 240, window: window})
			}
		}
	}
	return out
}

func TestThirtyPercentIsLess(t *testing.T) {
	t.Parallel()
	for i, l := range lessBy() {
		fewer := l
		fewer.mean, fewer.opens = 0.7*l.mean, 0.7*l.opens
		n := compareMany(
			func(rng *rand.Rand) *report.Report { return l.picture(rng, noon) },
			func(rng *rand.Rand) *report.Report { return fewer.picture(rng, later) }, uint64(i))
		// A load that wanders for seconds at a time shows few of its ups and downs
		// in a minute, and at times too many of them.
		always := pairs
		if l.wander > 1 {
			always = 95
		}
		if n.open[proof.Less] < always {
			t.Errorf("%s: %v", l, n.open)
		}
		if l.window >= 240 && (n.ports[proof.Less] < always || n.whole[proof.Less] < always) {
			t.Errorf("%s: ports %v, the whole %v", l, n.ports, n.whole)
		}
	}
}

// Failures that stop are seen to stop, from one in two seconds.
func TestFailuresThatStop(t *testing.T) {
	t.Parallel()
	for i, fails := range []float64{0.6, 2, 38} {
		sick, well := load{mean: 100, fails: fails, window: 60}, load{mean: 100, window: 60}
		n := compareMany(
			func(rng *rand.Rand) *report.Report { return sick.picture(rng, noon) },
			func(rng *rand.Rand) *report.Report { return well.picture(rng, later) }, uint64(i))
		if n.fails[proof.Less] < 95 {
			t.Errorf("%g a second: %v", fails, n.fails)
		}
	}
}

// A slow wander is no change, however often it is read: the samples of a gauge
// are not independent.
func TestManySamplesProveNothing(t *testing.T) {
	t.Parallel()
	// 1000 and 1040 connections, each of which wanders by 30 (3 %).
	level := func(mean, seconds float64) *report.Level {
		return &report.Level{Mean: mean, SD: 30, Seconds: seconds}
	}
	none := &report.Level{Seconds: 300}
	for _, seconds := range []float64{60, 600, 6e4, 6e6} {
		c := proof.Compare(reportOf(noon, seconds, level(1000, seconds), none, none), reportOf(later, seconds, level(1100, seconds), none, none))
		if c.Nodes[0].Answer != proof.Same {
			t.Errorf("watched for %g s: %s", seconds, c.Nodes[0].Answer)
		}
	}
}

// Seen from the other end the answer is the other one.
func TestSwapping(t *testing.T) {
	t.Parallel()
	flip := map[proof.Answer]proof.Answer{
		proof.Less: proof.More, proof.More: proof.Less, proof.Same: proof.Same, proof.CannotTell: proof.CannotTell, proof.New: proof.Gone, proof.Gone: proof.New,
	}
	seen := map[proof.Answer]int{}
	for i := range uint64(400) {
		rng := rand.New(rand.NewPCG(7, i))
		draw := func(at time.Time) *report.Report {
			l := load{mean: 10 * rng.ExpFloat64() * rng.ExpFloat64() * 50, swing: rng.Float64() / 5, wander: 10 * rng.Float64(), opens: rng.ExpFloat64(), fails: rng.ExpFloat64(), window: 5 + rng.IntN(400)}
			r := l.picture(rng, at)
			switch rng.IntN(8) {
			case 0:
				r.Nodes[0].Collector = "diag"
			case 1:
				r.Nodes[0].State = "unreachable"
			case 2:
				r.Pods[0].Name = "checkout-2"
			case 3:
				budget := *r.Nodes[0].Ports.Estimate
				r.Nodes[0].Ports.Budget = &budget
			}
			return r
		}
		a, b := draw(noon), draw(later)
		there, back := proof.Compare(a, b), proof.Compare(b, a)
		same := func(what string, x, y proof.Answer) {
			seen[x]++
			if flip[x] != y {
				t.Errorf("pair %d, %s: %q there and %q back", i, what, x, y)
			}
		}
		for k := range there.Nodes {
			same("ports", there.Nodes[k].Answer, back.Nodes[k].Answer)
			same("failed", there.Nodes[k].Fails.Answer, back.Nodes[k].Fails.Answer)
			same("new", there.Nodes[k].Opens.Answer, back.Nodes[k].Opens.Answer)
		}
		for k := range there.Workloads {
			same("workload", there.Workloads[k].Answer, back.Workloads[k].Answer)
		}
		byName := map[string]proof.Answer{}
		for k := range back.Pods {
			byName[back.Pods[k].Name] = back.Pods[k].Answer
		}
		for k := range there.Pods {
			same("pod", there.Pods[k].Answer, byName[there.Pods[k].Name])
		}
	}
	for a := range flip {
		if seen[a] < 20 {
			t.Errorf("%q came up %d times only: the draw proves nothing of it", a, seen[a])
		}
	}
}
