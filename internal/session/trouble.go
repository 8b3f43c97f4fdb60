package session

import (
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// Trouble is what goes wrong with connections, in events a second over the
// last ticks.
type Trouble struct {
	// Resets are connections that ended by a reset of either side.
	Resets float64
	// Refused, TimedOut and NoPort are attempts that were answered by a reset,
	// were not answered at all, and got no local port to leave from. Other
	// attempts that failed were given up by the program.
	Refused, TimedOut, NoPort float64
	// SynRetransmits and Retransmits are segments sent again: SYNs, and all
	// others.
	SynRetransmits, Retransmits float64
	// ResetsIn and ResetsOut are RST segments, received and sent.
	ResetsIn, ResetsOut float64
}

func (t *Trouble) add(more *Trouble) {
	t.Resets += more.Resets
	t.Refused += more.Refused
	t.TimedOut += more.TimedOut
	t.NoPort += more.NoPort
	t.SynRetransmits += more.SynRetransmits
	t.Retransmits += more.Retransmits
	t.ResetsIn += more.ResetsIn
	t.ResetsOut += more.ResetsOut
}

// troubleRates are the means behind Trouble. Most destinations have none of
// it, so a flow holds them once there is something to count.
type troubleRates struct {
	resets, refused, timedOut, noPort, synRetrans, retrans, resetsIn, resetsOut rate
}

// troubled reports whether a row tells of any trouble.
func troubled(r *wire.Row) bool {
	return r.Resets|r.Refused|r.TimedOut|r.NoPort|r.SynRetrans|r.Retrans|r.ResetsIn|r.ResetsOut != 0
}

func (t *troubleRates) add(r *wire.Row, over time.Duration, now time.Time) {
	t.resets.add(r.Resets, over, now)
	t.refused.add(r.Refused, over, now)
	t.timedOut.add(r.TimedOut, over, now)
	t.noPort.add(r.NoPort, over, now)
	t.synRetrans.add(r.SynRetrans, over, now)
	t.retrans.add(r.Retrans, over, now)
	t.resetsIn.add(r.ResetsIn, over, now)
	t.resetsOut.add(r.ResetsOut, over, now)
}

func (t *troubleRates) perSecond(at time.Time, counted time.Duration) *Trouble {
	return &Trouble{
		Resets: t.resets.perSecond(at, counted), Refused: t.refused.perSecond(at, counted),
		TimedOut: t.timedOut.perSecond(at, counted), NoPort: t.noPort.perSecond(at, counted),
		SynRetransmits: t.synRetrans.perSecond(at, counted), Retransmits: t.retrans.perSecond(at, counted),
		ResetsIn: t.resetsIn.perSecond(at, counted), ResetsOut: t.resetsOut.perSecond(at, counted),
	}
}
