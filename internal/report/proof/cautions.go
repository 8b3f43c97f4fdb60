package proof

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/session"
)

// mostCautions bounds the cautions of one kind; the rest are counted.
const mostCautions = 5

// cautions are what one should know before believing the comparison.
func (p *pairing) cautions(c *Comparison) []Caution {
	out := p.aboutSides(c)
	out = append(out, few(budgets(c), "more nodes have another budget")...)
	out = append(out, few(p.traffic(c), "more workloads open fewer connections")...)
	out = append(out, few(podCounts(c), "more workloads have another number of pods")...)
	out = append(out, few(newcomers(c), "more workloads are new")...)
	out = append(out, failures(c)...)
	return append(out, chance(c)...)
}

// few keeps the first of a kind, and counts the rest.
func few(list []Caution, rest string) []Caution {
	if n := len(list) - mostCautions; n > 0 {
		list = append(list[:mostCautions:mostCautions], Caution{Text: fmt.Sprintf("%d %s", n, rest)})
	}
	return list
}

// aboutSides says what is odd about the two sides themselves.
func (p *pairing) aboutSides(c *Comparison) []Caution {
	var out []Caution
	say := func(format string, args ...any) { out = append(out, Caution{Text: fmt.Sprintf(format, args...)}) }
	if p.before.at.After(p.after.at) && !p.after.at.IsZero() {
		say("the first was taken %s after the second: are they swapped?", span(p.between))
	}
	if b, a := c.Before.Context, c.After.Context; b != a {
		say("they are of two clusters: %q and %q", b, a)
	}
	if b, a := c.Before.Provider, c.After.Provider; b != a {
		say("the provider was %s and is %s, which keeps ports for another time", b, a)
	}
	if hold := p.after.hold; p.between > 0 && p.between < hold {
		say("taken %s apart: ports are held for %s after a close, so numbers of ports may still fall", span(p.between), span(hold))
	}
	for _, s := range []*side{p.before, p.after} {
		if l := s.report.Loss; l.EventsLost > 0 || l.DestinationsDropped > 0 {
			say("%s, %d events and %d destinations were lost before they were counted", s.word, l.EventsLost, l.DestinationsDropped)
		}
	}
	if gone, fresh := countNodes(c); gone+fresh > 0 {
		say("nodes that are gone: %d, new: %d; load may have moved between nodes", gone, fresh)
	}
	if n := neverSeen(c); n > 0 {
		say("%s, on neither side: nothing is said of what runs there", unseenNodes(n))
	}
	return out
}

func neverSeen(c *Comparison) int {
	n := 0
	for i := range c.Nodes {
		if !c.Nodes[i].decides {
			n++
		}
	}
	return n
}

func unseenNodes(n int) string {
	if n == 1 {
		return "1 node was not seen"
	}
	return number(float64(n)) + " nodes were not seen"
}

func countNodes(c *Comparison) (gone, fresh int) {
	for i := range c.Nodes {
		switch c.Nodes[i].Answer {
		case Gone:
			gone++
		case New:
			fresh++
		case Less, More, Same, CannotTell:
		}
	}
	return gone, fresh
}

func budgets(c *Comparison) []Caution {
	var out []Caution
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if b, a := n.Budget.Before, n.Budget.After; b != nil && a != nil && *b != *a {
			out = append(out, Caution{Subject: "node/" + n.Name, Text: fmt.Sprintf("its budget was %s ports and is %s", number(float64(*b)), number(float64(*a)))})
		}
	}
	return out
}

// traffic says where ports fell together with new connections: reuse does
// that, and so does less traffic.
func (p *pairing) traffic(c *Comparison) []Caution {
	var out []Caution
	for i := range c.Workloads {
		w := &c.Workloads[i]
		if w.Ports.Answer != Less || w.Opens.Answer != Less {
			continue
		}
		text := opensWord + " fell as well: " + w.Opens.arrow(false, "/s")
		if life := p.livesLonger(w); life != "" {
			text += "; " + life + ", so they are reused"
		} else {
			text += ": reuse of connections does that, and so does less traffic; check that requests are as many as before"
		}
		out = append(out, Caution{Subject: "workload/" + w.Title(), Text: text})
	}
	return out
}

