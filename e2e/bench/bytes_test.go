//go:build bench && linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/bench/result"
)

const (
	bytesDestinations = 200
	// bytesRate gives each destination five new connections a second.
	bytesRate = 5 * bytesDestinations
	bytesFor  = 25 * time.Second
)

// BenchmarkBytes is what the probe writes a second while 200 destinations
// change all the time: connections are opened and closed on each, and the
// number of open ones goes up and down.
func BenchmarkBytes(b *testing.B) {
	names := collectors(b)
	for b.Loop() {
		for _, name := range names {
			wireBytes(b, name)
		}
	}
}

func wireBytes(b *testing.B, name string) {
	b.Helper()
	l := startLoad(b, loadArgs{Workers: 1, Destinations: bytesDestinations, Waiting: manyWaiting})
	defer l.end()
	p := startProbe(b, name)
	defer p.stop(b)
	p.tick(b)
	l.start(b, order{For: bytesFor, Rate: bytesRate, Held: 10})
	// Destinations are new once.
	for range 3 {
		p.tick(b)
	}
	first := p.tick(b)
	last, rows := first, 0
	const ticks = 20
	for range ticks {
		last = p.tick(b)
		rows += len(last.Tick.Rows)
	}
	l.finish(b)
	each := float64(last.bytes-first.bytes) / last.at.Sub(first.at).Seconds()
	b.ReportMetric(each, name+"-B/s")
	record(b, result.Line{
		Work:     fmt.Sprintf("bytes on the wire, %d destinations: %s", bytesDestinations, name),
		Measured: fmt.Sprintf("%.2f kB/s (%.0f rows a tick)", each/1000, float64(rows)/ticks),
		Goal:     "≤ 5 kB/s", Verdict: result.Judge(each <= 5000),
	})
}
