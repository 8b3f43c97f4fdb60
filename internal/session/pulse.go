package session

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// pulse is what happens towards one destination of a balancer: the sum over
// everybody on a node, or on all nodes that share a pool of ports.
type pulse struct {
	load snat.Load
	// waiting and failing are attempts without an answer: those that wait now,
	// and those that ended without one in the last seconds.
	waiting, failing int
	// opens are connections a second, and growth is by how many of them they
	// exceed closes, as the number of open flows shows.
	opens, growth float64
	// flow is one of those that make it up, and more are the others.
	flow *flow
	more []*flow
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
	switch {
	case p.flow == nil:
		p.flow = o.flow
	case o.flow != nil:
		p.more = append(p.more, o.flow)
	}
	p.more = append(p.more, o.more...)
}

// beat counts a destination of an owner where its ports are used: at its own
// address, or behind a Service's.
func (n *node) beat(d *Dest, f *flow, l snat.Load, now time.Time, t snat.Timers) {
	one := pulse{
		load: l, waiting: d.Waiting, failing: d.failing(),
		opens: d.OpensPerSecond, flow: f,
	}
	if f.hist != nil {
		growth := f.hist.growth(d)
		if opens := f.closing(d, now, t) + growth; usual(opens, d.OpensPerSecond) {
			one.opens, one.growth = max(opens, 0), growth
		} else {
			one.growth = d.outrun()
		}
	}
	if len(d.Endpoints) == 0 {
		n.pulse(d.Dest).add(&one)
		return
	}
	for i, ep := range d.Endpoints {
		n.pulse(behind(d, ep)).add(one.part(i, len(d.Endpoints)))
	}
}

func behind(d *Dest, ep netip.AddrPort) snat.Dest {
	return snat.Dest{Protocol: d.Protocol, IP: ep.Addr(), Port: ep.Port()}
}

func (n *node) pulse(d snat.Dest) *pulse {
	p := n.pulses[d]
	if p == nil {
		// In pieces: there may be as many as destinations.
		if len(n.slab) == cap(n.slab) {
			n.slab = make([]pulse, 0, slabSize)
		}
		n.slab = append(n.slab, pulse{})
		p = &n.slab[len(n.slab)-1]
		n.pulses[d] = p
	}
	return p
}

// slabSize is how many pulses are made room for at once.
const slabSize = 64

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
		opens: p.opens / float64(of), growth: p.growth / float64(of), flow: p.flow, more: p.more,
	}
}

// failing is how many attempts have lately ended without an answer. Those that
// got no local port have asked nobody.
func (d *Dest) failing() int {
	failed := d.FailedPerSecond
	if d.Trouble != nil {
		failed -= d.Trouble.NoPort
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
func (f *flow) closing(d *Dest, now time.Time, t snat.Timers) float64 {
	if f.stream.counted < 2*time.Second {
		return d.ClosesPerSecond
	}
	if f.held == nil {
		return 0
	}
	rate := func(c *coolingRing, hold time.Duration) float64 {
		within := min(recently, hold, f.stream.counted).Truncate(coolingStep)
		if within <= 0 {
			return 0
		}
		return float64(c.after(now.Add(hold-within))) / within.Seconds()
	}
	return rate(&f.held.fin, t.FIN) + rate(&f.held.reset, t.Reset)
}

// bounds are the ports of the two pools.
type bounds struct{ tcp, udp snat.Ports }

// boundsOf derives the bounds of what pulses ask for.
func boundsOf(pulses map[snat.Dest]*pulse, budget snat.Budget) bounds {
	loads := ownerLoads{tcp: make([]snat.Load, 0, len(pulses))}
	for d, p := range pulses {
		loads.add(d.Protocol, p.load)
	}
	return bounds{snat.Bounds(loads.tcp, budget.Limit()), snat.Bounds(loads.udp, budget.Limit())}
}

// full lists the destinations that have used up the budget, fullest first.
func full(pulses map[snat.Dest]*pulse, budget snat.Budget) []snat.Dest {
	if !budget.Known() {
		return nil
	}
	var out []snat.Dest
	for d, p := range pulses {
		if d.Protocol == snat.TCP && isFull(p, budget) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b snat.Dest) int {
		return cmp.Or(cmp.Compare(pulses[b].load.Held(), pulses[a].load.Held()), a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port))
	})
	return out
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
func (s *Session) fullIn(pulses map[snat.Dest]*pulse, budget snat.Budget, now time.Time) *time.Duration {
	type candidate struct {
		d snat.Dest
		p *pulse
	}
	var list []candidate
	for d, p := range pulses {
		// Less than one connection in ten seconds is too little to go by.
		if d.Protocol == snat.TCP && p.opens > 0.1 && p.load.Held() > 0 {
			list = append(list, candidate{d, p})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.p.load.Held(), a.p.load.Held()), cmp.Compare(b.p.opens, a.p.opens), a.d.IP.Compare(b.d.IP), cmp.Compare(a.d.Port, b.d.Port))
	})
	var best *time.Duration
	hold := s.timers().FIN
	for _, c := range list[:min(len(list), forecasts)] {
		flux := snat.Flux{Held: c.p.load.Held(), Opens: c.p.opens, Closes: c.p.opens - min(c.p.growth, c.p.opens), Hold: hold}
		for _, f := range append([]*flow{c.p.flow}, c.p.more...) {
			if f.held != nil {
				flux.Releases = append(flux.Releases, f.held.fin.releases(now)...)
				flux.Releases = append(flux.Releases, f.held.reset.releases(now)...)
			}
		}
		if in, ok := flux.FullIn(budget.Limit()); ok && (best == nil || in < *best) {
			best = &in
		}
	}
	return best
}

// load is what a destination asks of the balancer.
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
