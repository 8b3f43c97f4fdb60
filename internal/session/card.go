package session

import (
	"cmp"
	"math"
	"net/netip"

	"github.com/snattop/snattop/internal/snat"
)

// card is what a picture holds of a destination. There may be a million in a
// picture, and most of them say little: a Dest is made of one when somebody
// asks. A card is never written again once a picture holds it.
type card struct {
	kind   *kind   // nil until the first picture
	events *events // nil is that nothing has happened of late
	at     target
	// The gauges, as long as they fit: see count.
	established                uint32
	closing, synSent, timeWait uint16
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

// events are what happens towards a destination, and what else few of them
// have. They are never written again, either.
type events struct {
	opens, closes, fails        float64
	cooling, abandoned, waiting uint32
	silent                      *Silence // nil is that none is
	past                        *past
	rare                        *rare
}

// rare is what is to be said of few destinations.
type rare struct {
	trouble *Trouble
	lives   *Lives
	// wide are the gauges where they do not fit into a card.
	wide *gauges
	// detailed and processes are as in Dest.
	detailed  bool
	processes []Process
}

// said is the events, none of them where there are none.
func (c *card) said() events {
	if c.events == nil {
		return events{}
	}
	return *c.events
}

// seldom is what is rare of a card, nothing where there is nothing.
func (c *card) seldom() rare {
	if c.events == nil || c.events.rare == nil {
		return rare{}
	}
	return *c.events.rare
}

// say sets the events.
func (c *card) say(e events, r rare) {
	e.rare = nil
	if r.trouble != nil || r.lives != nil || r.wide != nil || r.detailed {
		e.rare = &r
	}
	c.events = nil
	if e != (events{}) {
		c.events = &e
	}
}

// only reports whether events say nothing but which connections are silent:
// then many cards may have the same.
func (e *events) only() bool { return e == nil || *e == events{silent: e.silent} }

// quiet is what events say of silence alone, or nil.
func (e *events) quiet() *events {
	switch {
	case e == nil || e.silent == nil:
		return nil
	case e.only():
		return e
	default:
		return &events{silent: e.silent}
	}
}

// hush sets which connections are silent.
func (c *card) hush(quiet *events) {
	if c.events.only() {
		c.events = quiet
		return
	}
	e := *c.events
	if e.silent = nil; quiet != nil {
		e.silent = quiet.silent
	}
	c.events = &e
}

// silent is nil where the collector cannot see it, and where none is.
func (c *card) silent() *Silence {
	if c.events == nil || !c.kind.silence || c.at.protocol != snat.TCP {
		return nil
	}
	return c.events.silent
}

// count sets the gauges.
func (c *card) count(g gauges) {
	c.established, c.closing, c.synSent, c.timeWait = g.established, uint16(g.closing), uint16(g.synSent), uint16(g.timeWait) //nolint:gosec // wide has those that do not fit
	r := c.seldom()
	was := r.wide
	if r.wide = nil; max(g.closing, g.synSent, g.timeWait) > math.MaxUint16 {
		r.wide = &g
	}
	if r.wide != was {
		c.say(c.said(), r)
	}
}

func (c *card) gauges() gauges {
	if e := c.events; e != nil && e.rare != nil && e.rare.wide != nil {
		return *e.rare.wide
	}
	return gauges{c.established, uint32(c.closing), uint32(c.synSent), uint32(c.timeWait)}
}

// open is how many flows are established or closing, trying how many have no
// answer yet.
func (c *card) open() int {
	g := c.gauges()
	return int(g.established) + int(g.closing)
}

func (c *card) trying() int { return int(c.gauges().synSent) }

// weight is how many flows there are or were: of UDP, those that nobody has
// answered are among the open ones.
func (c *card) weight() int {
	n := c.open()
	if c.events != nil {
		n += int(c.events.cooling)
	}
	if c.at.protocol != snat.UDP {
		n += c.trying()
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
		l.Attempting = c.trying()
	}
	if silent := c.silent(); silent != nil && t.Idle > 0 {
		l.Lost = min(silent.beyond(t.Idle), l.Open)
		l.Doubtful = min(silent.AtLeast(t.Idle), l.Open) - l.Lost
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
	e, g := c.said(), c.gauges()
	*d = Dest{
		Dest: c.at.dest(), Class: c.kind.Class, Endpoints: c.kind.endpoints, mixed: c.kind.mixed,
		Established: int(g.established), Closing: int(g.closing), SynSent: int(g.synSent), TimeWait: int(g.timeWait),
		Cooling: int(e.cooling), Waiting: int(e.waiting), Abandoned: int(e.abandoned), Silent: c.silent(),
		OpensPerSecond: e.opens, ClosesPerSecond: e.closes, FailedPerSecond: e.fails,
	}
	d.Name = names.get(d.IP)
	if e.past != nil {
		d.Levels, d.OpenTrend = e.past.levels(), e.past.trend.unpack(nil)
	}
	if r := e.rare; r != nil {
		d.Trouble, d.Lives = r.trouble, r.lives
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
