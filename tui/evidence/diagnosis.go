package evidence

import (
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

// Diagnosis answers for the causes of a node: what was looked at for each, with
// the command that would have shown it, and what three ways of counting say of
// the same node.
func Diagnosis(snap *session.Snapshot, n *session.Node, d *runbook.Diagnosis) Sheet {
	sheet := Sheet{Title: "How do you know? Causes on " + sanitize.Text(n.Name)}
	for _, state := range []runbook.State{runbook.Found, runbook.RuledOut, runbook.CouldNotSee} {
		for _, a := range d.In(state) {
			sec := Section{Title: a.Cause.Title() + ": " + a.State.String()}
			if a.State == runbook.Found {
				sec.Title += ", confidence " + a.Confidence.String()
			}
			sec.Items = append(sec.Items, fact("", "%s", a.Summary))
			for _, e := range a.Evidence {
				sec.Items = append(sec.Items, proof(e))
			}
			sheet.Sections = append(sheet.Sections, sec)
		}
	}
	sheet.Sections = append(sheet.Sections, crossCheck(snap, n), seen(n), unseen(snap, n))
	return sheet
}

// proof is a piece of evidence: a command with what it shows, or a fact.
func proof(e runbook.Evidence) Item {
	note := sanitize.Text(e.Text)
	if e.Basis != "" {
		note += " (" + string(e.Basis) + ")"
	}
	if e.Command == "" {
		return fact("", "%s", note)
	}
	if e.Output != "" && e.Output != e.Text {
		note += ": prints " + sanitize.Text(e.Output)
	}
	return Item{Command: sanitize.Text(e.Command), Note: note}
}

// crossCheck sets what sockets, connection tracking and the cloud count side by
// side.
func crossCheck(snap *session.Snapshot, n *session.Node) Section {
	c := runbook.CrossCheck(snap, n)
	sec := Section{Title: "Three ways of counting"}
	sec.Items = append(sec.Items,
		fact("sockets", "%s TCP connections of the node's programs, to any destination, those in TIME_WAIT among them (counted)", known(c.Sockets)),
		fact("conntrack", "%s entries in all; TCP's: %s opened by addresses of this node, %s by others (counted)", known(c.Entries), known(c.OwnEntries), known(c.OtherEntries)),
		fact("ports", "≥ %s · ~%s · ≤ %s (estimated from the sockets)", known(c.Min), known(c.Estimate), known(c.Max)))
	cloud := "nothing is known from it"
	if c.Used != nil || c.Allocated != nil || c.Failed != nil {
		cloud = known(c.Used) + " used · " + known(c.Allocated) + " allocated · " + known(c.Failed) + " failed in the minute to " + format.Clock(c.At) + " (measured)"
	}
	sec.Items = append(sec.Items, fact("cloud", "%s", cloud))
	sec.Items = append(sec.Items, compared("sockets and conntrack", c.Tracking)...)
	return Section{Title: sec.Title, Items: append(sec.Items, compared("ports and cloud", c.Cloud)...)}
}

func known(n *int) string {
	if n == nil {
		return format.Dash
	}
	return format.Count(*n)
}

// compared says whether two counts agree, and what explains it when not.
func compared(what string, c runbook.Comparison) []Item {
	var says string
	switch c.Agreement {
	case runbook.Agrees:
		says = "they agree"
	case runbook.Explained:
		says = "they differ, and it is known why"
	case runbook.Unexplained:
		says = "they differ, and it is not known why"
	case runbook.Single:
		says = "only one of them is there: nothing is checked"
	default:
		says = string(c.Agreement)
	}
	items := []Item{fact(what, "%s", says)}
	for _, note := range c.Notes {
		items = append(items, fact("", "%s", note))
	}
	return items
}
