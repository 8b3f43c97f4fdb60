package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// pulse is what happens towards one destination of a balancer: the sum over
// everybody on a node, or on all nodes that share a pool of ports.
type pulse struct {
	at   target
	load snat.Load
	// waiting and failing are attempts without an answer: those that wait now,
	// and those that ended without one in the last seconds.
	waiting, failing int
	// opens are connections a second, and growth is by how many of them they
	// exceed closes, as the number of open flows shows.
	opens, growth float64
	// cooling are the flows among those that make it up that hold ports beyond
	// their end.
	cooling []*held
}

// failMemory is for how many seconds an attempt that has failed counts as one
// that finds no answer: programs that give up quickly hardly ever show one
// that waits.
const failMemory = 5

func (p *pulse) add(o *pulse) {
	p.load = p.load.Add(o.load)
	p.waiting += o.waiting
	p.failing += o.failing
	p.opens += o.opens
	p.growth += o.growth
	p.cooling = append(p.cooling, o.cooling...)
}

// pulses are those of a pool, each destination once.
type pulses struct {
	index map[target]int32
	list  []pulse
}

// clear forgets them and keeps their room.
func (p *pulses) clear() {
	clear(p.index)
	clear(p.list)
	p.list = p.list[:0]
}

// to returns the pulse of a destination, to be added to.
func (p *pulses) to(t target) *pulse {
	i, ok := p.index[t]
	if !ok {
		if p.index == nil {
			p.index = make(map[target]int32)
		}
		i = int32(len(p.list)) //nolint:gosec // within maxNodes × maxNodeFlows
		p.index[t] = i
		p.list = append(p.list, pulse{at: t})
	}
	return &p.list[i]
}

// gather adds up what happens towards a node's destinations.
func (s *Session) gather(n *node, into *pulses) {
	timers := s.timers()
	for _, h := range n.order {
		for i, c := range h.cards {
			if !c.kind.Eligible {
				continue
			}
			if c.events.only() && len(c.kind.endpoints) == 0 {
				p := into.to(c.at) // by far the most
				p.load = p.load.Add(c.load(timers))
				continue
			}
			into.beat(c, h.flows[i], s.now, timers)
		}
	}
}

// beat counts a destination of an owner where its ports are used: at its own
// address, or behind a Service's.
func (p *pulses) beat(c *card, f *flow, now time.Time, t snat.Timers) {
	e := c.said()
	one := pulse{
		load: c.load(t), waiting: int(e.waiting), failing: e.failing(), opens: e.opens,
	}
	if h := f.held(); h != nil && !h.none() {
		one.cooling = []*held{h}
	}
	if hist := f.hist(); hist != nil {
		growth := hist.growth(&e)
		if opens := f.closing(&e, now, t) + growth; usual(opens, e.opens) {
			one.opens, one.growth = max(opens, 0), growth
		} else {
			one.growth = e.outrun()
		}
	}
	ends := c.kind.endpoints
	if len(ends) == 0 {
		p.to(c.at).add(&one)
		return
	}
	for i, ep := range ends {
		p.to(target{ip: ep.Addr().As16(), port: ep.Port(), protocol: c.at.protocol}).add(one.part(i, len(ends)))
	}
}

// part is the share of one of several addresses that a Service's connections
// are spread over. Which of them took which is not known: the sum is right,
// and none of it is sure.
func (p *pulse) part(i, of int) *pulse {
	if of == 1 {
		return p
	}
	share := func(n int) int {
		if i < n%of {
			return n/of + 1
		}
		return n / of
	}
	l := snat.Load{
		Open: share(p.load.Open), Lost: share(p.load.Lost), Attempting: share(p.load.Attempting),
		Abandoned: share(p.load.Abandoned), Cooling: share(p.load.Cooling),
	}
	l.Doubtful = l.Open
	return &pulse{
		load: l, waiting: share(p.waiting), failing: share(p.failing),
		opens: p.opens / float64(of), growth: p.growth / float64(of), cooling: p.cooling,
	}
}

// failing is how many attempts have lately ended without an answer. Those that
// got no local port have asked nobody.
func (e *events) failing() int {
	failed := e.fails
	if e.rare != nil && e.rare.trouble != nil {
		failed -= e.rare.trouble.NoPort
	}
	return int(max(failed, 0) * failMemory)
}

// usual reports whether a rate that was counted over a while is still that of
// now, by no more than events scatter that come as they like. After a burst it
// is not.
func usual(counted, now float64) bool {
	scatter := 3*root(counted/(2*rateMemory.Seconds())) + 0.1
	return now >= counted-scatter && now <= counted+scatter
}

