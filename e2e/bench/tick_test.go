//go:build bench && linux

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/bench/result"
)

const (
	// tickRate is how many connections a second come and go while ticks are
	// measured.
	tickRate = 1000
	// tickCount is over how many ticks of a second each, at the least.
	tickCount = 15
	// checkedPerTick is how many connections a check of what is open holds
	// against their sockets in a thousandth of a second, about: it takes that
	// share of the time, and so comes the more seldom the more is open.
	checkedPerTick = 3_000
)

// ticksFor is a window with as much of a check in it as is its share.
func ticksFor(open int) int { return max(tickCount, open/checkedPerTick) }

// BenchmarkTick is what a tick costs the node while 1,000 connections a second
// come and go, with more and more others open.
func BenchmarkTick(b *testing.B) {
	names := collectors(b)
	c := together(b)
	l := startLoad(b, loadArgs{Workers: 1, Destinations: 64, Waiting: manyWaiting})
	for b.Loop() {
		for _, open := range []int{1_000, 10_000, 100_000, crowdSockets} {
			c.grow(b, open)
			tickCost(b, l, names[0], open, ticksFor(open))
		}
		for _, name := range names[1:] {
			tickCost(b, l, name, crowdSockets, tickCount/3)
		}
	}
}

func tickCost(b *testing.B, l *load, name string, open, ticks int) {
	b.Helper()
	p := startProbe(b, name)
	defer p.stop(b)
	p.tick(b)
	// From one tick to another, with the load at work from before the first.
	const lead = 2
	l.start(b, order{For: time.Duration(ticks+lead+2) * time.Second, Rate: tickRate})
	for range lead {
		p.tick(b)
	}
	m := startMeter(b, p.cmd.Process.Pid)
	for range ticks {
		p.tick(b)
	}
	s := m.stop(b)
	made := l.finish(b)
	each := ms(s.cpu) / float64(ticks)
	line := result.Line{
		Work:     fmt.Sprintf("tick with %d open and %.0f new a second: %s", open, made.rate(), name),
		Measured: fmt.Sprintf("%.1f ms of CPU", each),
	}
	if s.runs > 0 {
		line.Measured += fmt.Sprintf(", and %.1f ms in the kernel's programs", ms(s.progs)/float64(ticks))
	}
	if name != "diag" {
		line.Goal, line.Verdict = "≤ 15 ms", result.Judge(each <= 15)
	}
	record(b, line)
	b.ReportMetric(each, fmt.Sprintf("%s-%d-ms/tick", name, open))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
