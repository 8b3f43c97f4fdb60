package session

import (
	"math"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// tableRates are what the node's own connection tracking table loses.
type tableRates struct {
	insertFailed, drop, earlyDrop rate
}

// note counts what a table has lost since the reading before. over is the time
// that has passed.
func (t *tableRates) note(was, is []wire.Conntrack, over time.Duration, now time.Time) {
	a, b := hostTable(was), hostTable(is)
	if a == nil || b == nil || over <= 0 {
		return
	}
	t.insertFailed.add(more(a.InsertFailed, b.InsertFailed), over, now)
	t.drop.add(more(a.Drop, b.Drop), over, now)
	t.earlyDrop.add(more(a.EarlyDrop, b.EarlyDrop), over, now)
}

// more is by how much a counter has grown; one that fell began anew.
func more(was, is uint64) uint32 {
	if is < was {
		return 0
	}
	return uint32(min(is-was, math.MaxUint32))
}

// hostTable is the table of the node's own namespace, or nil.
func hostTable(list []wire.Conntrack) *wire.Conntrack {
	for i := range list {
		if list[i].HostNetwork {
			return &list[i]
		}
	}
	return nil
}

// lost returns what the table loses, nil while that is not known.
func (st *stream) lost(now time.Time) *ConntrackLoss {
	if hostTable(st.conntrack) == nil || st.counted <= 0 || st.podUID != "" {
		return nil
	}
	at := st.asOf(now)
	return &ConntrackLoss{
		InsertFailed: st.table.insertFailed.perSecond(at, st.counted),
		Drop:         st.table.drop.perSecond(at, st.counted),
		EarlyDrop:    st.table.earlyDrop.perSecond(at, st.counted),
	}
}
