package rollup

import (
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// pool adds up what rows ask of one pool of ports: that of a node, or the one
// that several nodes share.
type pool struct {
	node   *session.Node
	shared bool
	// loads are by row and destination: who shares a destination shares its
	// ports' peak.
	loads map[spot]snat.Load
	// asking are the rows that have loads.
	asking []*Row
}

type spot struct {
	row  *Row
	dest snat.Dest
}

func newPool(shared bool) *pool { return &pool{shared: shared, loads: make(map[spot]snat.Load)} }

// enter says whose ports come next.
func (p *pool) enter(n *session.Node) { p.node = n }

// ask adds what a destination asks for.
func (p *pool) ask(r *Row, d *session.Dest, t snat.Timers) {
	d.Asks(t, func(at snat.Dest, l snat.Load) {
		switch {
		case at.Protocol != snat.TCP:
		case at == r.Dest: // its own row: nothing to look up
			if !r.asks {
				r.asks = true
				p.asking = append(p.asking, r)
				r.loads = append(r.loads, snat.Load{})
			}
			r.loads[0] = r.loads[0].Add(l)
		default:
			k := spot{r, at}
			p.loads[k] = p.loads[k].Add(l)
		}
	})
}

// settle works out the bounds of what was asked, adds them to the rows, and
// begins anew.
func (p *pool) settle() {
	for k, l := range p.loads {
		if !k.row.asks {
			k.row.asks = true
			p.asking = append(p.asking, k.row)
		}
		k.row.loads = append(k.row.loads, l)
	}
	for _, r := range p.asking {
		p.uses(r, snat.Bounds(r.loads, p.node.Budget.Limit()))
		r.loads, r.asks = r.loads[:0], false
	}
	clear(p.loads)
	p.asking = p.asking[:0]
}

// uses adds bounds to a row.
func (p *pool) uses(r *Row, ports snat.Ports) {
	r.Ports.Min += ports.Min
	r.Ports.Estimate += ports.Estimate
	r.Ports.Max += ports.Max
	u := Use{Node: p.node, Shared: p.shared, Ports: ports}
	if p.node.Budget.Known() {
		u.Budget = p.node.Budget.Limit()
	}
	if r.Fullest.Node == nil || u.Pressure() > r.Fullest.Pressure() || u.Pressure() < 0 && ports.Estimate > r.Fullest.Ports.Estimate {
		r.Fullest = u
	}
}
