package proof

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// side is one of the two reports, looked up by subject.
type side struct {
	word   string
	at     time.Time
	report *report.Report
	// hold is how long a port is kept after its connection has closed.
	hold time.Duration
	// old means that the report has no levels at all.
	old bool

	nodes        map[string]*nodeSight
	nodeRows     map[string]*subject
	workloads    map[string]*subject
	pods         map[string]*subject
	destinations map[destKey]*subject
}

// destKey is a destination of a workload.
type destKey struct{ namespace, kind, workload, address, protocol string }

// nodeSight is how well a node was seen.
type nodeSight struct {
	// unseen is why there are no numbers, "" when there are.
	unseen string
	sight  session.Sight
	// collector is who looked.
	collector string
	// scoped is the pods that were seen where not the whole node was; "" when it
	// was.
	scoped string
	// gap is when the collector changed, if that was within the window.
	gap time.Time
	// full means that the node had no port left, so that nobody knows what it
	// would have used.
	full   bool
	budget *int
}

// scope writes the pods that were seen of a node, in one order.
func scope(pods []string) string {
	pods = slices.Clone(pods)
	slices.Sort(pods)
	return text(strings.Join(pods, ", "))
}

// saw reports whether a node has numbers.
func (s *side) saw(node string) bool {
	see := s.nodes[node]
	return see != nil && see.unseen == ""
}

// budget is a node's, nil where it is not known.
func (s *side) budget(node string) *int {
	if see := s.nodes[node]; see != nil {
		return see.budget
	}
	return nil
}

// subject is a node, a workload, a pod or a destination on one side.
type subject struct {
	name nameOf
	// nodes is where it runs, in order. It may be another's as well, and is
	// appended to without room.
	nodes []string
	// podCount is the number of pods of a workload.
	podCount int

	ports, open, opens, fails measure
	// closes are events a second, of pods.
	closes float64
	// life is below what half of a destination's connections lived, in
	// milliseconds: of several pods the shortest; 0 when it is not known.
	life int64
	// measured is the cloud's own figure of a node.
	measured *int
	// address is that of a destination, with its port.
	address string
}

func (s *subject) destKey() destKey {
	return destKey{s.name.namespace, s.name.kind, s.name.workload, s.address, s.name.protocol}
}

// nameOf is everything that a subject is called.
type nameOf struct {
	node, namespace, kind, workload, pod string
	protocol, ip                         string
	port                                 uint16
}

// newSide indexes a report.
func newSide(word string, r *report.Report, timers snat.Timers) *side {
	s := &side{
		word: word, report: r, hold: hold(r, timers), old: true,
		nodes: make(map[string]*nodeSight, len(r.Nodes)), nodeRows: make(map[string]*subject, len(r.Nodes)),
		workloads: make(map[string]*subject), pods: make(map[string]*subject, len(r.Pods)), destinations: make(map[destKey]*subject, len(r.Destinations)),
	}
	if at, err := time.Parse(time.RFC3339, r.GeneratedAt); err == nil {
		s.at = at
	}
	for i := range r.Nodes {
		s.old = s.old && r.Nodes[i].Levels == nil
		s.addNode(&r.Nodes[i])
	}
	for i := range r.Pods {
		s.addPod(&r.Pods[i])
	}
	s.watched()
	owners := s.owners()
	for i := range r.Destinations {
		s.addDestination(&r.Destinations[i], owners)
	}
	settle(s.workloads)
	settle(s.pods)
	settle(s.destinations)
	// A baseline is kept for long: what was looked up by subject is not kept twice.
	head := *r
	head.Nodes, head.Pods, head.Destinations, head.Findings = nil, nil, nil, nil
	s.report = &head
	return s
}

// settle puts the nodes of subjects in order, each once.
func settle[K comparable](all map[K]*subject) {
	for _, one := range all {
		if len(one.nodes) > 1 {
			slices.Sort(one.nodes)
			one.nodes = slices.Compact(one.nodes)
		}
	}
}

// hold is how long the provider keeps a port of a connection that has ended.
func hold(r *report.Report, timers snat.Timers) time.Duration {
	return snat.Provider(r.Cluster.Provider).Timers().With(timers).FIN
}

// recent is for how long after a change of collectors the levels still hold
// what the one before counted.
const recent = steady

