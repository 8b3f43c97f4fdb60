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
	processes []wire.Process
	more      []moreRow
}

// moreRow is a row beyond a flow's first.
type moreRow struct {
	gauges
	stream    *stream
	id        uint32
	silent    *Silence
	detailed  bool
	processes []wire.Process
}

func (f *flow) part() *apart {
	if f.apart == nil {
		f.apart = &apart{}
	}
	return f.apart
}

// seat makes a place for a row. The first one stands in the flow itself: it is
// the one that is not among the others.
func (f *flow) seat(st *stream, id uint32) {
	if !f.is(hasRow) {
		f.set(hasRow, true)
		f.row, f.silent = gauges{}, nil
		return
	}
	a := f.part()
	a.more = append(a.more, moreRow{stream: st, id: id})
}

// other returns the row of a probe when it is not the flow's first.
func (f *flow) other(st *stream, id uint32) *moreRow {
	if f.apart == nil {
		return nil
	}
	for i := range f.apart.more {
		if r := &f.apart.more[i]; r.stream == st && r.id == id {
			return r
		}
	}
	return nil
}

// take notes what a row shows now.
func (f *flow) take(st *stream, r *wire.Row) {
	if o := f.other(st, r.ID); o != nil {
		o.gauges, o.silent = gaugesOf(r), st.silenceOf(r.Silent)
		if r.Detailed {
			o.detailed, o.processes = true, cleanProcesses(r.Processes)
		}
		return
	}
	f.row, f.silent = gaugesOf(r), st.silenceOf(r.Silent)
	if r.Detailed {
		f.set(detailed, true)
		f.detail(cleanProcesses(r.Processes))
	}
}

// detail keeps the processes of the first row.
func (f *flow) detail(list []wire.Process) {
	if len(list) > 0 || f.apart != nil {
		f.part().processes = list
	}
}

// detach says that a probe no longer sees anything of a row.
func (f *flow) detach(st *stream, id uint32) {
	a := f.apart
	if a == nil || len(a.more) == 0 {
		f.row, f.silent, f.apart = gauges{}, nil, nil
		f.set(hasRow|detailed, false)
		return
	}
	if i := slices.IndexFunc(a.more, func(r moreRow) bool { return r.stream == st && r.id == id }); i >= 0 {
		a.more = slices.Delete(a.more, i, i+1)
		return
	}
	first := a.more[0]
	a.more = slices.Delete(a.more, 0, 1)
	f.row, f.silent = first.gauges, first.silent
	f.set(detailed, first.detailed)
	a.processes = first.processes
}

// gauges adds up what the rows say.
func (f *flow) gauges() gauges {
	sum := f.row
	if f.apart != nil {
		for i := range f.apart.more {
			sum.add(f.apart.more[i].gauges)
		}
	}
	return sum
}

// silence adds up what the rows say; nil is that none is silent.
func (f *flow) silence() *Silence {
	if f.apart == nil || len(f.apart.more) == 0 {
		return f.silent
	}
	var sum Silence
	if f.silent != nil {
		sum = *f.silent
	}
	for i := range f.apart.more {
		if s := f.apart.more[i].silent; s != nil {
			sum.add(s)
		}
	}
	if sum == (Silence{}) {
		return nil
	}
	return &sum
}

// processes merges what the rows say of their processes; ok is false when no
// row has detail.
func (f *flow) processes() (list []wire.Process, ok bool) {
	if f.is(detailed) {
		ok = true
		if f.apart != nil {
			list = append(list, f.apart.processes...)
		}
	}
	if f.apart != nil {
		for i := range f.apart.more {
			if r := &f.apart.more[i]; r.detailed {
				list, ok = append(list, r.processes...), true
			}
		}
	}
	return list, ok
}
