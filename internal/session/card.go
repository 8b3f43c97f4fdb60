package session

import (
	"cmp"
	"net/netip"

	"github.com/snattop/snattop/internal/snat"
)

// card is what a picture holds of a destination. There may be a million in a
// picture, and most of them say little: a Dest is made of one when somebody
// asks. A card is never written again once a picture holds it.
type card struct {
	kind   *kind
	silent *Silence // nil is that none is
	events *events  // nil is that nothing has happened of late
	at     target
	gauges
}

// kind is what many destinations have in common.
type kind struct {
	snat.Class
	// trouble, lives and silence mean that the collector can see them.
	trouble, lives, silence bool
	// endpoints are the public addresses behind a Service's own, and mixed means
	// that private ones are behind it as well.
	endpoints []netip.AddrPort
	mixed     bool
}

// events are what happens towards a destination.
type events struct {
	opens, closes, fails        float64
	cooling, abandoned, waiting uint32
	rare                        *rare
}

// rare is what is to be said of few destinations.
type rare struct {
	trouble *Trouble
	lives   *Lives
	levels  *Levels
	trend   []int
	// detailed and processes are as in Dest.
	detailed  bool
	processes []Process
}

func (c *card) open() int { return int(c.established) + int(c.closing) }

// said is the events, none of them where there are none.
func (c *card) said() events {
	if c.events == nil {
		return events{}
	}
	return *c.events
}

// weight is how many flows there are or were: of UDP, those that nobody has
// answered are among the open ones.
func (c *card) weight() int {
	n := c.open()
	if c.events != nil {
		n += int(c.events.cooling)
	}
	if c.at.protocol != snat.UDP {
		n += int(c.synSent)
	}
	return n
}

// compare puts the worse one first.
func (c *card) compare(o *card) int {
	rank := func(c *card) int {
		if c.kind.Eligible {
			return 0
		}
		return 1
	}
	if by := cmp.Or(cmp.Compare(rank(c), rank(o)), cmp.Compare(o.weight(), c.weight())); by != 0 {
		return by
	}
	return c.at.compare(&o.at)
}

// load is what a destination asks of the balancer.
func (c *card) load(t snat.Timers) snat.Load {
	l := snat.Load{Open: c.open()}
	if e := c.events; e != nil {
		l.Abandoned, l.Cooling = int(e.abandoned), int(e.cooling)
	}
	if c.at.protocol == snat.TCP {
		l.Attempting = int(c.synSent)
	}
	if c.silent != nil && t.Idle > 0 {
		l.Lost = min(c.silent.beyond(t.Idle), l.Open)
		l.Doubtful = min(c.silent.AtLeast(t.Idle), l.Open) - l.Lost
	}
	if c.kind.mixed {
		l.Doubtful = l.Open - l.Lost
	}
	return l
}

// What destinations share that have none of it.
func nothing() (*Trouble, *Lives, *Silence) { return &Trouble{}, &Lives{}, &Silence{} }

// fill makes a destination of a card.
func (c *card) fill(d *Dest, names *directory, noTrouble *Trouble, noLives *Lives, noSilence *Silence) {
	e := c.said()
	*d = Dest{
		Dest: c.at.dest(), Class: c.kind.Class, Endpoints: c.kind.endpoints, mixed: c.kind.mixed,
		Established: int(c.established), Closing: int(c.closing), SynSent: int(c.synSent), TimeWait: int(c.timeWait),
		Cooling: int(e.cooling), Waiting: int(e.waiting), Abandoned: int(e.abandoned), Silent: c.silent,
		OpensPerSecond: e.opens, ClosesPerSecond: e.closes, FailedPerSecond: e.fails,
	}
	d.Name = names.get(d.IP)
	if r := e.rare; r != nil {
		d.Trouble, d.Lives, d.Levels, d.OpenTrend = r.trouble, r.lives, r.levels, r.trend
		d.Detailed, d.Processes = r.detailed, r.processes
	}
	if d.Protocol != snat.TCP {
		return
	}
	if c.kind.trouble && d.Trouble == nil {
		d.Trouble = noTrouble
	}
	if c.kind.lives && d.Lives == nil {
		d.Lives = noLives
	}
	if c.kind.silence && d.Silent == nil {
		d.Silent = noSilence
	}
}

// Dests lists the owner's destinations, worst first: eligible, open +
// attempting + cooling, address. They are made when they are asked for, each
// time anew, so that a picture of a large cluster stays small: ask once, and
// of those only that are looked at.
func (o *Owner) Dests() []*Dest {
	if len(o.cards) == 0 {
		return o.Listed
	}
	noTrouble, noLives, noSilence := nothing()
	made, out := make([]Dest, len(o.cards)), make([]*Dest, len(o.cards))
	for i := range o.cards {
		o.cards[i].fill(&made[i], o.names, noTrouble, noLives, noSilence)
		out[i] = &made[i]
	}
	return out
}

// NumDests is how many Dests lists.
func (o *Owner) NumDests() int { return max(len(o.cards), len(o.Listed)) }

// kinds keeps one of each kind of destination.
type kinds map[plainKind]*kind

// plainKind is a kind that leads nowhere else.
type plainKind struct {
	snat.Class
	trouble, lives, silence bool
}

// maxKinds bounds what is kept: a source may tell ever new reasons.
const maxKinds = 10_000

func (ks kinds) of(k kind) *kind {
	if len(k.endpoints) > 0 {
		return &k
	}
	plain := plainKind{k.Class, k.trouble, k.lives, k.silence}
	one := ks[plain]
	if one == nil {
		if len(ks) >= maxKinds {
			clear(ks)
		}
		one = &k
		ks[plain] = one
	}
	return one
}
