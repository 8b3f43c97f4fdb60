package session

import (
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// Bounds of what one stream may make a session remember. A node's probe tells
// apart 20,000 destinations at the most; whoever sends more is not ours.
const (
	maxStreamRows   = 100_000
	maxStreamOwners = 20_000
	maxTextBytes    = 1024
)

// stream is one probe's side of a node: the whole node, or one pod of it.
type stream struct {
	podUID string
	hello  *wire.Hello
	// since is when rates began to be counted; last when a tick came.
	since, last time.Time
	owners      map[uint32]*wire.Owner
	rows        map[uint32]*streamRow
	loss        wire.Loss
	cost        wire.Cost
	problems    []string
	conntrack   []wire.Conntrack
	// refused counts rows and owners beyond the bounds.
	refused uint64
}

type streamRow struct {
	owner uint32
	flow  *flow
}

func newStream(podUID string) *stream {
	return &stream{podUID: podUID, owners: make(map[uint32]*wire.Owner), rows: make(map[uint32]*streamRow)}
}

// apply takes a tick into the node's flows.
func (st *stream) apply(n *node, t *wire.Tick, now time.Time, hold time.Duration) {
	if t.Full {
		st.reset(now)
	}
	st.last, st.loss, st.cost = now, t.Loss, t.Cost
	st.problems = cleanAll(t.Problems)
	if t.Conntrack != nil {
		st.conntrack = t.Conntrack
	}
	for i := range t.Owners {
		o := &t.Owners[i]
		if st.owners[o.ID] == nil && len(st.owners) >= maxStreamOwners {
			st.refused++
			continue
		}
		o.Unit, o.PodUID = clean(o.Unit), clean(o.PodUID)
		st.owners[o.ID] = o
	}
	for i := range t.Rows {
		st.row(n, &t.Rows[i], t.Full, now, hold)
	}
	for _, id := range t.GoneRows {
		if r := st.rows[id]; r != nil {
			r.flow.silence()
			delete(st.rows, id)
		}
	}
	for _, id := range t.GoneOwners {
		delete(st.owners, id)
	}
}

func (st *stream) row(n *node, r *wire.Row, full bool, now time.Time, hold time.Duration) {
	sr := st.rows[r.ID]
	if sr == nil {
		o := st.owners[r.Owner]
		if o == nil || !r.IP.IsValid() || len(st.rows) >= maxStreamRows {
			st.refused++
			return
		}
		key := flowKey{
			owner: n.ownerKey(st, o),
			dest:  snat.Dest{Protocol: snat.Protocol(r.Protocol), IP: r.IP.Unmap().WithZone(""), Port: r.Port},
		}
		sr = &streamRow{owner: r.Owner, flow: n.flow(key)}
		st.rows[r.ID] = sr
	}
	for i := range r.Processes {
		r.Processes[i].Command = clean(r.Processes[i].Command)
	}
	f := sr.flow
	f.setGauges(r)
	closes := r.Closes
	if full {
		// What was found closed may be known already from before a gap.
		closes -= min(closes, uint32(max(0, f.cooling.at(now)))) //nolint:gosec // a count of ports
	} else {
		f.opens.add(r.Opens, now)
		f.closes.add(r.Closes, now)
		f.fails.add(r.Fails, now)
	}
	if f.key.dest.Protocol == snat.TCP {
		f.cooling.add(closes, now, hold)
	}
}

// reset forgets what the stream said before: a probe starts anew.
func (st *stream) reset(now time.Time) {
	for _, r := range st.rows {
		r.flow.silence()
	}
	clear(st.rows)
	clear(st.owners)
	st.since, st.conntrack = now, nil
}
