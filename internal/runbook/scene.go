package runbook

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// What counts as much. These are snattop's own, to keep small things from
// being called a cause.
const (
	// worthShare of the budget is what an owner must hold to be one, and
	// worthPorts where that is less or no budget is known.
	worthShare, worthPorts = 0.1, 16
	// most is the share from which "most of them" is said.
	most = 0.6
	// half is the share from which a behaviour decides what a whole is called.
	half = 0.5
	// few is the share up to which something is an exception.
	few = 0.2
)

// scene is a node as the causes look at it: the picture, with destinations
// merged over owners.
type scene struct {
	pic    *session.Snapshot
	n      *session.Node
	sight  session.Sight
	timers snat.Timers
	// budget is 0 when it is not known.
	budget int
	// targets are TCP's destinations, those that take ports first, most ports
	// first; datagrams are UDP's.
	targets, datagrams []*target
	tenants            []*tenant
	byKey              map[session.Key]*tenant
}

// target is one destination of the node.
type target struct {
	snat.Dest
	name     string
	eligible bool

	open, trying, waiting, abandoned, cooling, timeWait int
	opens, closes, fails                                float64
	// trouble is nil when the collector cannot see it.
	trouble *session.Trouble
	holders []holding
	// behind are the addresses where a Service's ports are really used.
	behind []snat.Dest
}

// holding is what an owner has at a destination.
type holding struct {
	owner *session.Owner
	dest  *session.Dest
}

func (h holding) ports() int { return h.dest.Open() + h.dest.Cooling }

// ports is what the destination is estimated to hold.
func (t *target) ports() int { return t.open + t.cooling }

// failing reports whether attempts get no connection there.
func (t *target) failing() bool { return t.waiting > 0 || t.fails >= leastRate }

// leastRate is the number of events a second below which nothing is said to
// happen: one in ten seconds.
const leastRate = 0.1

// title names a destination, by its name where it has one.
func (t *target) title() string {
	if t.name == "" {
		return t.Dest.String()
	}
	return t.Dest.String() + " (" + sanitize.Text(t.name) + ")"
}

// tenant is an owner with what was made of it.
type tenant struct {
	*session.Owner
	// top is its destination with the most ports; nil when it has none.
	top *session.Dest
	// together is what all pods of its workload on the node hold: replicas that
	// each do a little are one cause.
	together int
	// leak and churn are what its connections look like.
	leak, churn finding
}

// finding is a state with what it stands on, before it becomes an answer.
type finding struct {
	state      State
	confidence Confidence
	why        string
	evidence   []Evidence
}

func newScene(pic *session.Snapshot, n *session.Node) *scene {
	s := &scene{pic: pic, n: n, sight: n.Sight(), timers: pic.Timers, byKey: make(map[session.Key]*tenant)}
	if s.timers == (snat.Timers{}) {
		s.timers = pic.Cluster.Provider.Timers()
	}
	if n.Budget.Known() {
		s.budget = n.Budget.Ports
	}
	byDest := make(map[snat.Dest]*target)
	for _, o := range n.Owners {
		if o == nil {
			continue
		}
		t := &tenant{Owner: o}
		for _, d := range o.Dests() {
			if d != nil {
				s.meet(byDest, t, d)
			}
		}
		s.tenants = append(s.tenants, t)
		s.byKey[o.Key] = t
	}
	s.order()
	type workload struct {
		namespace string
		session.Workload
	}
	sum := make(map[workload]int)
	for _, t := range s.tenants {
		sum[workload{t.Namespace, t.Workload}] += t.ports()
	}
	for _, t := range s.tenants {
		t.together = t.ports()
		if t.Workload.Name != "" && t.ports() >= leastRise {
			t.together = sum[workload{t.Namespace, t.Workload}]
		}
		s.characterise(t)
	}
	return s
}

// meet takes one destination of an owner in.
func (s *scene) meet(byDest map[snat.Dest]*target, t *tenant, d *session.Dest) {
	m := byDest[d.Dest]
	if m == nil {
		m = &target{Dest: d.Dest}
		byDest[d.Dest] = m
		if d.Protocol == snat.UDP {
			s.datagrams = append(s.datagrams, m)
		} else {
			s.targets = append(s.targets, m)
		}
	}
	m.name = cmp.Or(m.name, d.Name)
	m.eligible = m.eligible || d.Eligible
	m.open += d.Open()
	m.trying += d.SynSent
	m.waiting += d.Waiting
	m.abandoned += d.Abandoned
	m.cooling += d.Cooling
	m.timeWait += d.TimeWait
	m.opens += rate(d.OpensPerSecond)
	m.closes += rate(d.ClosesPerSecond)
	m.fails += rate(d.FailedPerSecond)
	for _, ep := range d.Endpoints {
		if to := (snat.Dest{Protocol: d.Protocol, IP: ep.Addr(), Port: ep.Port()}); !slices.Contains(m.behind, to) {
			m.behind = append(m.behind, to)
		}
	}
	if d.Trouble != nil {
		if m.trouble == nil {
			m.trouble = &session.Trouble{}
		}
		m.trouble.Refused += rate(d.Trouble.Refused)
		m.trouble.TimedOut += rate(d.Trouble.TimedOut)
		m.trouble.NoPort += rate(d.Trouble.NoPort)
		// What never left the pod says nothing of the destination.
		m.fails = max(m.fails-rate(d.Trouble.NoPort), 0)
		m.trouble.Resets += rate(d.Trouble.Resets)
		m.trouble.SynRetransmits += rate(d.Trouble.SynRetransmits)
	}
	m.holders = append(m.holders, holding{t.Owner, d})
	if d.Eligible && d.Protocol == snat.TCP && (t.top == nil || held(d) > held(t.top)) {
		t.top = d
	}
}

