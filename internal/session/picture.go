package session

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// owner makes the picture of an owner, without its destinations.
func (s *Session) owner(n *node, key Key) *Owner {
	seen := n.owners[key]
	o := &Owner{
		Key: key, Node: n.name, HostNetwork: seen.wire.HostNetwork, IPs: seen.wire.IPs, UID: seen.podUID,
		LocalPorts: int(seen.wire.LocalPorts),
	}
	if seen.podUID == "" {
		kind, name := "process", seen.wire.Unit
		switch {
		case name == "":
			name = "process unknown"
		case isUnitName(name):
			kind = "unit"
		}
		if !seen.wire.HostNetwork {
			o.Namespace, kind = "", "netns"
		}
		o.Workload = inventory.Workload{Kind: kind, Name: name}
		o.Known = true
		return o
	}
	p, ok := s.names.pod(seen.podUID)
	if !ok {
		o.Name = "pod " + shortID(seen.podUID)
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
	for _, id := range seen.wire.ContainerIDs {
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

// dest makes the picture of a destination.
func (s *Session) dest(n *node, o *Owner, f *flow, now time.Time, note bool) *Dest {
	d := &Dest{Dest: f.key.dest, Name: s.names.byIP[f.key.dest.IP]}
	s.numbers(d, n, f, now)
	st := f.stream
	sight := SightOf(st.collector)
	if d.Protocol == snat.TCP {
		if sight.Trouble {
			d.Trouble = st.noTrouble
		}
		if sight.Lives {
			d.Lives = st.noLives
		}
	}
	if f.current() {
		if d.Trouble != nil && f.trouble != nil {
			d.Trouble = f.trouble.perSecond(st.asOf(now), st.counted)
		}
		if d.Lives != nil && f.lives != nil {
			d.Lives = f.lives
		}
	}
	d.Waiting = unheard(f.waiting.at(now), d)
	if note {
		f.remember(d, now)
	}
	if f.hist != nil {
		l := f.hist.levels(now)
		l.Ports = Level{}
		d.Levels, d.OpenTrend = &l, f.hist.trend.values
	}
	if s.focused(n.name, o.Key) {
		if list, ok := f.processes(); ok {
			d.Detailed, d.Processes = true, s.processes(o, list)
		}
	}
	return d
}

// numbers fills in what a destination is and what is there of it: all that its
// ports follow from.
func (s *Session) numbers(d *Dest, n *node, f *flow, now time.Time) {
	st := f.stream
	d.Class, d.Endpoints, d.mixed = s.class(n, f.key.owner, d.Dest)
	d.Established, d.Closing, d.SynSent, d.TimeWait = f.gauges()
	d.Cooling, d.Abandoned = f.held.at(now)
	if d.Protocol == snat.TCP && SightOf(st.collector).Silence {
		d.Silent = f.silence(st.noSilence)
	}
	if f.current() {
		at := st.asOf(now)
		d.OpensPerSecond, d.ClosesPerSecond = f.opens.perSecond(at, st.counted), f.closes.perSecond(at, st.counted)
		d.FailedPerSecond = f.fails.perSecond(at, st.counted)
	}
}

// remember notes how a destination stands, once it has had many flows.
func (f *flow) remember(d *Dest, now time.Time) {
	if f.hist == nil && d.Protocol == snat.TCP && d.Open()+d.SynSent+d.Cooling >= worthRemembering {
		f.hist = &history{}
	}
	if f.hist != nil {
		f.hist.note(0, d.Open(), d.OpensPerSecond, d.FailedPerSecond, now)
	}
}

func (s *Session) focused(node string, owner Key) bool {
	return s.focus.all || s.focus.node == node && s.focus.owner == owner
}

func (s *Session) processes(o *Owner, list []wire.Process) []Process {
	pod, _ := s.names.pod(o.UID)
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
