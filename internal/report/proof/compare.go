package proof

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/snat"
)

// Compare holds two reports beside each other, with the providers' documented
// timers. Neither is changed.
func Compare(before, after *report.Report) *Comparison {
	return CompareWith(before, after, snat.Timers{})
}

// CompareWith is Compare with those of the timers replaced that are set.
func CompareWith(before, after *report.Report, timers snat.Timers) *Comparison {
	return From(before, timers).Compare(after)
}

// Baseline is a report that others are compared with, one after the other.
type Baseline struct {
	side   *side
	timers snat.Timers
}

// From makes a baseline of a report. Timers that are set replace those of the
// provider.
func From(before *report.Report, timers snat.Timers) *Baseline {
	return &Baseline{side: newSide("before", before, timers), timers: timers}
}

// Compare holds a report beside the baseline. Neither is changed.
func (b *Baseline) Compare(after *report.Report) *Comparison {
	p := &pairing{before: b.side, after: newSide("after", after, b.timers)}
	c := &Comparison{
		Schema: Schema, Before: taken(p.before), After: taken(p.after), Cautions: []Caution{},
		Nodes: []Node{}, Workloads: []Workload{}, Pods: []Pod{}, Destinations: []Destination{},
	}
	if !p.before.at.IsZero() && !p.after.at.IsZero() {
		p.between = p.after.at.Sub(p.before.at)
		c.SecondsBetween = ptr(round(p.between.Seconds()))
		p.between = max(p.between, -p.between)
	} else {
		p.between = math.MaxInt64 // nothing is known to have stayed
	}
	p.rows(c)
	c.order()
	c.Cautions = append(c.Cautions, p.cautions(c)...)
	c.conclude()
	return c
}

func taken(s *side) Taken {
	return Taken{
		GeneratedAt: text(s.report.GeneratedAt), Window: s.report.Window, Context: text(s.report.Cluster.Context),
		Provider: text(s.report.Cluster.Provider), Hold: s.hold.Seconds(),
	}
}

// pairing is the two sides and the time between them.
type pairing struct {
	before, after *side
	between       time.Duration
	// openedMost is that of the side before, once it was asked for.
	openedMost map[string]*subject
	// briefly is what was said last of a side that was watched too briefly.
	briefly struct {
		side    *side
		seconds float64
		text    string
	}
}

func (p *pairing) rows(c *Comparison) {
	for _, name := range keysOf(p.before.nodeRows, p.after.nodeRows) {
		b, a := p.before.nodeRows[name], p.after.nodeRows[name]
		n := Node{Name: name, Row: p.row(b, a), Measured: pairOf(measuredOf(b), measuredOf(a)), Budget: pairOf(p.before.budget(name), p.after.budget(name))}
		n.decides = p.before.saw(name) || p.after.saw(name)
		c.Nodes = append(c.Nodes, n)
	}
	for _, key := range keysOf(p.before.workloads, p.after.workloads) {
		b, a := p.before.workloads[key], p.after.workloads[key]
		name, row := either(b, a).name, p.row(b, a)
		if row.empty() {
			continue
		}
		c.Workloads = append(c.Workloads, Workload{
			Namespace: name.namespace, Kind: name.kind, Name: name.workload, Pods: pairOf(podsOf(b), podsOf(a)), Row: row,
		})
	}
	for _, key := range keysOf(p.before.pods, p.after.pods) {
		b, a := p.before.pods[key], p.after.pods[key]
		name, row := either(a, b).name, p.row(b, a)
		if row.empty() {
			continue
		}
		c.Pods = append(c.Pods, Pod{Node: name.node, Namespace: name.namespace, Name: name.pod, Owner: name.workload, Row: row})
	}
	c.Destinations = slices.Grow(c.Destinations, max(len(p.before.destinations), len(p.after.destinations)))
	for key, b := range p.before.destinations {
		c.Destinations = append(c.Destinations, p.destination(b, p.after.destinations[key]))
	}
	for key, a := range p.after.destinations {
		if p.before.destinations[key] == nil {
			c.Destinations = append(c.Destinations, p.destination(nil, a))
		}
	}
}

