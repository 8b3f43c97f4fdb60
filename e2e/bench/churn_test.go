//go:build bench && linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/bench/result"
)

const (
	// churnFor is how long connections are opened and closed as fast as two
	// cores go.
	churnFor = 30 * time.Second
	// churnBrief is as much for who is known to miss some.
	churnBrief = 10 * time.Second
)

// churnLoad is the load of all who watch the churn.
func churnLoad(b *testing.B) *load {
	b.Helper()
	return startLoad(b, loadArgs{Workers: 2, Destinations: 64, Waiting: manyWaiting})
}

func churnOrder(d time.Duration) order { return order{For: d, Refused: true} }

// BenchmarkChurn compares what the probe counts of connections that come and
// go as fast as two cores can make them with the count of who makes them.
func BenchmarkChurn(b *testing.B) {
	names := collectors(b)
	for b.Loop() {
		for _, name := range names {
			d := churnFor
			if name == "diag" {
				d = churnBrief
			}
			churn(b, name, d)
		}
	}
}

func churn(b *testing.B, name string, d time.Duration) {
	b.Helper()
	l := churnLoad(b)
	defer l.end()
	p := startProbe(b, name)
	defer p.stop(b)
	// What the first tick tells was there before.
	book := newLedger(l.pod)
	book.add(p.tick(b).Tick)
	spent := startMeter(b, p.cmd.Process.Pid)
	made := l.do(b, churnOrder(d))
	// The snapshot after the next has no doubt begun after the last close.
	p.tickAfter(b, made.Ended.Add(time.Second), book.add)
	cost := spent.stop(b)

	b.ReportMetric(made.rate(), name+"-load/s")
	work := fmt.Sprintf("churn of %.0f a second for %s: %s", made.rate(), d, name)
	wrong := book.opens != made.Opens || book.closes != made.closes() || book.fails != made.Fails || book.resets != made.resets()
	l1 := result.Line{Work: work + ", counted", Measured: fmt.Sprintf("opens %d of %d, closes %d of %d (resets %d of %d), fails %d of %d; says it lost %d",
		book.opens, made.Opens, book.closes, made.closes(), book.resets, made.resets(), book.fails, made.Fails, book.lost)}
	if name == "ebpf" {
		l1.Goal, l1.Verdict = "all, exactly", result.Judge(!wrong)
	}
	record(b, l1)
	record(b, result.Line{Work: work + ", cost", Measured: cost.share(made)})
	if name == "ebpf" && wrong {
		b.Errorf("%s: %s", work, l1.Measured)
	}
}
