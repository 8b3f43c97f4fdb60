package nodes

import (
	"fmt"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
)

// Sentence speaks of the node under the cursor.
func (p *Page) Sentence(width int) string {
	n := p.Selected()
	if n == nil {
		return format.Fit(width, "Nothing to report yet.")
	}
	name := sanitize.Text(n.Name)
	if text, _ := page.Missing(n); text != "" {
		return format.Fit(width, name+": "+text+".")
	}
	if age, stale := p.pic.Stale(n); stale {
		return format.Fit(width, fmt.Sprintf("%s has not reported for %s: what is shown is from %s.", name, format.Age(age), format.Clock(n.LastTick)))
	}
	gap := ""
	if h, ok := p.pic.Gap(n); ok {
		gap = " " + page.GapText(n, h) + "."
	}
	switch n.Verdict {
	case snat.Exhausted:
		return format.Fit(width, name+" is out of ports", waiting(n), share(n), ".", gap, p.cause(n))
	case snat.Pressured:
		return format.Fit(width, fmt.Sprintf("%s is close to its budget: about %s of %s ports are in use", name, format.Count(n.Ports.Estimate), format.Count(n.Budget.Ports)), share(n), ".", gap, p.cause(n), fills(n))
	case snat.Healthy:
		return format.Fit(width, fmt.Sprintf("%s is healthy: about %s of %s ports are in use", name, format.Count(n.Ports.Estimate), format.Count(n.Budget.Ports)), share(n), ".", gap, fills(n))
	case snat.NotSNAT:
		return format.Fit(width, name+" fails, but not for want of ports", because(n), ".", gap, p.cause(n))
	case snat.Unknown:
		return format.Fit(width, "No verdict for "+name, because(n), ".", gap)
	default:
		return format.Fit(width, "No verdict for "+name, because(n), ".", gap)
	}
}

// cause names what explains the state of the node best.
func (p *Page) cause(n *session.Node) string {
	d, _ := p.pic.Diagnose(n)
	a, ok := d.Main()
	if !ok {
		return ""
	}
	return fmt.Sprintf(" Cause: %s (%s).", a.Cause.Title(), a.Confidence)
}

// fills says when a node that still has ports will have none.
func fills(n *session.Node) string {
	if n.FullIn == nil || *n.FullIn <= 0 {
		return ""
	}
	return " Full in " + format.FullIn(n.FullIn) + " if it goes on."
}

func waiting(n *session.Node) string {
	verb := "connections wait"
	if n.Trying == 1 {
		verb = "connection waits"
	}
	s := ""
	if n.Trying > 0 {
		s = fmt.Sprintf(": %s %s", format.Count(n.Trying), verb)
	}
	if page.HasRates(n) && n.FailedPerSecond >= 1 {
		if s == "" {
			s = ": "
		} else {
			s += ", "
		}
		s += format.Rate(n.FailedPerSecond) + " a second fail"
	}
	return s
}

// share names who holds the most of what counts on the node.
func share(n *session.Node) string {
	var all, most int
	var who *session.Owner
	for _, o := range n.Owners {
		held := o.Open + o.Trying + o.Cooling
		all += held
		if held > most {
			most, who = held, o
		}
	}
	if who == nil {
		return ""
	}
	return fmt.Sprintf("; %s of its connections are %s's", spelled(most, all), page.Whose(who))
}

func spelled(part, whole int) string {
	if part == whole {
		return "all"
	}
	return format.Percent(part, whole)
}

func because(n *session.Node) string {
	if len(n.Why) == 0 {
		return ""
	}
	return ": " + sanitize.Text(n.Why[0])
}
