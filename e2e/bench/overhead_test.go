//go:build bench && linux

package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/bench/result"
)

const (
	// overheadPairs is how many pairs of rounds are compared, overheadRound how
	// long a round is: at the probe's usual interval one tick falls into each.
	overheadPairs = 24
	overheadRound = time.Second
)

// BenchmarkOverhead is what the probe takes from a loop that does nothing but
// connect and close over loopback on both cores: rounds with the probe attached
// against rounds without, in the order ABBA, each pair compared in itself.
func BenchmarkOverhead(b *testing.B) {
	names := collectors(b)
	l := startLoad(b, loadArgs{Workers: 2, Destinations: 64})
	for b.Loop() {
		overhead(b, l, names[0])
	}
}

func overhead(b *testing.B, l *load, name string) {
	b.Helper()
	round := order{For: overheadRound}
	without := func() float64 { return l.do(b, round).rate() }
	with := func() float64 {
		p := startProbe(b, name)
		defer p.stop(b)
		p.tick(b)
		return l.do(b, round).rate()
	}
	without() // the first round meets cold caches
	var ratios, free []float64
	for i := range overheadPairs {
		var attached, detached float64
		if i%2 == 0 {
			attached, detached = with(), without()
		} else {
			detached, attached = without(), with()
		}
		ratios, free = append(ratios, attached/detached), append(free, detached)
	}
	slices.Sort(ratios)
	low, high := medianRange(ratios)
	at := 100 * (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
	b.ReportMetric(at, "percent")
	record(b, result.Line{
		Work: "connect/close loop over loopback, " + name + " attached against not",
		Measured: fmt.Sprintf("%.1f %% of %.0f a second (95 %% interval %.1f to %.1f, %d pairs)",
			at, middle(free), 100*low, 100*high, len(ratios)),
		Goal: "≥ 97 %", Verdict: result.Judge(at >= 97),
	})
}

// medianRange returns an interval that holds the true median with a
// probability of at least 95 %, whatever the values are distributed like: as
// many values lie below it as heads fall in so many throws of a coin.
func medianRange(sorted []float64) (low, high float64) {
	n := len(sorted)
	chance, tail := 1.0, 0.0 // of exactly k heads, and of at most k
	for range n {
		chance /= 2
	}
	k := 0
	for ; k < n/2; k++ {
		if tail+chance > 0.025 {
			break
		}
		tail += chance
		chance *= float64(n-k) / float64(k+1)
	}
	k = max(k, 1)
	return sorted[k-1], sorted[n-k]
}
