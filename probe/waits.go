package probe

import "time"

// timeWaitLength is how long the kernel keeps a connection in TIME_WAIT
// (TCP_TIMEWAIT_LEN, include/net/tcp.h).
const timeWaitLength = 60 * time.Second

// waits are connections in TIME_WAIT, by when they end: no event tells the end
// of one. A kernel that reuses them early (tcp_tw_reuse) has fewer.
type waits struct {
	list []ending
	n    uint32
}

type ending struct {
	at time.Time
	n  uint32
}

// waitGrain joins those that end at almost the same time, so that the list of a
// busy destination stays as long as its minute has seconds.
const waitGrain = time.Second

func (w *waits) add(until time.Time, n uint32) {
	if n == 0 {
		return
	}
	w.n += n
	// The newest end last, apart from those that were found at the start.
	i := len(w.list)
	for i > 0 && w.list[i-1].at.After(until) {
		i--
	}
	if i > 0 && until.Sub(w.list[i-1].at) < waitGrain {
		w.list[i-1].n += n
		return
	}
	w.list = append(w.list, ending{})
	copy(w.list[i+1:], w.list[i:])
	w.list[i] = ending{until, n}
}

// left forgets what has ended, and returns how many connections wait still.
func (w *waits) left(now time.Time) uint32 {
	gone := 0
	for gone < len(w.list) && !w.list[gone].at.After(now) {
		w.n -= w.list[gone].n
		gone++
	}
	switch {
	case gone == len(w.list):
		w.list = nil
	case gone > 0:
		w.list = append(w.list[:0], w.list[gone:]...)
	}
	return w.n
}

// countWaits brings the gauges of connections in TIME_WAIT up to date.
func (a *Aggregator) countWaits(now time.Time) {
	for _, r := range a.byID {
		if r.waits.n > 0 {
			r.now.timeWait += r.waits.left(now)
		}
	}
}
