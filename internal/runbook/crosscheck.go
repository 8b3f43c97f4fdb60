package runbook

import (
	"slices"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
)

// Agreement is whether counts of the same thing by different means agree.
type Agreement string

// The agreements. Explained: they differ, and what is known accounts for it.
// Unexplained: they differ, and nothing known does. Single: there is only one
// of them, so nothing is checked.
const (
	Agrees      Agreement = "agrees"
	Explained   Agreement = "explained"
	Unexplained Agreement = "unknown"
	Single      Agreement = "single"
)

// Check is what sockets, connection tracking and the cloud say of one node.
// Numbers that are not known are nil.
type Check struct {
	// Sockets are TCP connections that programs of the node have opened, to any
	// destination: open, waiting for an answer, and in TIME_WAIT.
	Sockets *int
	// Entries is the size of the node's connection tracking table, of any
	// protocol and direction. OwnEntries and OtherEntries are TCP's by who
	// opened them: an address of this node, or another.
	Entries, OwnEntries, OtherEntries *int
	// Estimate, Min and Max are TCP's ports, worked out from the sockets.
	Estimate, Min, Max *int
	// Used, Allocated and Failed are the cloud's own, measured; At is the end
	// of the minute that they are of.
	Used, Allocated, Failed *int
	At                      time.Time
	// Tracking compares sockets with connection tracking, Cloud the estimate
	// with what the cloud measures.
	Tracking, Cloud Comparison
}

// Comparison is an agreement with the sentences that explain it.
type Comparison struct {
	Agreement Agreement
	Notes     []string
}

// When two counts that are taken one after the other are the same: within a
// tenth, or within a few. These are snattop's own.
const (
	sameShare = 0.1
	sameCount = 8
)

func same(a, b int) bool {
	d := a - b
	if d < 0 {
		d = -d
	}
	return d <= max(sameCount, int(sameShare*float64(max(a, b))))
}

// trackedTimeWait is for how long connection tracking keeps a closed
// connection: nf_conntrack_tcp_timeout_time_wait, 120 seconds by default
// (net/netfilter/nf_conntrack_proto_tcp.c).
const trackedTimeWait = 120 * time.Second

// CrossCheck holds what different means count of a node against each other. It
// is a function of the picture alone.
func CrossCheck(pic *session.Snapshot, n *session.Node) *Check {
	c := &Check{Tracking: Comparison{Agreement: Single}, Cloud: Comparison{Agreement: Single}}
	if pic == nil || n == nil {
		return c
	}
	if m := n.Measured; m != nil {
		c.Used, c.Allocated, c.At = m.TCP.Used, m.TCP.Allocated, m.At
		c.Failed = m.TCP.Failed
		if c.Failed == nil {
			c.Failed = m.Both.Failed
		}
	}
	if n.Conntrack != nil {
		c.Entries = ptr(int(min(n.Conntrack.Count, 1<<40)))
	}
	if n.Tracked != nil {
		own, other := 0, 0
		for _, t := range n.Tracked {
			if t.Local {
				own += t.TCP
			} else {
				other += t.TCP
			}
		}
		c.OwnEntries, c.OtherEntries = &own, &other
	}
	if n.LastTick.IsZero() {
		return c
	}
	s := newScene(pic, n)
	sockets := 0
	for _, t := range s.targets {
		if !t.IP.IsLoopback() {
			sockets += t.open + t.trying + t.timeWait
		}
	}
	c.Sockets = &sockets
	c.Estimate, c.Min, c.Max = ptr(n.Ports.Estimate), ptr(n.Ports.Min), ptr(n.Ports.Max)
	c.tracking(s)
	c.cloud(s)
	return c
}

func ptr[T any](v T) *T { return &v }

// tracking compares sockets with the node's own table.
func (c *Check) tracking(s *scene) {
	if c.OwnEntries == nil {
		return
	}
	sockets, own := *c.Sockets, *c.OwnEntries
	t := &c.Tracking
	if *c.OtherEntries > 0 {
		t.Notes = append(t.Notes, sentence("%s entries were opened from addresses that are not of this node: inbound connections, or those of machines behind it, whose sockets are elsewhere", num(*c.OtherEntries)))
	}
	if len(s.n.Scoped) > 0 {
		t.Agreement = Unexplained
		t.Notes = append(t.Notes, "only some pods are looked into, the table is of the whole node")
		return
	}
	switch closed := int(rate(s.n.ClosesPerSecond) * trackedTimeWait.Seconds()); {
	case same(sockets, own):
		t.Agreement = Agrees
	case own > sockets && own <= sockets+closed+max(sameCount, closed/2):
		t.Agreement = Explained
		t.Notes = append(t.Notes, sentence("%s entries are of connections that have closed: the table keeps them for up to %s, and %s a second close", num(own-sockets), span(trackedTimeWait), perSecond(s.n.ClosesPerSecond)))
	case own > sockets:
		t.Agreement = Unexplained
		t.Notes = append(t.Notes, sentence("%s entries have no socket: the table keeps what has ended without a word for hours", num(own-sockets)))
	default:
		t.Agreement = Unexplained
		t.Notes = append(t.Notes, sentence("%s sockets have no entry: they may leave by a way that is not tracked, such as eBPF host routing", num(sockets-own)))
	}
}

// cloud compares the estimate with what the cloud measures.
func (c *Check) cloud(s *scene) {
	if c.Used == nil {
		return
	}
	used, k := *c.Used, &c.Cloud
	late := s.pic.Time.Sub(c.At)
	then, known := s.then(c.At)
	switch {
	case same(used, *c.Estimate):
		k.Agreement = Agrees
	case used >= *c.Min && used <= *c.Max:
		k.Agreement = Agrees
		k.Notes = append(k.Notes, sentence("it lies between the bounds of %s and %s", num(*c.Min), num(*c.Max)))
	case known && same(used, then):
		k.Agreement = Explained
		k.Notes = append(k.Notes, sentence("the cloud's figure is of %s: then the estimate was %s", clock(c.At), num(then)))
	case used > *c.Max && c.OtherEntries != nil && used <= *c.Max+*c.OtherEntries:
		k.Agreement = Explained
		k.Notes = append(k.Notes, sentence("up to %s connections are tracked whose sockets are not on this node", num(*c.OtherEntries)))
	case used < *c.Min && s.n.Silent != nil && used >= *c.Min-s.n.Silent.AtLeast(s.timers.Idle):
		k.Agreement = Explained
		k.Notes = append(k.Notes, sentence("up to %s connections have been silent for %s or more: the balancer may have taken their ports back", num(s.n.Silent.AtLeast(s.timers.Idle)), span(s.timers.Idle)))
	default:
		k.Agreement = Unexplained
		k.Notes = append(k.Notes, "nothing that is seen here accounts for the difference")
	}
	if !c.At.IsZero() && late > 0 {
		k.Notes = append(k.Notes, sentence("the cloud's figure is %s old, and the mean of its minute", span(late)))
	}
	if problems := s.pic.Cloud; problems != nil && len(problems.Problems) > 0 {
		k.Notes = append(k.Notes, sanitize.Text(problems.Problems[0].Sentence))
	}
	k.Notes = slices.Clip(k.Notes)
}

// then is what the estimate was at a time, as far as the trend reaches.
func (s *scene) then(at time.Time) (ports int, ok bool) {
	ago := s.pic.Time.Sub(at)
	i := len(s.n.Trend) - 1 - int(ago/session.TrendStep)
	if at.IsZero() || ago < 0 || i < 0 || i >= len(s.n.Trend) {
		return 0, false
	}
	return s.n.Trend[i], true
}
