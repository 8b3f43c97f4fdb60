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
	// The more connections wait, the slower new ones are made: soon there are
	// this many, and then every round is like the next.
	l := startLoad(b, loadArgs{Workers: 2, Destinations: 64, Waiting: 10_000})
	for b.Loop() {
		overhead(b, l, names[0])
	}
}

func overhead(b *testing.B, l *load, name string) {
	b.Helper()
	round := order{For: overheadRound, Plain: true}
	without := func() *tally { return l.do(b, round) }
	with := func() *tally {
		p := startProbe(b, name)
		defer p.stop(b)
		// It starts but once a session: the second tick is like all others.
		p.tick(b)
		p.tick(b)
		return l.do(b, round)
	}
	without() // the first round meets cold caches
	var rates, times, free []float64
	for i := range overheadPairs {
		var attached, detached *tally
		if i%2 == 0 {
			attached, detached = with(), without()
		} else {
			detached, attached = without(), with()
		}
		rates = append(rates, 100*attached.rate()/detached.rate())
		times = append(times, 100*float64(detached.each())/float64(attached.each()))
		free = append(free, detached.rate())
	}
	rate, between := medianRange(rates)
	b.ReportMetric(rate, "percent")
	work := "connect/close loop over loopback, " + name + " attached against not"
	record(b, result.Line{
		Work: work, Measured: fmt.Sprintf("%.1f %% of %.0f a second (%s, %d pairs)", rate, middle(free), between, overheadPairs),
		Goal: "≥ 97 %", Verdict: result.Judge(rate >= 97),
	})
	// What others take of the machine meanwhile hardly touches this one; what
	// the probe itself takes is not in it.
	time, between := medianRange(times)
	record(b, result.Line{Work: work + ": by processor time of the loop", Measured: fmt.Sprintf("%.1f %% (%s)", time, between)})
}

// medianRange returns the median, and says between which values the true one
// lies with a probability of at least 95 %, whatever they are distributed like:
// as many values lie below it as heads fall in so many throws of a coin.
func medianRange(values []float64) (median float64, between string) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	chance, tail := 1.0, 0.0 // of exactly k heads, and of fewer
	for range n {
		chance /= 2
	}
	k := 0
	for ; k < n/2 && tail+chance <= 0.025; k++ {
		tail += chance
		chance *= float64(n-k) / float64(k+1)
	}
	k = max(k, 1)
	median = (sorted[(n-1)/2] + sorted[n/2]) / 2
	return median, fmt.Sprintf("95 %% interval %.1f to %.1f", sorted[k-1], sorted[n-k])
}