// longerBy is by how much a median life must have grown to be called longer:
// lives are counted in powers of two, so one step may be a matter of rounding.
const longerBy = 4

// livesLonger is the evidence of reuse where the collector sees lives: at the
// destination that was opened most before, connections now live longer. That
// they do not is no evidence: lives are counted from when the collector began.
func (p *pairing) livesLonger(w *Workload) string {
	if p.openedMost == nil {
		p.openedMost = p.before.openedMost()
	}
	was := p.openedMost[workloadKey(nameOf{namespace: w.Namespace, kind: w.Kind, workload: w.Name})]
	var is *subject
	if was != nil {
		is = p.after.destinations[was.destKey()]
	}
	if was == nil || is == nil || is.life == 0 || was.life == math.MaxInt64 || is.life/longerBy < was.life {
		return ""
	}
	return fmt.Sprintf("half of the connections to %s live for %s, %s before", was.address, life(is.life), life(was.life))
}

// openedMost is the destination that each workload opened most often, of those
// with lives; of several the first by address.
func (s *side) openedMost() map[string]*subject {
	out := make(map[string]*subject, len(s.workloads))
	for _, d := range s.destinations {
		if d.life == 0 {
			continue
		}
		key := workloadKey(d.name)
		was := out[key]
		if was == nil || cmp.Or(cmp.Compare(d.opens.mean, was.opens.mean), cmp.Compare(was.address, d.address), cmp.Compare(was.name.protocol, d.name.protocol)) > 0 {
			out[key] = d
		}
	}
	return out
}

func life(below int64) string {
	if below == math.MaxInt64 {
		return "more than an hour"
	}
	return session.Span{Below: time.Duration(below) * time.Millisecond}.String()
}

func podCounts(c *Comparison) []Caution {
	var out []Caution
	for i := range c.Workloads {
		w := &c.Workloads[i]
		if b, a := w.Pods.Before, w.Pods.After; b != nil && a != nil && *b > 0 && *a > 0 && *b != *a && w.Ports.Size() > blockPorts {
			out = append(out, Caution{Subject: "workload/" + w.Title(), Text: fmt.Sprintf("its connections were of %s and are of %s: sums of another number of pods", pods(*b), pods(*a))})
		}
	}
	return out
}

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return number(float64(n)) + " pods"
}

// newcomers are workloads that were not there and hold ports: load may have
// moved to them.
func newcomers(c *Comparison) []Caution {
	var list []*Workload
	for i := range c.Workloads {
		if w := &c.Workloads[i]; w.Answer == New && w.Ports.Size() > blockPorts {
			list = append(list, w)
		}
	}
	slices.SortStableFunc(list, func(a, b *Workload) int {
		return cmp.Or(cmp.Compare(b.Ports.Size(), a.Ports.Size()), cmp.Compare(a.Title(), b.Title()))
	})
	out := make([]Caution, 0, len(list))
	for _, w := range list {
		_, a := w.Ports.Texts(true)
		out = append(out, Caution{Subject: "workload/" + w.Title(), Text: "it is new and holds " + a + " ports: load may have moved to it"})
	}
	return out
}

// failures says that failed connections cannot be compared, once, when nothing
// else says so.
func failures(c *Comparison) []Caution {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Fails.Answer == CannotTell && n.Answer != CannotTell {
			return []Caution{{Subject: "node/" + n.Name, Text: failsWord + " cannot be compared: " + n.Fails.Why}}
		}
	}
	return nil
}

// chance counts the rows that look worse and are not counted, because among so
// many some do by chance.
func chance(c *Comparison) []Caution {
	all := c.candidates()
	compared, shy := compared(all), 0
	for _, a := range all {
		if a.figure.Answer == More && !a.figure.convincing(compared) {
			shy++
		}
	}
	if shy == 0 {
		return nil
	}
	return []Caution{{Text: fmt.Sprintf("%d of %d figures say more by little: too little, among so many, to call the whole worse", shy, compared)}}
}

// span writes a duration in seconds, minutes or hours.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return number(math.Round(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return number(math.Round(d.Minutes())) + " min"
	default:
		return number(math.Round(d.Hours())) + " h"
	}
}
