package rollup

import (
	"net/netip"
	"slices"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Sum adds up what of a picture lies in a scope.
func Sum(snap *session.Snapshot, by By, scope Scope) *Table {
	s := &sum{
		Table: Table{By: by, Scope: scope}, timers: snap.Timers,
		rows: make(map[string]*Row), dests: make(map[snat.Dest]*Row),
		own: newPool(false), shared: newPool(true),
	}
	for _, m := range scope.Within {
		s.fine = s.fine || m.By == Dest || m.By.Detail()
		s.detail = s.detail || m.By.Detail()
	}
	s.detail = s.detail || by.Detail()
	for _, n := range snap.Nodes {
		if scope.Node != "" && scope.Node != n.Name {
			continue
		}
		s.Nodes++
		if n.State != session.StateStreaming {
			continue
		}
		s.Seen++
		s.node(n)
	}
	s.shared.settle()
	slices.SortFunc(s.Rows, worse)
	return &s.Table
}

// sum is an addition that is under way.
type sum struct {
	Table
	timers snat.Timers
	rows   map[string]*Row
	dests  map[snat.Dest]*Row
	// fine means that owners are taken apart into destinations to see what is
	// in the scope, detail that destinations are into processes.
	fine, detail bool
	// own is the pool of ports of the node that is added, shared the one that
	// nodes share.
	own, shared *pool
}

func (s *sum) node(n *session.Node) {
	use := s.own
	if n.Budget.Shared {
		use = s.shared
	}
	use.enter(n)
	for _, o := range n.Owners {
		if s.Scope.Owner != "" && s.Scope.Owner != o.Key || !s.holds(n, o) {
			continue
		}
		if s.fine || s.By == Dest || s.detail {
			s.apart(n, o, use)
			continue
		}
		s.whole(n, o, use)
	}
	if !n.Budget.Shared {
		s.own.settle()
	}
}

// holds reports whether an owner is within what the scope is narrowed to, as
// far as an owner as a whole can be.
func (s *sum) holds(n *session.Node, o *session.Owner) bool {
	for _, m := range s.Scope.Within {
		if m.By == Dest || m.By.Detail() {
			continue
		}
		if key, _, _ := ofOwner(m.By, n, o); key != m.Key {
			return false
		}
	}
	return true
}

// whole adds an owner as it stands: its sums are known already.
func (s *sum) whole(n *session.Node, o *session.Owner, use *pool) {
	r := s.ofOwner(n, o)
	s.meet(r, n, o)
	r.Dests += o.NumDests()
	r.Open += o.Open
	r.Trying += o.Trying
	r.Cooling += o.Cooling
	r.All += o.All
	r.Public += o.EstablishedPublic
	r.UDPFlows += o.UDPFlows
	r.OpensPerSecond += o.OpensPerSecond
	r.ClosesPerSecond += o.ClosesPerSecond
	r.FailedPerSecond += o.FailedPerSecond
	r.weigh(o.All)
	switch {
	case s.By == Pod:
		use.uses(r, o.Ports)
	case s.By == Node && len(s.Scope.Within) == 0 && s.Scope.Owner == "":
		if r.Owners == 1 { // the first of all, who stand for the node
			use.uses(r, n.Ports)
		}
	default:
		for _, d := range o.Dests() {
			use.ask(r, d, s.timers)
		}
	}
}

// apart adds an owner destination by destination, and these process by process
// where the scope asks for it.
func (s *sum) apart(n *session.Node, o *session.Owner, use *pool) {
	for _, d := range o.Dests() {
		if !s.leadsTo(d) {
			continue
		}
		if !s.detail {
			s.add(s.row(n, o, d, nil, Placed), n, o, d, use)
			continue
		}
		for _, p := range partsOf(d) {
			if s.among(n, o, p) {
				s.add(s.row(n, o, d, p.process, p.missing), n, o, p.dest, use)
			}
		}
	}
}

func (s *sum) leadsTo(d *session.Dest) bool {
	for _, m := range s.Scope.Within {
		if m.By == Dest && m.Dest != d.Dest {
			return false
		}
	}
	return true
}

// among reports whether a part belongs to the processes and containers that
// the scope is narrowed to.
func (s *sum) among(n *session.Node, o *session.Owner, p part) bool {
	for _, m := range s.Scope.Within {
		if !m.By.Detail() {
			continue
		}
		if key, _, _ := ofPart(m.By, n, o, p.process, p.missing); key != m.Key {
			return false
		}
	}
	return true
}

// add counts a destination, or what a process holds to it.
func (s *sum) add(r *Row, n *session.Node, o *session.Owner, d *session.Dest, use *pool) {
	s.meet(r, n, o)
	r.Dests++
	r.All += d.Open()
	r.weigh(d.Open() + d.SynSent + d.Cooling)
	if d.Protocol != snat.TCP {
		if d.Eligible && d.Protocol == snat.UDP {
			r.UDPFlows += d.Established
		}
		return
	}
	r.All += d.SynSent
	if d.Public {
		r.Public += d.Established
	}
	if !d.Eligible {
		return
	}
	r.Open += d.Open()
	r.Trying += d.SynSent
	r.Cooling += d.Cooling
	r.OpensPerSecond += d.OpensPerSecond
	r.ClosesPerSecond += d.ClosesPerSecond
	r.FailedPerSecond += d.FailedPerSecond
	use.ask(r, d, s.timers)
}

// meet notes that a row is also on this node and of this owner. They come one
// after the other.
func (s *sum) meet(r *Row, n *session.Node, o *session.Owner) {
	if r.at != n {
		r.at = n
		r.Nodes++
		if !n.Sight().Attempts {
			r.Blind++
		}
		if !n.Counting() {
			r.Unrated++
		}
	}
	if r.by != o {
		r.by, r.byFlows = o, 0
		r.Owners++
	}
	if r.Node == nil {
		r.Node, r.Owner = n, o
	}
}

// weigh counts flows for the node and the owner that were met last.
func (r *Row) weigh(flows int) {
	r.byFlows += flows
	if r.byFlows > r.most {
		r.most, r.Node, r.Owner = r.byFlows, r.at, r.by
	}
}

func (s *sum) ofOwner(n *session.Node, o *session.Owner) *Row {
	key, name, note := ofOwner(s.By, n, o)
	return s.named(key, name, note, Placed)
}

func (s *sum) row(n *session.Node, o *session.Owner, d *session.Dest, p *session.Process, why Missing) *Row {
	switch {
	case s.By == Dest:
		r := s.dests[d.Dest]
		if r == nil {
			name := netip.AddrPortFrom(d.IP, d.Port).String() + " " + d.Protocol.String()
			r = &Row{Key: name, Name: name, Note: d.Name, Dest: d.Dest}
			s.dests[d.Dest] = r
			s.Rows = append(s.Rows, r)
		}
		return r
	case s.By.Detail():
		key, name, note := ofPart(s.By, n, o, p, why)
		return s.named(key, name, note, why)
	default:
		return s.ofOwner(n, o)
	}
}

func (s *sum) named(key, name, note string, why Missing) *Row {
	r := s.rows[key]
	if r == nil {
		r = &Row{Key: key, Name: name, Note: note, Missing: why}
		s.rows[key] = r
		s.Rows = append(s.Rows, r)
	}
	return r
}
