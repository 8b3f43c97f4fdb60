package session

import (
	"cmp"

	"github.com/snattop/snattop/internal/snat"
)

// add counts a destination for its owner.
func add(c *Counts, d *card) {
	open, syn := d.open(), d.trying()
	if d.at.protocol != snat.TCP {
		c.All += open
		if d.kind.Eligible && d.at.protocol == snat.UDP {
			c.UDPFlows += int(d.established)
		}
		return
	}
	c.All += open + syn
	if d.kind.Public {
		c.EstablishedPublic += int(d.established)
		c.SynSentPublic += syn
	}
	if !d.kind.Eligible {
		return
	}
	c.Open += open
	c.Trying += syn
	c.finer(nil, nil, d.silent())
	e := d.events
	if e == nil {
		return
	}
	c.Cooling += int(e.cooling)
	c.Waiting += int(e.waiting)
	c.Abandoned += int(e.abandoned)
	c.OpensPerSecond += e.opens
	c.ClosesPerSecond += e.closes
	c.FailedPerSecond += e.fails
	if e.rare != nil {
		c.finer(e.rare.trouble, e.rare.lives, nil)
	}
}

// merge adds an owner's counts to its node's. Ports are no sum: the node's are
// derived from its destinations.
func merge(to, from *Counts) {
	to.Open += from.Open
	to.Trying += from.Trying
	to.Cooling += from.Cooling
	to.Waiting += from.Waiting
	to.Abandoned += from.Abandoned
	to.EstablishedPublic += from.EstablishedPublic
	to.SynSentPublic += from.SynSentPublic
	to.All += from.All
	to.UDPFlows += from.UDPFlows
	to.OpensPerSecond += from.OpensPerSecond
	to.ClosesPerSecond += from.ClosesPerSecond
	to.FailedPerSecond += from.FailedPerSecond
	to.finer(from.Trouble, from.Lives, from.Silent)
}

func worseOwner(a, b *Owner) int {
	return cmp.Or(
		cmp.Compare(b.Ports.Estimate, a.Ports.Estimate), cmp.Compare(b.Open, a.Open), cmp.Compare(b.Trying, a.Trying),
		cmp.Compare(b.All, a.All), cmp.Compare(a.Title(), b.Title()), cmp.Compare(a.Key, b.Key),
	)
}