// recently is the time over which closes are counted for a forecast: long
// enough for the count to be steady, short enough for it to be news.
const recently = 30 * time.Second

// closing is how many connections have closed a second of late: counted, where
// they are remembered for as long, since a mean lags behind a load that has
// just begun.
func (f *flow) closing(e *events, now time.Time, t snat.Timers) float64 {
	counted, held := f.stream().counted, f.held()
	if counted < 2*time.Second {
		return e.closes
	}
	if held == nil {
		return 0
	}
	rate := func(c *coolingRing, hold time.Duration) float64 {
		within := min(recently, hold, counted).Truncate(coolingStep)
		if within <= 0 {
			return 0
		}
		return float64(c.after(now.Add(hold-within))) / within.Seconds()
	}
	return rate(&held.fin, t.FIN) + rate(&held.reset, t.Reset)
}

// use is what is asked of a pool of ports under a budget.
type use struct {
	tcp, udp snat.Ports
	// full are the destinations that have used up the budget, fullest first.
	full []snat.Dest
	// starved are attempts without an answer towards those, and unanswered
	// those towards others.
	starved, unanswered int
	budget              snat.Budget
}

// useOf works out what pulses ask for.
func (p *pulses) useOf(budget snat.Budget) use {
	out := use{budget: budget}
	var tcp, udp snat.Peaks
	var full []*pulse
	for i := range p.list {
		one := &p.list[i]
		switch one.at.protocol {
		case snat.TCP:
			tcp.Add(one.load)
			if budget.Known() && isFull(one, budget) {
				full = append(full, one)
				out.starved += one.waiting + one.failing
			} else {
				out.unanswered += one.waiting + one.failing
			}
		case snat.UDP:
			udp.Add(one.load)
		}
	}
	out.tcp, out.udp = tcp.Bounds(budget.Limit()), udp.Bounds(budget.Limit())
	slices.SortFunc(full, func(a, b *pulse) int {
		return cmp.Or(cmp.Compare(b.load.Held(), a.load.Held()), a.at.compare(&b.at))
	})
	for _, one := range full {
		out.full = append(out.full, one.at.dest())
	}
	return out
}

// used brings what a node asks of its ports up to date. The pulses are nil
// where nothing has changed.
func (s *Session) used(n *node, budget snat.Budget) *pulses {
	if !n.old && n.use.budget == budget && !budget.Shared {
		return nil
	}
	p := &s.scratch
	if budget.Shared {
		if n.pulses == nil {
			n.pulses = &pulses{}
		}
		p = n.pulses // the others of the pool ask for them
	} else {
		n.pulses = nil
	}
	p.clear()
	s.gather(n, p)
	n.use, n.old = p.useOf(budget), false
	return p
}

// isFull reports whether a destination has no port left: every one is taken
// by an open flow, or so many are held that what waits there waits for one.
func isFull(p *pulse, budget snat.Budget) bool {
	return p.load.Sure() >= budget.Limit() ||
		p.waiting+p.failing > 0 && float64(p.load.Held()) >= snat.FullAt*float64(budget.Limit())
}

// forecasts is how many destinations of a node are looked at for when they
// will be full: the fullest ones.
const forecasts = 8

// fullIn returns when the first destination will have used up the budget.
func (s *Session) fullIn(pulses *pulses, budget snat.Budget, now time.Time) *time.Duration {
	if pulses == nil {
		return nil // nothing moves
	}
	var list []*pulse
	for i := range pulses.list {
		// Less than one connection in ten seconds is too little to go by.
		if p := &pulses.list[i]; p.at.protocol == snat.TCP && p.opens > 0.1 && p.load.Held() > 0 {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pulse) int {
		return cmp.Or(cmp.Compare(b.load.Held(), a.load.Held()), cmp.Compare(b.opens, a.opens), a.at.compare(&b.at))
	})
	var best *time.Duration
	hold := s.timers().FIN
	for _, p := range list[:min(len(list), forecasts)] {
		flux := snat.Flux{Held: p.load.Held(), Opens: p.opens, Closes: p.opens - min(p.growth, p.opens), Hold: hold}
		for _, h := range p.cooling {
			flux.Releases = append(flux.Releases, h.fin.releases(now)...)
			flux.Releases = append(flux.Releases, h.reset.releases(now)...)
		}
		if in, ok := flux.FullIn(budget.Limit()); ok && (best == nil || in < *best) {
			best = &in
		}
	}
	return best
}
