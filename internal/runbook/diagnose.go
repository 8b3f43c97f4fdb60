package runbook

import (
	"cmp"
	"slices"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Diagnosis is what is known of every cause on one node.
type Diagnosis struct {
	// Node and Verdict are the node's.
	Node    string
	Verdict snat.Verdict
	// Seen is false when the node has no numbers: then nothing is known.
	Seen bool
	// Answers holds one answer for every cause, in the order of Causes.
	Answers []Answer

	scene *scene
}

// Diagnose looks for every cause on a node. It is a function of the picture
// alone and never writes to it. A nil picture or node is one that was not
// seen.
func Diagnose(pic *session.Snapshot, n *session.Node) *Diagnosis {
	d := &Diagnosis{Verdict: snat.Unknown}
	if pic == nil || n == nil {
		d.blind("there is no such node")
		return d
	}
	d.Node, d.Verdict = sanitize.Text(n.Name), n.Verdict
	if n.LastTick.IsZero() {
		d.blind("no numbers from this node: " + cmp.Or(sanitize.Text(n.Error), sanitize.Text(n.Progress), string(n.State)))
		return d
	}
	d.Seen = true
	d.scene = newScene(pic, n)
	d.look()
	return d
}

// look asks for the causes. Those that others lean on come first.
func (d *Diagnosis) look() {
	s := d.scene
	churn, leak := s.churn(), s.leak()
	conntrack := s.conntrack()
	hot := s.hot()
	halved := s.halved()
	dns := s.dns()
	small := s.small(hot, halved, dns)
	found := map[Cause]Answer{
		NoPooling: churn, Leak: leak, HotDestination: hot, BudgetTooSmall: small, AllocationHalved: halved,
		ConntrackFull: conntrack, DeadDestination: s.dead(conntrack), DNS: dns, EphemeralPorts: s.ephemeral(),
	}
	for _, c := range Causes() {
		a := found[c]
		a.Cause = c
		d.Answers = append(d.Answers, s.finish(a))
	}
}

// finish takes back what a partial sight does not allow, and adds remedies.
func (s *scene) finish(a Answer) Answer {
	if a.State != Found {
		a.Confidence, a.Remedies = NoConfidence, nil
		if a.State == RuledOut && len(s.n.Scoped) > 0 && a.Cause != ConntrackFull {
			// The pods that are not seen may do what these do not.
			a.State = CouldNotSee
			a.Summary = "only some pods of the node are seen: " + a.Summary
		}
		return a
	}
	if a.Confidence == High && (len(s.n.Scoped) > 0 || s.n.Loss.Events > 0) {
		a.Confidence = Medium
	}
	a.Remedies = s.remedies(&a)
	return a
}

// blind answers every cause with what kept it from being seen.
func (d *Diagnosis) blind(why string) {
	for _, c := range Causes() {
		d.Answers = append(d.Answers, Answer{Cause: c, State: CouldNotSee, Summary: why})
	}
}

// Answer returns what is known of a cause.
func (d *Diagnosis) Answer(c Cause) Answer {
	for _, a := range d.Answers {
		if a.Cause == c {
			return a
		}
	}
	return Answer{Cause: c}
}

// In returns the answers of a state, in the order of Causes; found ones most
// convincing first.
func (d *Diagnosis) In(state State) []Answer {
	var out []Answer
	for _, a := range d.Answers {
		if a.State == state {
			out = append(out, a)
		}
	}
	if state == Found {
		slices.SortStableFunc(out, func(a, b Answer) int {
			return cmp.Or(cmp.Compare(d.part(&a), d.part(&b)), cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(d.rank(a.Cause), d.rank(b.Cause)))
		})
	}
	return out
}

// part is 0 for a cause that explains the state of the node and 1 for one that
// has little part in it (a trickle of short connections beside a leak) or that
// nobody has seen at work (a cut before the watch began).
func (d *Diagnosis) part(a *Answer) int {
	switch {
	case d.scene == nil:
		return 0
	case a.Cause == AllocationHalved && a.Confidence == Low:
		return 1
	case a.Cause != Leak && a.Cause != NoPooling:
		return 0
	}
	sum := 0
	for _, o := range a.Owners {
		sum += o.Ports
	}
	if float64(sum) < half*float64(d.scene.peak()) {
		return 1
	}
	return 0
}

// Main is the answer that explains the most; ok is false when nothing was
// found.
func (d *Diagnosis) Main() (a Answer, ok bool) {
	if found := d.In(Found); len(found) > 0 {
		return found[0], true
	}
	return Answer{}, false
}

// rank says which of two causes that are as sure explains more. A full
// connection tracking table stops everything; after that, on a node that is
// short of ports it is the cause of that which counts.
func (d *Diagnosis) rank(c Cause) int {
	order := []Cause{ConntrackFull, EphemeralPorts, DeadDestination, DNS, Leak, NoPooling, AllocationHalved, HotDestination, BudgetTooSmall}
	if d.short() {
		order = []Cause{ConntrackFull, Leak, NoPooling, AllocationHalved, HotDestination, BudgetTooSmall, EphemeralPorts, DeadDestination, DNS}
	}
	return slices.Index(order, c)
}

func (d *Diagnosis) short() bool { return d.scene != nil && d.scene.short() }

// Healthy reports whether the node is, by its verdict. A healthy node may
// still have causes worth watching.
func (d *Diagnosis) Healthy() bool { return d.Verdict == snat.Healthy }

// CauseOf says what an owner of the node does to its ports: NoPooling, Leak or
// HotDestination. known is false when that could not be seen; an empty cause
// with known means none.
func (d *Diagnosis) CauseOf(o *session.Owner) (c Cause, confidence Confidence, known bool) {
	if d.scene == nil || o == nil {
		return "", NoConfidence, false
	}
	t := d.scene.byKey[o.Key]
	if t == nil {
		return "", NoConfidence, false
	}
	if hot := d.Answer(HotDestination); hot.State == Found && t.leak.state != Found && t.churn.state != Found {
		for _, h := range hot.Owners {
			if h.Key == o.Key && t.together >= d.scene.worth() {
				return HotDestination, hot.Confidence, true
			}
		}
	}
	return d.scene.causeOf(t)
}

// causeOf is what an owner's own connections look like.
func (s *scene) causeOf(t *tenant) (Cause, Confidence, bool) {
	switch {
	case t.leak.state == Found:
		return Leak, t.leak.confidence, true
	case t.churn.state == Found:
		return NoPooling, t.churn.confidence, true
	case t.top == nil || t.together < s.worth():
		return "", NoConfidence, true
	case !s.n.Counting() || s.short() && (t.leak.state == CouldNotSee || t.churn.state == CouldNotSee):
		return "", NoConfidence, false
	default:
		return "", NoConfidence, true
	}
}
