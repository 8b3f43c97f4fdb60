package bpf

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// grace waits, without holding anybody up, until no program runs any more that
// was running before: then nobody holds the index of a row whose key has been
// removed.
type grace struct {
	// begun numbers the periods; wanted means that another has to follow.
	begun   uint32
	wanted  bool
	ended   atomic.Uint32
	running sync.WaitGroup
}

// next is the number of the period that has to end before what was removed just
// now is nobody's.
func (g *grace) next() uint32 {
	g.wanted = true
	return g.begun + 1
}

// over reports whether a period has ended.
func (g *grace) over(period uint32) bool { return int32(g.ended.Load()-period) >= 0 } //nolint:gosec // numbers wrap around

// begin starts a period if one is wanted and none runs.
func (g *grace) begin() {
	if !g.wanted || g.ended.Load() != g.begun {
		return
	}
	g.wanted = false
	g.begun++
	period := g.begun
	g.running.Go(func() {
		synchronize()
		g.ended.Store(period)
	})
}

// wait ends with the last period.
func (g *grace) wait() { g.running.Wait() }

// synchronize returns when every program has ended that ran when it was called:
// programs run inside RCU read-side sections, and MEMBARRIER_CMD_GLOBAL is
// synchronize_rcu (membarrier(2), kernel/sched/membarrier.c). A kernel that has
// it not, or a filter that refuses it, leaves the time until the next reading,
// a tenth of a second at the least: programs take microseconds.
func synchronize() {
	const membarrierGlobal = 1
	_, _, _ = unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0)
}
