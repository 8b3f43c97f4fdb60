package session

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// head makes the picture of an owner, without its destinations and numbers.
func (s *Session) head(n *node, h *holder) *Owner {
	seen := h.seen
	o := &Owner{
		Key: h.key, Node: n.name, HostNetwork: seen.HostNetwork, IPs: seen.IPs, UID: h.podUID,
		LocalPorts: int(seen.LocalPorts),
	}
	if h.podUID == "" {
		kind, name := "process", seen.Unit
		switch {
		case name == "":
			name = "process unknown"
		case isUnitName(name):
			kind = "unit"
		}
		if !seen.HostNetwork {
			o.Namespace, kind = "", "netns"
		}
		o.Workload = inventory.Workload{Kind: kind, Name: name}
		o.Known = true
		return o
	}
	p, ok := s.names.pod(h.podUID)
	if !ok {
		o.Name = "pod " + shortID(h.podUID)
		return o
	}
	_, o.Known = s.names.pods[p.UID]
	o.UID, o.Namespace, o.Name, o.Workload = p.UID, p.Namespace, p.Name, p.Workload
	if o.Known {
		o.Phase = p.Phase
	}
	o.HostNetwork = o.HostNetwork || p.HostNetwork
	o.OwnEgress = s.ownEgress(p)
	if len(o.IPs) == 0 {
		o.IPs = p.IPs
	}
	for _, id := range seen.ContainerIDs {
		name := container(p, id)
		// The sandbox holds the namespace open; it is no container of the spec.
		if name != shortID(id) && !slices.Contains(o.Containers, name) {
			o.Containers = append(o.Containers, name)
		}
	}
	return o
}

func isUnitName(s string) bool {
	for _, suffix := range []string{".service", ".scope", ".socket", ".slice"} {
		if len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix {
			return true
		}
	}
	return false
}

// kind says what there is to know of a destination whatever happens there.
func (s *Session) kind(n *node, h *holder, f *flow) *kind {
	sight := SightOf(f.stream().collector)
	k := kind{trouble: sight.Trouble, lives: sight.Lives, silence: sight.Silence}
	k.Class, k.endpoints, k.mixed = s.class(n, h, f.card.at.dest())
	return s.kinds.of(k)
}

// card brings up to date what is to be said of a flow. Its kind holds still
// unless it is to be found out again.
func (s *Session) card(n *node, h *holder, f *flow, again, note bool) {
	c := f.edit()
	if again || c.kind == nil {
		c.kind = s.kind(n, h, f)
	}
	var e events
	r := rare{wide: c.seldom().wide}
	if c.events != nil {
		e.silent = c.events.silent
	}
	if f.moving != nil {
		s.moves(f, &e, &r)
	}
	if note {
		f.remember(&e, s.now)
	}
	if hist := f.hist(); hist != nil {
		e.past = hist.past(s.now)
	}
	if s.focused(n.name, h.key) {
		if list, ok := f.processes(); ok {
			r.detailed, r.processes = true, s.processes(h, list)
		}
	}
	c.say(e, r)
	if c.events.only() && e.silent != nil {
		c.events = f.stream().silent(*e.silent)
	}
}

// moves says what happens towards a flow's destination.
func (s *Session) moves(f *flow, e *events, r *rare) {
	st, m, now, kind := f.stream(), f.moving, s.now, f.card.kind
	tcp := f.card.at.protocol == snat.TCP
	cooling, abandoned := m.held.at(now)
	e.cooling, e.abandoned = count32(cooling), count32(abandoned)
	if f.current() {
		at := st.asOf(now)
		e.opens, e.closes, e.fails = m.opens.perSecond(at, st.counted), m.closes.perSecond(at, st.counted), m.fails.perSecond(at, st.counted)
		if tcp && kind.trouble && m.trouble != nil {
			if t := m.trouble.perSecond(at, st.counted); *t != (Trouble{}) {
				r.trouble = t
			}
		}
		if tcp && kind.lives {
			r.lives = m.lives
		}
	}
	e.waiting = count32(unheard(m.waiting.at(now), r.trouble, e.opens))
}

// remember notes how a destination stands, once it has had many flows.
func (f *flow) remember(e *events, now time.Time) {
	c, hist := f.card, f.hist()
	if hist == nil && c.at.protocol == snat.TCP && c.open()+c.trying()+int(e.cooling) >= worthRemembering {
		hist = &history{}
		f.move().hist = hist
	}
	if hist != nil {
		hist.note(0, c.open(), e.opens, e.fails, now)
	}
}

func (s *Session) focused(node string, owner Key) bool {
	return s.focus.all || s.focus.node == node && s.focus.owner == owner
}

func (s *Session) processes(h *holder, list []wire.Process) []Process {
	pod, _ := s.names.pod(h.podUID)
	out := make([]Process, 0, len(list))
	for _, p := range list {
		one := Process{PID: int(p.PID), Command: p.Command, Established: int(p.Established), SynSent: int(p.SynSent)}
		if p.ContainerID != "" {
			one.Container = container(pod, p.ContainerID)
		}
		out = append(out, one)
	}
	return out
}
