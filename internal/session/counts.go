package session

import (
	"cmp"

	"github.com/snattop/snattop/internal/snat"
)

// add counts a destination for its owner.
func add(c *Counts, d *Dest) {
	if d.Protocol != snat.TCP {
		c.All += d.Open()
		if d.Eligible && d.Protocol == snat.UDP {
			c.UDPFlows += d.Established
		}
		return
	}
	c.All += d.Open() + d.SynSent
	if d.Public {
		c.EstablishedPublic += d.Established
		c.SynSentPublic += d.SynSent
	}
	if !d.Eligible {
		return
	}
	c.Open += d.Open()
	c.Trying += d.SynSent
	c.Cooling += d.Cooling
	c.Waiting += d.Waiting
	c.Abandoned += d.Abandoned
	c.OpensPerSecond += d.OpensPerSecond
	c.ClosesPerSecond += d.ClosesPerSecond
	c.FailedPerSecond += d.FailedPerSecond
	c.finer(d.Trouble, d.Lives, d.Silent)
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

// weight is how many flows there are or were: of UDP, those that nobody has
// answered are among the open ones.
func (d *Dest) weight() int {
	if d.Protocol == snat.UDP {
		return d.Open() + d.Cooling
	}
	return d.Open() + d.SynSent + d.Cooling
}

func worseDest(a, b *Dest) int {
	rank := func(d *Dest) int {
		if d.Eligible {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(b.weight(), a.weight()),
		a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol),
	)
}