func (p *pairing) destination(b, a *subject) Destination {
	of := either(b, a)
	row := p.row(b, a)
	row.Ports, row.Answer, row.Why = nil, row.Open.Answer, row.Open.Why
	return Destination{
		Namespace: of.name.namespace, Kind: of.name.kind, Workload: of.name.workload, Protocol: of.name.protocol, IP: of.name.ip, Port: of.name.port,
		Row: row, address: of.address,
	}
}

// empty reports whether a subject held and opened nothing on either side: it
// says nothing then, and every host has some.
func (r *Row) empty() bool {
	return r.Ports.Size()+r.Open.Size()+r.Opens.Size()+r.Fails.Size() == 0
}

func measuredOf(s *subject) *int {
	if s == nil {
		return nil
	}
	return s.measured
}

func keysOf(b, a map[string]*subject) []string {
	all := make(map[string]bool, max(len(b), len(a)))
	for k := range b {
		all[k] = true
	}
	for k := range a {
		all[k] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func either(a, b *subject) *subject {
	if a != nil {
		return a
	}
	return b
}

func podsOf(s *subject) *int {
	if s == nil {
		return ptr(0)
	}
	return &s.podCount
}

func pairOf(before, after *int) Pair {
	p := Pair{Before: before, After: after}
	if before != nil && after != nil {
		p.Change = change(float64(*before), float64(*after))
	}
	return p
}

// change is in percent; nil from nothing.
func change(before, after float64) *float64 {
	if before <= 0 {
		return nil
	}
	return ptr(math.Round(1000*(after-before)/before) / 10)
}

// row compares a subject; b or a is nil where a side does not have it.
func (p *pairing) row(b, a *subject) Row {
	blind := p.blind(b, a)
	ports := p.figure(b, a, portsOf, blind)
	row := Row{
		Ports: &ports,
		Open:  p.figure(b, a, openOf, blind),
		Opens: p.figure(b, a, opensOf, blind),
		Fails: p.figure(b, a, failsOf, blind),
	}
	row.Answer, row.Why = ports.Answer, ports.Why
	return row
}

// kind is which number of a subject is compared.
type kind int

const (
	portsOf kind = iota
	openOf
	opensOf
	failsOf
)

func (k kind) of(s *subject) *measure {
	switch k {
	case portsOf:
		return &s.ports
	case openOf:
		return &s.open
	case opensOf:
		return &s.opens
	case failsOf:
		return &s.fails
	default:
		return &measure{}
	}
}

// gauge reports whether the number is one of things that are there, not of
// things that happen.
func (k kind) gauge() bool { return k == portsOf || k == openOf }

// nodesOf is where a subject runs on either side, in order.
func nodesOf(b, a *subject) []string {
	switch {
	case b == nil:
		return a.nodes
	case a == nil || slices.Equal(b.nodes, a.nodes):
		return b.nodes
	}
	nodes := slices.Concat(b.nodes, a.nodes)
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// blind is why nothing about a subject can be compared; "" when it can.
func (p *pairing) blind(b, a *subject) string {
	nodes := nodesOf(b, a)
	for _, s := range []*side{p.before, p.after} {
		for _, name := range nodes {
			if see := s.nodes[name]; see != nil && see.unseen != "" {
				return fmt.Sprintf("%s was not seen %s: %s", name, s.word, see.unseen)
			}
		}
	}
	for _, name := range nodes {
		if was, is := p.before.nodes[name], p.after.nodes[name]; was != nil && is != nil && was.scoped != is.scoped {
			return fmt.Sprintf("not the same pods of %s were seen: %s before, %s after", name, cmp.Or(was.scoped, "all"), cmp.Or(is.scoped, "all"))
		}
	}
	if b == nil || a == nil {
		return "" // new or gone, which a gap does not change
	}
	for _, s := range []*side{p.before, p.after} {
		for _, name := range nodes {
			if see := s.nodes[name]; see != nil && !see.gap.IsZero() {
				return fmt.Sprintf("the collector of %s changed at %s, within the window %s", name, see.gap.UTC().Format("15:04:05Z"), s.word)
			}
		}
	}
	return ""
}

// figure compares one number of a subject.
func (p *pairing) figure(b, a *subject, k kind, blind string) Figure {
	var f Figure
	if b != nil {
		f.Before = k.of(b).value()
	}
	if a != nil {
		f.After = k.of(a).value()
	}
	if f.Before != nil && f.After != nil {
		f.Change = change(f.Before.Mean, f.After.Mean)
	}
	switch {
	case blind != "":
		f.Answer, f.Why = CannotTell, blind
		return f
	case b == nil:
		f.Answer = New
		return f
	case a == nil:
		f.Answer = Gone
		return f
	}
	mb, ma := k.of(b), k.of(a)
	why := p.unfit(p.before, b, mb, k)
	if why == "" {
		why = p.unfit(p.after, a, ma, k)
	}
	if why != "" {
		f.Answer, f.Why = CannotTell, why
		return f
	}
	if k.gauge() {
		judge(&f, k, gaugeNoise(mb, p.between), gaugeNoise(ma, p.between))
	} else {
		judge(&f, k, rateNoise(mb), rateNoise(ma))
	}
	p.doubt(&f, b, a, k)
	return f
}

// unfit is why a number of one side can be compared with nothing; "" when it
// can.
func (p *pairing) unfit(s *side, of *subject, m *measure, k kind) string {
	if k == failsOf {
		for _, name := range of.nodes {
			if see := s.nodes[name]; see != nil && !see.sight.Attempts {
				return fmt.Sprintf("%s of %s does not see attempts that fail (%s)", cmp.Or(see.collector, "the collector"), name, s.word)
			}
		}
	}
	switch {
	case s.old:
		return fmt.Sprintf("the report %s tells no levels: an older version wrote it; take it again", s.word)
	case !m.level:
		return fmt.Sprintf("not watched for long enough to tell (%s)", s.word)
	case m.seconds < shortest.Seconds():
		return p.brief(s, m.seconds)
	default:
		return ""
	}
}

// brief says that a side was watched too briefly. In a picture that has just
// begun that is so of everything, and for the same time.
func (p *pairing) brief(s *side, seconds float64) string {
	if p.briefly.side != s || p.briefly.seconds != seconds {
		p.briefly.side, p.briefly.seconds = s, seconds
		p.briefly.text = fmt.Sprintf("watched for %s s only (%s); it takes %d s", number(seconds), s.word, int(shortest.Seconds()))
	}
	return p.briefly.text
}

// doubt takes back an answer for which there is another explanation than a
// change of the load.
func (p *pairing) doubt(f *Figure, b, a *subject, k kind) {
	if k == portsOf && b.name == (nameOf{node: b.name.node}) { // a node's own number is what its budget cuts off
		_, f.fullBefore = full(b, p.before)
		_, f.fullAfter = full(a, p.after)
	}
	switch f.Answer {
	case Less:
		p.another(f, a, b, p.after, p.before, k)
	case More:
		p.another(f, b, a, p.before, p.after, k)
	case Same:
		p.sameDoubt(f, b, a, k)
	case CannotTell, New, Gone:
	}
}

// another looks for what else may have made the side that shows few show so.
func (p *pairing) another(f *Figure, few, many *subject, fewSide, manySide *side, k kind) {
	if name, ok := worseSight(few, fewSide, manySide); ok && k != failsOf && k != openOf {
		f.Answer, f.Why = CannotTell, fmt.Sprintf("%s misses connections that come and go between two looks, so fewer are seen %s on %s",
			cmp.Or(fewSide.nodes[name].collector, "the collector"), fewSide.word, name)
		return
	}
	if k != portsOf {
		return
	}
	if name, ok := full(few, fewSide); ok {
		f.Answer, f.Why = CannotTell, fmt.Sprintf("%s had no port left %s, so it cannot be told how many it would have used", name, fewSide.word)
		return
	}
	diff, _ := f.Difference()
	if few.ports.unwatched > 0 && math.Abs(diff)-few.ports.unwatched <= *f.Beyond {
		f.Answer, f.Why = CannotTell, unwatched(few, fewSide)
		return
	}
	if name, ok := full(many, manySide); ok {
		f.Why = fmt.Sprintf("%s had no port left %s: the difference is at least this", name, manySide.word)
	}
}

func unwatched(s *subject, on *side) string {
	return fmt.Sprintf("watched for %s s only %s: ports are held for %s s after a close, so up to %s more may be in use",
		number(on.watch(s)), on.word, number(on.hold.Seconds()), number(s.ports.unwatched))
}

// sameDoubt asks whether two numbers that look the same still would if both
// sides had been watched for as long as ports are held.
func (p *pairing) sameDoubt(f *Figure, b, a *subject, k kind) {
	if k != portsOf {
		return
	}
	hidden, on := b, p.before
	if a.ports.unwatched > b.ports.unwatched {
		hidden, on = a, p.after
	}
	wb, wa := b.ports.mean+b.ports.unwatched, a.ports.mean+a.ports.unwatched
	if math.Abs(wa-wb) > max(*f.Beyond, doubtful*max(wa, wb)) {
		f.Answer, f.Why = CannotTell, unwatched(hidden, on)
		return
	}
	if f.fullBefore && f.fullAfter {
		f.Why = "no port was left before and after: how many more were wanted is not known"
	}
}

// worseSight names a node on which the side that shows fewer does not see
// every event, while the other side does.
func worseSight(few *subject, fewSide, manySide *side) (string, bool) {
	for _, name := range few.nodes {
		see := fewSide.nodes[name]
		if see == nil || see.sight.Events {
			continue
		}
		if other := manySide.nodes[name]; other != nil && other.sight.Events {
			return name, true
		}
	}
	return "", false
}

// full names a node of the subject that had no port left.
func full(s *subject, on *side) (string, bool) {
	for _, name := range s.nodes {
		if see := on.nodes[name]; see != nil && see.full {
			return name, true
		}
	}
	return "", false
}

// order puts what is worst first.
func (c *Comparison) order() {
	c.Nodes = worstFirst(c.Nodes, func(n *Node) *Row { return &n.Row }, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
	c.Workloads = worstFirst(c.Workloads, func(w *Workload) *Row { return &w.Row }, func(a, b *Workload) int { return cmp.Compare(a.Title(), b.Title()) })
	c.Pods = worstFirst(c.Pods, func(p *Pod) *Row { return &p.Row }, func(a, b *Pod) int { return cmp.Compare(a.Title(), b.Title()) })
	c.Destinations = worstFirst(c.Destinations, func(d *Destination) *Row { return &d.Row }, (*Destination).compareNames)
}

// compareNames orders destinations by their titles, and those of one title by
// what it does not say. A title is long, and is not written where addresses
// differ.
func (d *Destination) compareNames(o *Destination) int {
	if c := cmp.Or(cmp.Compare(d.address, o.address), cmp.Compare(d.Protocol, o.Protocol)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(d.Whose(), o.Whose()), cmp.Compare(d.Kind, o.Kind), cmp.Compare(d.Namespace, o.Namespace), cmp.Compare(d.Workload, o.Workload))
}

// Headline is the figure that a row's answer is of.
func (r *Row) Headline() *Figure {
	if r.Ports == nil {
		return &r.Open
	}
	return r.Ports
}
