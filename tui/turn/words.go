package turn

import (
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/report/markdown"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
)

// Sentence speaks of the row under the cursor.
func (p *Page) Sentence(width int) string {
	r := p.Selected()
	if r == nil {
		if p.sum == nil {
			return format.Fit(width, "Adding up …")
		}
		return format.Fit(width, capital(p.emptyText())+".")
	}
	name := sanitize.Text(r.Name)
	switch {
	case r.Missing == rollup.NotAsked && p.pic.Snap.Cluster.Source == "recording":
		return format.Fit(width, fmt.Sprintf("The recording does not hold whose %s are", p.flows(r)), ": it was not asked for then", ".")
	case r.Missing == rollup.NotAsked:
		return format.Fit(width, fmt.Sprintf("Nobody has asked the nodes whose %s are", p.flows(r)), ": page ③ of a pod asks for its own", ".")
	case r.Missing == rollup.NoProcess:
		return format.Fit(width, fmt.Sprintf("No process holds these: %s open, %s cooling", format.Count(r.Open), format.About(r.Cooling)), "; closed connections have none", ".")
	case r.Ports.Max == 0:
		return format.Fit(width, name+" takes no port of the balancer", fmt.Sprintf(": its %s stay inside", format.Plural(r.All, "connection")), ".")
	}
	held := " holds about " + format.Plural(r.Ports.Estimate, "port")
	if p.part(r) {
		held = " holds at least " + format.Plural(r.Ports.Min, "port")
	}
	if r.Nodes > 1 {
		held += fmt.Sprintf(" on %s", format.Plural(r.Nodes, "node"))
	}
	wait, fail := "", ""
	if r.Trying > 0 {
		wait = fmt.Sprintf("; %s wait for an answer", format.Count(r.Trying))
	}
	if !p.unrated(r) && r.FailedPerSecond >= 1 {
		fail = fmt.Sprintf(", %s a second fail", format.Rate(r.FailedPerSecond))
	}
	return format.Fit(width, name+held, p.share(r), wait, fail, ".", p.mostly(r))
}

func (p *Page) flows(r *rollup.Row) string {
	return format.Plural(r.Open+r.Trying, "connection")
}

// share is how much of a budget the row takes, where it takes the most.
func (p *Page) share(r *rollup.Row) string {
	u := r.Fullest
	if u.Node == nil || u.Budget <= 0 || p.part(r) {
		return ""
	}
	whose := sanitize.Text(u.Node.Name) + "'s " + format.Count(u.Budget)
	if u.Shared {
		whose = "the shared pool's " + format.Count(u.Budget)
	}
	return fmt.Sprintf(": %s of %s", format.Percent(u.Ports.Estimate, u.Budget), whose)
}

// mostly names the owner that has most of a row of several.
func (p *Page) mostly(r *rollup.Row) string {
	if r.Owners < 2 || r.Owner == nil {
		return ""
	}
	return " Most of it is " + sanitize.Text(r.Owner.Title()) + "'s."
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// mostCopied bounds the rows of a table for a ticket.
const mostCopied = 100

// Copy is the table as Markdown, as it is shown.
func (p *Page) Copy() string { return p.Markdown() }

// Markdown writes the rows that are shown, the worst of them when they are
// many.
func (p *Page) Markdown() string {
	p.fresh()
	rows := p.rows()
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	by := p.subject.By
	fmt.Fprintf(&b, "**%s**, %s\n\n", markdown.Escape(strings.Join(p.Crumbs(), " › ")), format.Clock(p.pic.Snap.Time))
	note := noteTitle(by)
	head := []string{capital(by.String())}
	if note != "" {
		head = append(head, capital(strings.ToLower(note)))
	}
	b.WriteString(markdown.Head(append(head, "Nodes|", "Pods|", "Ports ≥|", "estimated|", "≤|", "Most of", "Open|", "Trying|", "Cooling|", "New/s|", "Failed/s|")...))
	rate := p.rate("new", "", 0, page.Counter, func(r *rollup.Row) float64 { return r.OpensPerSecond }).Text
	fail := p.rate("fail", "", 0, page.Counter, func(r *rollup.Row) float64 { return r.FailedPerSecond }).Text
	trying := p.counter("trying", "", 0, 0, page.Counter, func(r *rollup.Row) int { return r.Trying }).Text
	for _, r := range rows[:min(len(rows), mostCopied)] {
		estimate, cooling := format.About(r.Ports.Estimate), format.About(r.Cooling)
		if p.part(r) {
			estimate, cooling = format.Dash, format.Dash
		}
		cells := []string{r.Name}
		if note != "" {
			cells = append(cells, orDash(r.Note))
		}
		cells = append(cells, format.Count(r.Nodes), format.Count(r.Owners),
			format.Count(r.Ports.Min), estimate, strings.TrimPrefix(p.most(r), "≤"), p.fullest(r),
			format.Count(r.Open), trying(r), cooling, rate(r), fail(r))
		b.WriteString(markdown.Row(cells...))
	}
	if more := len(rows) - mostCopied; more > 0 {
		fmt.Fprintf(&b, "\n… and %s more.\n", format.Count(more))
	}
	return b.String()
}