func (s *side) addNode(n *report.Node) {
	name := text(n.Name)
	see := &nodeSight{
		sight: session.SightOf(n.Collector), collector: text(n.Collector),
		budget: n.Ports.Budget, scoped: scope(n.Scoped),
	}
	if session.State(n.State) != session.StateStreaming {
		see.unseen = text(n.Error)
		if see.unseen == "" {
			see.unseen = text(n.State)
		}
	} else if n.Ports.Estimate == nil {
		see.unseen = "no numbers yet"
	}
	if n.Ports.Budget != nil && n.Ports.Estimate != nil {
		see.full = *n.Ports.Estimate >= *n.Ports.Budget || snat.Verdict(n.Verdict) == snat.Exhausted
	}
	for _, h := range n.Handovers {
		if at, err := time.Parse(time.RFC3339, h.At); err == nil && !s.at.IsZero() && s.at.Sub(at) < recent {
			see.gap = at
		}
	}
	s.nodes[name] = see
	row := &subject{name: nameOf{node: name}, nodes: []string{name}, measured: n.Ports.MeasuredUsed}
	l := orEmpty(n.Levels)
	row.opens = rateOf(l.Opens, n.OpensPerSecond)
	row.fails = rateOf(l.Fails, n.FailedPerSecond)
	row.ports = gaugeOf(l.Ports, n.Ports.Estimate, row.opens)
	row.open = gaugeOf(l.Open, nil, row.opens)
	s.nodeRows[name] = row
}

func (s *side) addPod(p *report.Pod) {
	name := nameOf{node: text(p.Node), namespace: text(p.Namespace), kind: text(p.Owner.Kind), workload: text(p.Owner.Name), pod: text(p.Name)}
	l := orEmpty(p.Levels)
	one := subject{name: name, nodes: s.only(name.node), podCount: 1, closes: p.ClosesPerSecond}
	one.opens = rateOf(l.Opens, &p.OpensPerSecond)
	one.fails = rateOf(l.Fails, p.FailedPerSecond)
	one.ports = gaugeOf(l.Ports, p.Ports.Estimate, one.opens)
	one.open = gaugeOf(l.Open, nil, one.opens)

	s.unwatched(&one.ports, one.closes, name.node)
	key, whose := podKey(name), workloadOf(name)
	if s.nodes[name.node] == nil { // a report without its nodes says nothing of how they were seen
		s.nodes[name.node] = &nodeSight{unseen: "the report does not hold it"}
	}
	pod := one
	if name.pod == "" {
		pod.name = nameOf{node: name.node, kind: name.kind, workload: name.workload}
	}
	merge(s.pods, key, &pod)
	one.name = whose
	merge(s.workloads, workloadKey(whose), &one)
}

// only is a node as the nodes of a subject, for all that run on it alone.
func (s *side) only(node string) []string {
	if row := s.nodeRows[node]; row != nil {
		return row.nodes[:1:1]
	}
	return []string{node}
}

// merge adds a subject to the one of that key.
func merge[K comparable](to map[K]*subject, key K, one *subject) {
	sum := to[key]
	if sum == nil {
		kept := *one
		to[key] = &kept
		return
	}
	if sum.nodes[len(sum.nodes)-1] != one.nodes[0] {
		sum.nodes = append(sum.nodes, one.nodes...)
	}
	sum.podCount += one.podCount
	sum.ports.add(one.ports)
	sum.open.add(one.open)
	sum.opens.add(one.opens)
	sum.fails.add(one.fails)
	if one.life > 0 && (sum.life == 0 || one.life < sum.life) {
		sum.life = one.life
	}
}

// watched works out how many ports of nodes may be held by connections that
// closed before anybody looked.
func (s *side) watched() {
	type sums struct{ opens, closes float64 }
	byNode := make(map[string]sums, len(s.nodeRows))
	for i := range s.report.Pods {
		p := &s.report.Pods[i]
		sum := byNode[text(p.Node)]
		sum.opens += p.OpensPerSecond
		sum.closes += p.ClosesPerSecond
		byNode[text(p.Node)] = sum
	}
	for name, row := range s.nodeRows {
		ends := row.opens.mean
		// A filtered report lacks pods; then what opens is what ends, as in any
		// steady load.
		if sum := byNode[name]; sum.opens >= 0.9*row.opens.point {
			ends = sum.closes
		}
		s.unwatched(&row.ports, ends, name)
	}
}

