package cause

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// block is a few lines that belong together. What can be copied can be chosen.
type block struct {
	lines []string
	copy  string
}

func (b block) choosable() bool { return b.copy != "" }

// write lays the page out.
func (p *Page) write() []block {
	w := writer{th: p.theme, width: max(20, p.width-2)}
	n := p.Node()
	switch {
	case p.nodeName == "":
		w.text("", w.th.Dim, "no node is chosen: esc goes back")
		return w.blocks
	case n == nil:
		w.text("", w.th.Dim, sanitize.Text(p.nodeName)+" is not in the cluster any more; esc goes back")
		return w.blocks
	}
	if text, _ := page.Missing(n); text != "" {
		w.text("", w.th.Dim, text)
		return w.blocks
	}
	d := p.Diagnosis()
	found := d.In(runbook.Found)
	p.verdictLine(&w, n, d)
	if p.looking() {
		w.gap()
		w.text("", w.th.Dim, "looking for the causes "+format.Ellipsis)
		return w.blocks
	}
	p.ofOwner(&w, d)
	for _, a := range found {
		w.gap()
		w.found(&a)
	}
	w.list("Ruled out", d.In(runbook.RuledOut))
	w.list("Could not see", d.In(runbook.CouldNotSee))
	w.cloud(p.pic.Snap)
	return w.blocks
}

// verdictLine says how the node stands, before why.
func (p *Page) verdictLine(w *writer, n *session.Node, d *runbook.Diagnosis) {
	mark, word, look := p.theme.Verdict(n.Verdict)
	line := look.Render(mark+" "+word) + "  "
	switch {
	case n.Budget.Known():
		line += format.About(n.Ports.Estimate) + " of " + format.Count(n.Budget.Ports) + " ports (" + string(n.Budget.Source) + ")"
	default:
		line += format.About(n.Ports.Estimate) + " ports, budget not known"
	}
	if f := format.FullIn(n.FullIn); f != format.Dash {
		line += " · full " + in(f)
	}
	measured, at := "", ""
	if n.Measured != nil && n.Measured.TCP.Used != nil {
		measured, at = " · measured "+format.Count(*n.Measured.TCP.Used), " at "+format.Clock(n.Measured.At)
	}
	w.line(format.Fit(w.width, line, measured, at))
	if _, ok := d.Main(); !ok && !p.looking() {
		w.gap()
		w.text("", w.th.Text, p.verdict(n))
	}
}

func in(f string) string {
	if f == format.Now {
		return f
	}
	return "in " + f
}

// ofOwner says what the pod that the page is about has to do with it.
func (p *Page) ofOwner(w *writer, d *runbook.Diagnosis) {
	if p.ownerKey == "" {
		return
	}
	o := p.owner()
	if o == nil {
		w.text("", w.th.Dim, p.title+" is gone or has closed its last connection; this is about its node.")
		return
	}
	c, sure, known := d.CauseOf(o)
	who := sanitize.Text(o.Title()) + ": "
	switch {
	case c != "":
		w.text("", w.th.Text, who+c.Title()+", confidence "+sure.String())
	case known:
		w.text("", w.th.Text, who+"none of it; what follows is about the node")
	default:
		w.text("", w.th.Text, who+"could not be told; what follows is about the node")
	}
}

// writer writes blocks of a width.
type writer struct {
	th     *theme.Theme
	width  int
	blocks []block
}

func (w *writer) add(b block) { w.blocks = append(w.blocks, b) }

func (w *writer) gap() {
	if len(w.blocks) > 0 {
		w.add(block{lines: []string{""}})
	}
}

func (w *writer) line(s string) { w.add(block{lines: []string{format.Cut(s, w.width)}}) }

// text writes a paragraph behind a prefix that stands once.
func (w *writer) text(prefix string, look theme.Style, s string) {
	w.add(block{lines: w.paragraph(prefix, look, s)})
}

func (w *writer) paragraph(prefix string, look theme.Style, s string) []string {
	indent := format.Width(prefix)
	var out []string
	for i, l := range wrapped(sanitize.Text(s), w.width-indent) {
		if i > 0 {
			prefix = format.Spaces(indent)
		}
		out = append(out, prefix+look.Render(l))
	}
	return out
}

func wrapped(s string, width int) []string {
	return strings.Split(ansi.Wrap(s, max(1, width), " "), "\n")
}

// found writes a cause with its evidence and what to do.
func (w *writer) found(a *runbook.Answer) {
	head := w.th.Strong.Render(a.Cause.Title()) + w.th.Dim.Render(" · confidence "+a.Confidence.String())
	if a.Subject != "" {
		subject := format.Cut(sanitize.Text(a.Subject), max(0, w.width-format.Width(head)-2))
		head = format.Ends(head, w.th.Accent.Render(subject), w.width)
	}
	w.line(head)
	w.text("", w.th.Text, a.Summary+".")
	w.heading("What shows it")
	for _, e := range a.Evidence {
		w.text(w.th.Dim.Render("· "), w.th.Text, e.Text+basis(e))
	}
	w.heading("What to do")
	for i, r := range a.Remedies {
		w.remedy(i, r)
	}
}

func basis(e runbook.Evidence) string {
	if e.Basis == "" {
		return ""
	}
	return " (" + string(e.Basis) + ")"
}

// remedy writes what to do: it can be chosen, and its command copied.
func (w *writer) remedy(i int, r runbook.Remedy) {
	b := block{copy: sanitize.Text(r.Command)}
	if b.copy == "" {
		b.copy = sanitize.Text(r.Text)
	}
	number := format.Count(i+1) + "  "
	b.lines = w.paragraph(w.th.Accent.Render(number), w.th.Text, r.Text)
	indent := format.Spaces(format.Width(number))
	if r.Command != "" {
		b.lines = append(b.lines, w.paragraph(indent+w.th.Dim.Render("$ "), w.th.Accent, r.Command)...)
	}
	if r.Warning != "" {
		b.lines = append(b.lines, w.paragraph(indent+w.th.Warn.Render("! "), w.th.Dim, r.Warning)...)
	}
	w.add(b)
}

func (w *writer) heading(s string) { w.line(w.th.Heading.Render(s)) }

// list writes the causes of a state, each with its reason.
func (w *writer) list(title string, answers []runbook.Answer) {
	if len(answers) == 0 {
		return
	}
	w.gap()
	w.heading(title)
	label := 0
	for _, a := range answers {
		label = max(label, format.Width(a.Cause.Title()))
	}
	label = min(label, w.width/2)
	for _, a := range answers {
		w.text(w.th.Dim.Render(format.Left(a.Cause.Title(), label))+"  ", w.th.Text, a.Summary)
	}
}

// cloud says what the balancer's own figures lack.
func (w *writer) cloud(s *session.Snapshot) {
	switch {
	case s.Cloud == nil && (s.Cluster.Provider == snat.ProviderUnknown || s.Cluster.Provider == ""):
		return
	case s.Cloud == nil:
		w.gap()
		w.text(w.th.Dim.Render("the balancer's own figures  "), w.th.Text, "not asked, or not answered yet: every number of ports here is an estimate")
	case len(s.Cloud.Problems) > 0:
		w.gap()
		for _, p := range s.Cloud.Problems[:min(len(s.Cloud.Problems), 3)] {
			w.text(w.th.Dim.Render("the balancer's own figures  "), w.th.Text, p.Sentence)
		}
	}
}
