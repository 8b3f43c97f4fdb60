package probe

import (
	"fmt"
	"net/netip"

	"github.com/snattop/snattop/probe/wire"
)

// flowKey names a row without the numbers of a stream.
type flowKey struct {
	owner uint64 // the owner's namespace
	unit  string // and what else tells owners apart
	proto uint8
	dest  netip.AddrPort
}

type events struct{ opens, closes, fails uint32 }

// receiver does what a controller does with ticks, and complains about each
// thing that one must never have to cope with.
type receiver struct {
	seq    uint64
	owners map[uint32]wire.Owner
	rows   map[uint32]*received
	live   map[flowKey]uint32
	// dead are the numbers that are used up.
	deadRows, deadOwners map[uint32]bool
}

type received struct {
	key      flowKey
	ownerID  uint32
	now      gauges
	detailed bool
	procs    []wire.Process
}

func newReceiver() *receiver {
	return &receiver{
		owners: map[uint32]wire.Owner{}, rows: map[uint32]*received{}, live: map[flowKey]uint32{},
		deadRows: map[uint32]bool{}, deadOwners: map[uint32]bool{},
	}
}

// apply takes one tick and returns its events.
func (v *receiver) apply(t *wire.Tick) (map[flowKey]events, error) {
	if t.Seq != v.seq+1 || t.Full != (v.seq == 0) {
		return nil, fmt.Errorf("tick %d after %d, full %t", t.Seq, v.seq, t.Full)
	}
	v.seq = t.Seq
	for _, o := range t.Owners {
		if o.ID == 0 || v.deadOwners[o.ID] {
			return nil, fmt.Errorf("owner %d is told after it went", o.ID)
		}
		v.owners[o.ID] = o
	}
	happened := make(map[flowKey]events)
	for i, w := range t.Rows {
		if i > 0 && t.Rows[i-1].ID >= w.ID {
			return nil, fmt.Errorf("rows are not in order")
		}
		r, err := v.row(w)
		if err != nil {
			return nil, err
		}
		if e := (events{w.Opens, w.Closes, w.Fails}); e != (events{}) {
			happened[r.key] = e
		}
	}
	return happened, v.gone(t)
}

func (v *receiver) row(w wire.Row) (*received, error) {
	r := v.rows[w.ID]
	switch {
	case v.deadRows[w.ID]:
		return nil, fmt.Errorf("row %d is told after it went", w.ID)
	case r == nil:
		o, known := v.owners[w.Owner]
		if !known || !w.IP.IsValid() || w.Protocol == 0 {
			return nil, fmt.Errorf("row %d is used before it is announced: %+v", w.ID, w)
		}
		r = &received{key: flowKey{o.NetNS, o.PodUID + o.Unit, w.Protocol, netip.AddrPortFrom(w.IP, w.Port)}, ownerID: w.Owner}
		if other, double := v.live[r.key]; double {
			return nil, fmt.Errorf("rows %d and %d are both %v", other, w.ID, r.key)
		}
		v.rows[w.ID], v.live[r.key] = r, w.ID
	case w.Owner != 0 || w.IP.IsValid() || w.Port != 0 || w.Protocol != 0:
		return nil, fmt.Errorf("row %d is announced twice", w.ID)
	}
	r.now = gauges{established: w.Established, closing: w.Closing, synSent: w.SynSent, timeWait: w.TimeWait}
	if n := len(w.Silent); n > wire.SilentBuckets || n > 0 && w.Silent[n-1] == 0 || w.Silent != nil && n == 0 {
		return nil, fmt.Errorf("row %d tells silence as %d", w.ID, w.Silent)
	}
	silent := uint32(0)
	for i, n := range w.Silent {
		r.now.silent[i] = n
		silent += n
	}
	if silent > w.Established {
		return nil, fmt.Errorf("%d of %d connections of row %d are silent", silent, w.Established, w.ID)
	}
	r.detailed, r.procs = w.Detailed, w.Processes
	return r, nil
}

func (v *receiver) gone(t *wire.Tick) error {
	for _, id := range t.GoneRows {
		r := v.rows[id]
		if r == nil || r.now != (gauges{}) {
			return fmt.Errorf("row %d goes as %+v", id, r)
		}
		delete(v.rows, id)
		delete(v.live, r.key)
		v.deadRows[id] = true
	}
	for _, id := range t.GoneOwners {
		if _, known := v.owners[id]; !known {
			return fmt.Errorf("owner %d goes and never came", id)
		}
		delete(v.owners, id)
		v.deadOwners[id] = true
	}
	for id, r := range v.rows {
		if _, known := v.owners[r.ownerID]; !known {
			return fmt.Errorf("row %d stays without its owner %d", id, r.ownerID)
		}
	}
	return nil
}
