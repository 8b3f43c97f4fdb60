package session

import (
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// What is remembered of a node's numbers is noted with each of its pictures
// while they are live. A recording goes by faster than anybody looks, or is
// skipped through, and is to give the same each time: there it is noted with
// its ticks, and no picture is drawn for it.

// noteStep is how often the numbers of a recording are noted: with each second
// tick of a second, which may come a little early. Levels remember half a
// minute, and trends have a value every five seconds.
const noteStep = 1900 * time.Millisecond

// noted sums up what is noted of an owner or a node.
type noted struct {
	open         int
	opens, fails float64
	tcp          []snat.Load
}

func (o *noted) add(d *Dest) {
	o.open += d.Open()
	o.opens += d.OpensPerSecond
	o.fails += d.FailedPerSecond
}

// tidy forgets what nothing is left of.
func (s *Session) tidy(n *node) {
	n.tidy(s.now, func(k flowKey) bool {
		c, _, _ := s.class(n, k.owner, k.dest)
		return c.Eligible && k.dest.Protocol == snat.TCP
	})
}

// note remembers a node's numbers as they stand, as its picture would.
func (s *Session) note(n *node) {
	now := s.now
	n.noted = now
	info := s.names.nodes[n.name]
	n.egress = egressOf(info)
	s.tidy(n)
	head := Node{Name: n.name, InternalIP: info.InternalIP}
	if m, ok := s.cloud.Node(n.name, info.InternalIP); ok {
		head.Measured = &m
	}
	budget := s.budget(&head)
	n.budgeted(budget, now)

	var all noted
	owners := make(map[Key]*noted, len(n.owners))
	loads := make(map[snat.Dest]snat.Load, len(n.flows))
	timers := s.timers()
	for k, f := range n.flows {
		d := Dest{Dest: k.dest}
		s.numbers(&d, n, f, now)
		f.remember(&d, now)
		o := owners[k.owner]
		if o == nil {
			o = &noted{}
			owners[k.owner] = o
		}
		if !d.Eligible || d.Protocol != snat.TCP {
			continue
		}
		o.add(&d)
		all.add(&d)
		l := d.load(timers)
		o.tcp = append(o.tcp, l)
		if len(d.Endpoints) == 0 {
			loads[d.Dest] = loads[d.Dest].Add(l)
			continue
		}
		whole := pulse{load: l}
		for i, ep := range d.Endpoints {
			at := behind(&d, ep)
			loads[at] = loads[at].Add(whole.part(i, len(d.Endpoints)).load)
		}
	}
	for key, o := range owners {
		n.history(key).note(snat.Bounds(o.tcp, budget.Limit()).Estimate, o.open, o.opens, o.fails, now)
	}
	for _, l := range loads {
		all.tcp = append(all.tcp, l)
	}
	estimate := snat.Bounds(all.tcp, budget.Limit()).Estimate
	n.estimates.note(estimate, now)
	n.hist.note(estimate, all.open, all.opens, all.fails, now)
}
