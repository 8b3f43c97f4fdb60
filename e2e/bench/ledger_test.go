//go:build bench && linux

package bench

import "github.com/snattop/snattop/probe/wire"

// ledger adds up what the ticks of a stream tell of one pod's connections to
// the ports of a load.
type ledger struct {
	pod    string
	owners map[uint32]bool
	rows   map[uint32]bool

	opens, closes, resets, fails uint64
	// lost is what the probe says it lost.
	lost uint64
	// ticks counts what was added.
	ticks int
}

func newLedger(p pod) *ledger {
	return &ledger{pod: p.uid, owners: make(map[uint32]bool), rows: make(map[uint32]bool)}
}

// add adds a tick. The events of a full tick describe what was found, and did
// not happen since.
func (l *ledger) add(t *wire.Tick) {
	l.ticks++
	l.lost = t.Loss.Events
	for _, o := range t.Owners {
		l.owners[o.ID] = o.PodUID == l.pod
	}
	for _, r := range t.Rows {
		if r.Port != 0 { // its first appearance
			// What a listener accepted comes from ports far above.
			l.rows[r.ID] = l.owners[r.Owner] && r.Port >= refusedPort && r.Port < loadPort+100
		}
		if !l.rows[r.ID] || t.Full {
			continue
		}
		l.opens += uint64(r.Opens)
		l.closes += uint64(r.Closes)
		l.resets += uint64(r.Resets)
		l.fails += uint64(r.Fails)
	}
}
