package session

import "github.com/snattop/snattop/internal/snat"

// Asks tells what a destination asks of a balancer, where its ports are really
// used: at its own address, or behind a Service's. A destination that takes no
// port asks nothing.
func (d *Dest) Asks(t snat.Timers, tell func(snat.Dest, snat.Load)) {
	if !d.Eligible {
		return
	}
	if len(d.Endpoints) == 0 {
		tell(d.Dest, d.load(t))
		return
	}
	whole := pulse{load: d.load(t)}
	for i, ep := range d.Endpoints {
		tell(snat.Dest{Protocol: d.Protocol, IP: ep.Addr(), Port: ep.Port()}, whole.part(i, len(d.Endpoints)).load)
	}
}

// load is what a destination asks for wherever it is used, as a card says it of
// one that is not made yet.
func (d *Dest) load(t snat.Timers) snat.Load {
	l := snat.Load{Open: d.Open(), Abandoned: d.Abandoned, Cooling: d.Cooling}
	if d.Protocol == snat.TCP {
		l.Attempting = d.SynSent
	}
	if d.Silent != nil && t.Idle > 0 {
		l.Lost = min(d.Silent.beyond(t.Idle), d.Open())
		l.Doubtful = min(d.Silent.AtLeast(t.Idle), d.Open()) - l.Lost
	}
	if d.mixed {
		l.Doubtful = l.Open - l.Lost
	}
	return l
}
