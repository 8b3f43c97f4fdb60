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
		tell(behind(d, ep), whole.part(i, len(d.Endpoints)).load)
	}
}
