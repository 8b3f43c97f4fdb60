package probe

import (
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// tally adds what a counting collector tells of one holder's use of a
// destination. Several holders of an owner add up. The first snapshot has no
// events but the closes of what was found in TIME_WAIT: the rest of what
// happened before it did not happen just now.
func (a *Aggregator) tally(k rowKey, told *count.Row, proc uint32, now time.Time) {
	r := a.byID[a.rowFor(k)]
	if r == nil {
		return // refused, and counted so
	}
	r.now.established += told.Established
	r.now.closing += told.Closing
	r.now.synSent += told.SynSent
	for i, n := range told.Silent {
		r.now.silent[i] += n
	}
	for _, w := range told.Waits {
		r.waits.add(now.Add(w.Left), w.Count)
	}
	r.waits.add(now.Add(timeWaitLength), told.Events.TimeWaits)
	if a.seeded {
		addEvents(&r.events, &told.Events)
	} else {
		r.events.Closes += told.Events.Closes
	}
	if told.Established+told.SynSent > 0 && a.focus.has(k.owner) {
		r.hold(proc, told.Established, told.SynSent)
	}
}

// hold adds a process's sockets.
func (r *row) hold(proc, established, synSent uint32) {
	if r.procs == nil {
		r.procs = make(map[uint32]*procCount)
	}
	n := r.procs[proc]
	if n == nil {
		n = &procCount{}
		r.procs[proc] = n
	}
	n.established += established
	n.synSent += synSent
}

func addEvents(to, e *count.Events) {
	to.Opens += e.Opens
	to.Closes += e.Closes
	to.Fails += e.Fails
	to.Resets += e.Resets
	to.Refused += e.Refused
	to.TimedOut += e.TimedOut
	to.NoPort += e.NoPort
	to.SynRetrans += e.SynRetrans
	to.Retrans += e.Retrans
	to.ResetsIn += e.ResetsIn
	to.ResetsOut += e.ResetsOut
	for i, n := range e.Lives {
		to.Lives[i] += n
	}
}

// tellEvents writes events into a row's message.
func tellEvents(w *wire.Row, e *count.Events) {
	w.Opens, w.Closes, w.Fails, w.Resets = e.Opens, e.Closes, e.Fails, e.Resets
	w.Refused, w.TimedOut, w.NoPort = e.Refused, e.TimedOut, e.NoPort
	w.SynRetrans, w.Retrans, w.ResetsIn, w.ResetsOut = e.SynRetrans, e.Retrans, e.ResetsIn, e.ResetsOut
	for i, n := range e.Lives {
		if n > 0 {
			w.Lives = append(w.Lives, wire.Life{Bucket: uint8(i), Count: n})
		}
	}
}
