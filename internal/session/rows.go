package session

import (
	"math"
	"slices"

	"github.com/snattop/snattop/probe/wire"
)

// gauges are numbers of sockets.
type gauges struct{ established, closing, synSent, timeWait uint32 }

func gaugesOf(r *wire.Row) gauges {
	return gauges{r.Established, r.Closing, r.SynSent, r.TimeWait}
}

func (g *gauges) add(o gauges) {
	sum := func(to *uint32, n uint32) { *to = uint32(min(uint64(*to)+uint64(n), math.MaxUint32)) }
	sum(&g.established, o.established)
	sum(&g.closing, o.closing)
	sum(&g.synSent, o.synSent)
	sum(&g.timeWait, o.timeWait)
}

// apart is what few flows have: processes, and more rows than one.
type apart struct {
	// processes are those of the first row.
	processes []wire.Process
	// first is the first row where there are more: the card has the sum.
	first row
	more  []moreRow
}

// row is what a row shows: silent is nil when no connection is.
type row struct {
	gauges
	silent *events
}

// moreRow is a row beyond a flow's first.
type moreRow struct {
	row
	stream    *stream
	id        uint32
	detailed  bool
	processes []wire.Process
}

// apart returns what stands apart of the flow, or nil.
func (f *flow) apart() *apart {
	if f.moving == nil {
		return nil
	}
	return f.moving.apart
}

func (f *flow) part() *apart {
	if f.move().apart == nil {
		f.moving.apart = &apart{}
	}
	return f.moving.apart
}

// seat makes a place for a row. One as a rule; but two owners of a stream may
// turn out to be one of ours, and then they add up. The first one stands in the
// flow's card: it is the one that is not among the others.
func (f *flow) seat(st *stream, id uint32) {
	if !f.is(hasRow) {
		f.set(hasRow, true)
		f.show(row{})
		return
	}
	a := f.part()
	if len(a.more) == 0 {
		a.first = row{f.card.gauges(), f.card.events.quiet()}
	}
	a.more = append(a.more, moreRow{stream: st, id: id})
}

// show says what all rows of the flow show together.
func (f *flow) show(r row) {
	c := f.edit()
	c.count(r.gauges)
	c.hush(r.silent)
}

// other returns the row of a probe when it is not the flow's first.
func (f *flow) other(st *stream, id uint32) *moreRow {
	a := f.apart()
	if a == nil {
		return nil
	}
	for i := range a.more {
		if r := &a.more[i]; r.stream == st && r.id == id {
			return r
		}
	}
	return nil
}

// take notes what a row shows now.
func (f *flow) take(st *stream, r *wire.Row) {
	f.enter(st, r.ID, row{gaugesOf(r), st.silenceOf(r.Silent)})
	if !r.Detailed {
		return
	}
	if o := f.other(st, r.ID); o != nil {
		o.detailed, o.processes = true, cleanProcesses(r.Processes)
		return
	}
	f.set(detailed, true)
	f.detail(cleanProcesses(r.Processes))
}

// enter notes the numbers of a row.
func (f *flow) enter(st *stream, id uint32, r row) {
	a := f.apart()
	if a == nil || len(a.more) == 0 {
		f.show(r)
		return
	}
	if o := f.other(st, id); o != nil {
		o.row = r
	} else {
		a.first = r
	}
	f.show(a.sum(st))
}

// detail keeps the processes of the first row.
func (f *flow) detail(list []wire.Process) {
	if len(list) > 0 || f.apart() != nil {
		f.part().processes = list
	}
}

// detach says that a probe no longer sees anything of a row.
func (f *flow) detach(st *stream, id uint32) {
	a := f.apart()
	if a == nil || len(a.more) == 0 {
		f.show(row{})
		if a != nil {
			f.moving.apart = nil
		}
		f.set(hasRow|detailed, false)
		return
	}
	if i := slices.IndexFunc(a.more, func(r moreRow) bool { return r.stream == st && r.id == id }); i >= 0 {
		a.more = slices.Delete(a.more, i, i+1)
	} else {
		first := a.more[0]
		a.more = slices.Delete(a.more, 0, 1)
		a.first, a.processes = first.row, first.processes
		f.set(detailed, first.detailed)
	}
	f.show(a.sum(st))
}

// sum adds up what the rows show. Silences of a sum are kept by a stream.
func (a *apart) sum(st *stream) row {
	if len(a.more) == 0 {
		return a.first
	}
	sum, silent := a.first.gauges, Silence{}
	quiet := func(e *events) {
		if e != nil {
			silent.add(e.silent)
		}
	}
	quiet(a.first.silent)
	for i := range a.more {
		sum.add(a.more[i].gauges)
		quiet(a.more[i].silent)
	}
	return row{sum, st.silent(silent)}
}

// processes merges what the rows say of their processes; ok is false when no
// row has detail.
func (f *flow) processes() (list []wire.Process, ok bool) {
	a := f.apart()
	if f.is(detailed) {
		ok = true
		if a != nil {
			list = append(list, a.processes...)
		}
	}
	if a != nil {
		for i := range a.more {
			if r := &a.more[i]; r.detailed {
				list, ok = append(list, r.processes...), true
			}
		}
	}
	return list, ok
}