// unwatched sets how many more ports may be held of a part of a node. What
// began to be seen later than its node did is new, and hides nothing.
func (s *side) unwatched(m *measure, ends float64, node string) {
	if !m.level {
		return
	}
	m.unwatched = ends * max(s.hold.Seconds()-s.seconds(node), 0)
	if see := s.nodes[node]; see != nil && see.budget != nil {
		m.unwatched = min(m.unwatched, max(float64(*see.budget)-m.mean, 0))
	}
}

// watch is for how long the nodes of a subject were watched: the shortest.
func (s *side) watch(of *subject) float64 {
	least := math.Inf(1)
	for _, name := range of.nodes {
		least = min(least, s.seconds(name))
	}
	return least
}

// owners leads from a destination's pod to its workload.
func (s *side) owners() map[nameOf]nameOf {
	out := make(map[nameOf]nameOf, len(s.report.Pods))
	for i := range s.report.Pods {
		p := &s.report.Pods[i]
		if p.Name == "" {
			continue
		}
		name := nameOf{node: text(p.Node), namespace: text(p.Namespace), kind: text(p.Owner.Kind), workload: text(p.Owner.Name), pod: text(p.Name)}
		out[nameOf{node: name.node, namespace: name.namespace, pod: name.pod}] = workloadOf(name)
	}
	return out
}

// hostKind is the kind of what belongs to no pod: a destination does not say
// which of the host's processes it is of.
const hostKind = "host"

func (s *side) addDestination(d *report.Destination, owners map[nameOf]nameOf) {
	if !d.Eligible {
		return
	}
	pod := nameOf{node: text(d.Node), namespace: text(d.Namespace), pod: text(d.Pod)}
	whose, ok := owners[pod]
	switch {
	case pod.pod == "":
		whose = nameOf{kind: hostKind, workload: "host processes"}
	case !ok:
		whose = workloadOf(pod)
	}
	one := subject{name: whose, nodes: s.only(pod.node), podCount: 1, ports: measure{level: true}}
	one.name.protocol, one.name.ip, one.name.port = text(d.Protocol), text(d.IP), d.Port
	l := orEmpty(d.Levels)
	one.opens = rateOf(l.Opens, &d.OpensPerSecond)
	one.fails = rateOf(l.Fails, d.FailedPerSecond)
	one.open = gaugeOf(l.Open, &d.Established, one.opens)
	if d.Levels != nil && l.Open == nil && l.Opens == nil {
		// Few connections have no history: what they are now stands in, with
		// what chance makes of so few.
		seconds := s.seconds(pod.node)
		one.open.momentary(seconds)
		one.opens.momentary(seconds)
		if d.FailedPerSecond != nil {
			one.fails.momentary(seconds)
		}
	}
	if d.Life != nil {
		one.life = math.MaxInt64 // longer than the histogram reaches
		if d.Life.P50 != nil {
			one.life = max(*d.Life.P50, 1)
		}
	}
	one.address = one.name.address()
	merge(s.destinations, one.destKey(), &one)
}

// seconds is for how long a node's levels were watched.
func (s *side) seconds(node string) float64 {
	if row := s.nodeRows[node]; row != nil && row.ports.level {
		return row.ports.seconds
	}
	return 0
}

func workloadOf(name nameOf) nameOf {
	switch {
	case name.workload != "":
		return nameOf{namespace: name.namespace, kind: name.kind, workload: name.workload}
	default: // a pod that nothing made
		return nameOf{namespace: name.namespace, kind: "Pod", workload: name.pod}
	}
}

func workloadKey(n nameOf) string { return n.namespace + "\x00" + n.kind + "\x00" + n.workload }

func podKey(n nameOf) string {
	if n.pod == "" {
		return n.node + "\x00\x00" + n.kind + "\x00" + n.workload
	}
	return n.namespace + "\x00" + n.pod
}

func (n nameOf) address() string {
	if ip, err := netip.ParseAddr(n.ip); err == nil {
		return netip.AddrPortFrom(ip, n.port).String()
	}
	return n.ip + ":" + strconv.Itoa(int(n.port))
}

func orEmpty(l *report.Levels) report.Levels {
	if l == nil {
		return report.Levels{}
	}
	return *l
}

// text makes what a file says safe to show; names in a report of our own are
// clean already.
func text(s string) string {
	const most = 512
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return sanitize.Text(s)
}