func held(d *session.Dest) int { return d.Open() + d.Cooling }

// rate keeps what is no number of events out of sums.
func rate(r float64) float64 {
	if math.IsNaN(r) || r < 0 || r > 1e12 {
		return 0
	}
	return r
}

// order makes every list that is spoken of the same for the same picture.
func (s *scene) order() {
	sort := func(list []*target) {
		slices.SortFunc(list, func(a, b *target) int {
			if a.eligible != b.eligible {
				if a.eligible {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(b.ports(), a.ports()), cmp.Compare(b.trying, a.trying),
				a.IP.Compare(b.IP), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
		})
		for _, t := range list {
			slices.SortFunc(t.holders, func(a, b holding) int {
				return cmp.Or(cmp.Compare(b.ports()+b.dest.SynSent, a.ports()+a.dest.SynSent),
					strings.Compare(a.owner.Title(), b.owner.Title()), cmp.Compare(a.owner.Key, b.owner.Key))
			})
		}
	}
	sort(s.targets)
	sort(s.datagrams)
}

// top is the destination with the most ports; nil when none takes any.
func (s *scene) top() *target {
	if len(s.targets) == 0 || !s.targets[0].eligible {
		return nil
	}
	return s.targets[0]
}

// worth is from how many ports something can be a cause.
func (s *scene) worth() int { return max(int(worthShare*float64(s.budget)), worthPorts) }

// full is the number of ports from which a node is short of them.
func (s *scene) full() float64 { return snat.PressuredAt * float64(s.budget) }

// short reports whether the connections of the node hold most of its budget,
// or those of all nodes most of a pool that they share.
func (s *scene) short() bool {
	if s.budget == 0 {
		return false
	}
	if s.n.Budget.Shared && (s.n.Verdict == snat.Exhausted || s.n.Verdict == snat.Pressured) {
		return true
	}
	return float64(s.n.Ports.Estimate) >= s.full()
}

// measuredUsed is what the cloud says is in use; ok is false when it does not.
func (s *scene) measuredUsed() (used int, ok bool) {
	if m := s.n.Measured; m != nil && m.TCP.Used != nil {
		return *m.TCP.Used, true
	}
	return 0, false
}

// hidden reports whether the cloud measures a shortage that the sockets of the
// node do not show: then nothing that is read from sockets explains it.
func (s *scene) hidden() bool {
	used, ok := s.measuredUsed()
	return ok && s.budget > 0 && float64(used) >= s.full() && !s.short()
}

// wants is the number of connections that wait for an answer, to whatever
// destination.
func (s *scene) wants() int {
	sum := 0
	for _, t := range s.targets {
		sum += t.waiting
	}
	return sum
}

// troubled reports whether any attempt gets no connection.
func (s *scene) troubled() bool {
	return slices.ContainsFunc(s.targets, (*target).failing)
}

// without returns the ports that the node would hold if some owners and one
// destination were not there: the peak over destinations, as a balancer counts.
func (s *scene) without(gone func(*session.Owner) bool, dest snat.Dest) (ports int, at *target) {
	for _, t := range s.targets {
		if !t.eligible || t.Dest == dest {
			continue
		}
		sum := 0
		for _, h := range t.holders {
			if !gone(h.owner) {
				sum += h.ports()
			}
		}
		if sum > ports {
			ports, at = sum, t
		}
	}
	return ports, at
}

// sum is the ports of all destinations, each counted by itself.
func (s *scene) sum() int {
	all := 0
	for _, t := range s.targets {
		if t.eligible {
			all += t.ports()
		}
	}
	return all
}

// budgetText is "1,024 ports (table)".
func (s *scene) budgetText() string {
	return sentence("%s ports (%s)", num(s.budget), s.n.Budget.Source)
}

// use says how much of the budget is taken.
func (s *scene) use() string {
	if s.budget == 0 {
		return sentence("about %s ports are in use; the budget is not known", num(s.n.Ports.Estimate))
	}
	return sentence("about %s of %s are in use", num(s.n.Ports.Estimate), s.budgetText())
}
