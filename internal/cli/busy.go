package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// What counts as a burst. The floors keep noise on a quiet node from passing
// for one, the factor that on a busy node.
const (
	// quietLooks is how many looks the quiet level is the highest of: at one
	// tick a second about the time that a rate remembers.
	quietLooks = 5
	// burstFactor is how often the quiet level a burst is at the least.
	burstFactor = 2
	// burstOpens is how many more connections a second a burst opens: 1024
	// ports, the default of a node in an Azure backend pool of up to 50, are
	// each held for 240 s after a close (azure-docs load-balancer/*), so 4.3
	// a second to one destination use them all up.
	burstOpens = 5.0
	// burstFlows is how many more connections a burst holds or waits for: the
	// smallest number of ports that a node commonly has, Google Cloud NAT's
	// 64 (Cloud NAT, "minimum ports per VM", static allocation).
	burstFlows = 64
	// lookEvery is the least time between two looks while nothing happens.
	lookEvery = 500 * time.Millisecond
)

// Bounds of --until-busy.
const (
	defaultBusy = time.Hour
	maxBusy     = 24 * time.Hour
)

// busyFlag is --until-busy: how long to wait for a burst, 0 for not at all.
type busyFlag time.Duration

var _ pflag.Value = (*busyFlag)(nil)

// addBusy adds the flag; given alone it waits for an hour.
func addBusy(fs *pflag.FlagSet, f *busyFlag, what string) {
	fs.Var(f, "until-busy", "wait for a burst first, for this long at the most; then "+what+" for --duration")
	fs.Lookup("until-busy").NoOptDefVal = defaultBusy.String()
}

// String implements pflag.Value.
func (f *busyFlag) String() string {
	if *f == 0 {
		return "" // shown as no default
	}
	return time.Duration(*f).String()
}

// Type implements pflag.Value.
func (*busyFlag) Type() string { return "duration" }

// Set implements pflag.Value. A configuration file says true, not 1h.
func (f *busyFlag) Set(s string) error {
	if on, err := strconv.ParseBool(s); err == nil {
		*f = 0
		if on {
			*f = busyFlag(defaultBusy)
		}
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d > maxBusy {
		return fmt.Errorf("use 1s to %s, such as --until-busy=30m", maxBusy)
	}
	*f = busyFlag(d)
	return nil
}

// level is what an owner, or all of a node, does at a look.
type level struct {
	opens float64 // connections a second
	flows int     // open and attempting
}

func levelOf(c *session.Counts) level {
	return level{opens: c.OpensPerSecond, flows: c.Open + c.Trying}
}

// quiet is the level that an owner has while there is no burst. It follows
// downwards only: what grows slowly is a burst in the end, and one that was
// under way at the first look does not hide the next.
type quiet struct {
	known  bool
	low    level
	newest []level
}

func (q *quiet) add(l level) {
	if q.newest = append(q.newest, l); len(q.newest) > quietLooks {
		q.newest = q.newest[1:]
	}
	if len(q.newest) < quietLooks {
		return
	}
	var top level
	for _, l := range q.newest {
		top = level{max(top.opens, l.opens), max(top.flows, l.flows)}
	}
	if q.known {
		top = level{min(top.opens, q.low.opens), min(top.flows, q.low.flows)}
	}
	q.known, q.low = true, top
}

// exceeded says in which way a level is a burst; "" when it is none.
func (q *quiet) exceeded(l level) string {
	switch {
	case !q.known:
		return ""
	case l.opens >= q.low.opens+burstOpens && l.opens >= burstFactor*q.low.opens:
		return fmt.Sprintf("opens %.1f connections a second, %.1f while quiet", l.opens, q.low.opens)
	case l.flows >= q.low.flows+burstFlows && l.flows >= burstFactor*q.low.flows:
		return fmt.Sprintf("holds or waits for %d connections, %d while quiet", l.flows, q.low.flows)
	default:
		return ""
	}
}

// burst finds the beginning of a burst in picture after picture.
type burst struct {
	scope report.Filter
	nodes map[string]*lookedAt
}

// lookedAt is what a burst remembers of a node.
type lookedAt struct {
	tick   time.Time
	looks  int
	all    *quiet
	owners map[session.Key]*quiet
}

func newBurst(scope report.Filter) *burst { return &burst{scope: scope, nodes: map[string]*lookedAt{}} }

// look returns what shows that a burst is under way, or "".
func (b *burst) look(pic *session.Snapshot) string {
	seen := make(map[string]*lookedAt, len(pic.Nodes))
	why := ""
	for _, n := range pic.Nodes {
		if !b.covers(n) {
			continue
		}
		at := b.nodes[n.Name]
		if at == nil {
			at = &lookedAt{all: &quiet{}}
		}
		seen[n.Name] = at
		// Old numbers tell nothing of now, and those of one tick count once.
		if n.State != session.StateStreaming || !n.LastTick.After(at.tick) {
			continue
		}
		at.tick = n.LastTick
		if found := b.node(n, at); why == "" {
			why = found
		}
	}
	b.nodes = seen
	return why
}

// covers reports whether a node is one that the flags select.
func (b *burst) covers(n *session.Node) bool {
	return !n.LeftOut && (b.scope.Node == "" || b.scope.Node == n.Name || b.scope.Node == n.InternalIP)
}

// wants reports whether an owner is one that the flags select.
func (b *burst) wants(o *session.Owner) bool {
	return (b.scope.Namespace == "" || b.scope.Namespace == o.Namespace) && (b.scope.Pod == "" || b.scope.Pod == o.Name)
}

// node looks at one node's new numbers.
func (b *burst) node(n *session.Node, at *lookedAt) string {
	var (
		why     string
		all     level
		holds   = b.scope.Namespace == "" && b.scope.Pod == ""
		owners  = make(map[session.Key]*quiet, len(n.Owners))
		learned = at.looks >= quietLooks
	)
	for _, o := range n.Owners {
		if !b.wants(o) {
			continue
		}
		l := levelOf(&o.Counts)
		all.opens, all.flows = all.opens+l.opens, all.flows+l.flows
		holds = holds || l.flows+o.Cooling > 0
		if why == "" {
			why = batchAtWork(o)
		}
		if !n.Counting() {
			continue
		}
		q := at.owners[o.Key]
		if q == nil {
			// Who comes after the quiet level was learned had none.
			q = &quiet{known: learned}
		}
		owners[o.Key] = q
		if how := q.exceeded(l); how != "" && why == "" {
			why = fmt.Sprintf("%s on %s %s", o.Title(), n.Name, how)
		}
		q.add(l)
	}
	at.owners = owners
	if n.Counting() {
		at.looks++
		if how := at.all.exceeded(all); how != "" && why == "" {
			why = n.Name + " in all " + how
		}
		at.all.add(all)
	}
	// A node that lacks ports already shows what there is to see.
	if holds && (n.Verdict == snat.Exhausted || n.Verdict == snat.Pressured) {
		return fmt.Sprintf("%s is %s", n.Name, n.Verdict)
	}
	return why
}

// batchAtWork says that a pod of a Job makes connections. It needs no quiet
// level: the pod is there for its work only.
func batchAtWork(o *session.Owner) string {
	if !o.Workload.Batch() {
		return ""
	}
	switch {
	case o.OpensPerSecond > 0:
		return fmt.Sprintf("%s (%s) on %s opens %.1f connections a second", o.Title(), o.Workload, o.Node, o.OpensPerSecond)
	case o.Trying > 0:
		return fmt.Sprintf("%s (%s) on %s waits for %d connections", o.Title(), o.Workload, o.Node, o.Trying)
	default:
		return ""
	}
}

// unseen says why a burst cannot be seen: no node of the scope has numbers. It
// is "" when one has.
func (b *burst) unseen(pic *session.Snapshot) string {
	why := ""
	for _, n := range pic.Nodes {
		if !b.covers(n) {
			continue
		}
		if !n.LastTick.IsZero() {
			return ""
		}
		if why == "" {
			why = fmt.Sprintf("%s is %s", n.Name, n.State)
			if n.Error != "" {
				why += ": " + n.Error
			}
		}
	}
	switch {
	case why != "":
		return "no node can be seen; " + why
	case pic.Problem != "" && len(pic.Nodes) == 0:
		return pic.Problem
	case b.scope.Node != "":
		return fmt.Sprintf("there is no node %q; 'kubectl get nodes -o wide' lists names and addresses", b.scope.Node)
	default:
		return "there is no node to look at"
	}
}

// where names the scope: "in namespace batch on node n1".
func (b *burst) where() string {
	var text []string
	switch {
	case b.scope.Pod != "" && b.scope.Namespace != "":
		text = append(text, "in pod "+b.scope.Namespace+"/"+b.scope.Pod)
	case b.scope.Pod != "":
		text = append(text, "in pod "+b.scope.Pod)
	case b.scope.Namespace != "":
		text = append(text, "in namespace "+b.scope.Namespace)
	}
	switch {
	case b.scope.Node != "":
		text = append(text, "on node "+b.scope.Node)
	case len(text) == 0:
		text = append(text, "on any node")
	}
	return strings.Join(text, " ")
}
