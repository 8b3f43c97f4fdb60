package books

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

// listHeight is how many rows of the list are seen: half of the page, or what
// it needs where that is less.
func (p *Page) listHeight() int {
	return max(1, min(len(p.rows()), (p.height-2)/2))
}

// View draws the list, a rule, and the details of the row of the cursor.
func (p *Page) View() string {
	if p.width <= 0 || p.height <= 0 {
		return ""
	}
	rows := p.rows()
	p.cursor = max(0, min(p.cursor, len(rows)-1))
	height := p.listHeight()
	p.offset = max(0, min(p.offset, p.cursor, len(rows)-height))
	p.offset = max(p.offset, p.cursor-height+1)

	id, subject := p.columns(rows)
	lines := []string{p.theme.Heading.Render(format.Left("   "+format.Left("STEP", id)+"  "+format.Left("SUBJECT", subject)+"  ANSWER", p.width))}
	for i := p.offset; i < min(len(rows), p.offset+height); i++ {
		line := p.line(rows[i], id, subject)
		if i == p.cursor {
			line = p.theme.Selected.Over(line)
		}
		lines = append(lines, line)
	}
	if len(rows) == 0 {
		lines = append(lines, format.Left(" "+p.nothing(), p.width))
	}
	lines = append(lines, p.theme.Rule.Render(strings.Repeat("─", p.width)))
	if p.cursor < len(rows) {
		lines = append(lines, p.detail(rows[p.cursor], p.height-len(lines))...)
	}
	for len(lines) < p.height {
		lines = append(lines, format.Spaces(p.width))
	}
	return strings.Join(lines[:p.height], "\n")
}

func (p *Page) nothing() string {
	switch {
	case p.filter != "":
		return "No step matches the filter; esc shows all."
	case p.failed != "":
		return p.failed
	default:
		return "The steps are being read …"
	}
}

// columns returns the widths of step and subject, so that the answer keeps at
// least two fifths of the line.
func (p *Page) columns(rows []row) (id, subject int) {
	id, subject = len("STEP"), len("SUBJECT")
	for _, r := range rows {
		id = max(id, format.Width(r.check.id))
		if r.step != nil {
			subject = max(subject, format.Width(r.step.Subject))
		}
	}
	id = min(id, 28)
	return id, max(8, min(subject, p.width*3/5-id-7))
}

func (p *Page) line(r row, id, subject int) string {
	if r.step == nil {
		mark, what := "…", "looking"
		if r.check.done {
			mark, what = "?", "no answer"
		}
		return format.Left(" "+p.theme.Dim.Render(mark+" "+format.Left(r.check.id, id)+"  "+format.Left("", subject)+"  "+what+": "+r.check.title), p.width)
	}
	mark, look := Mark(r.step.Verdict, p.theme)
	text := format.Left(format.CutMiddle(r.step.Subject, subject), subject) + "  " + r.step.Summary
	return format.Left(" "+look.Render(mark)+" "+format.Left(r.check.id, id)+"  "+text, p.width)
}

// Mark returns the sign of a verdict and its look. Signs differ in shape, not in
// colour alone.
func Mark(v step.Verdict, th *theme.Theme) (string, theme.Style) {
	switch v {
	case step.Problem:
		return "✗", th.Bad
	case step.Unknown:
		return "?", th.Warn
	case step.OK:
		return "✓", th.Good
	case step.NotApplicable:
		return "–", th.Dim
	default:
		return "?", th.Warn
	}
}

// detail is what a step says in full, in at most height lines.
func (p *Page) detail(r row, height int) []string {
	width := max(1, p.width-2)
	var lines []string
	put := func(look theme.Style, indent, text string) {
		for _, l := range strings.Split(ansi.Wrap(text, max(1, width-len(indent)), " "), "\n") {
			lines = append(lines, format.Left(" "+indent+look.Render(l), p.width))
		}
	}
	put(p.theme.Strong, "", r.check.title)
	if r.step == nil {
		return cut(lines, 0, height)
	}
	put(p.theme.Text, "", r.step.Subject+": "+r.step.Summary)
	for _, m := range r.step.Remedies {
		put(p.theme.Good, "  ", "do: "+m.Text)
		if m.Command != "" {
			put(p.theme.Accent, "    ", m.Command)
		}
		if m.Warning != "" {
			put(p.theme.Warn, "    ", "mind: "+m.Warning)
		}
	}
	for _, e := range r.step.Evidence {
		put(p.theme.Accent, "  ", "$ "+e.Command)
		for l := range strings.Lines(e.Output) {
			put(p.theme.Dim, "    ", strings.TrimRight(l, "\n"))
		}
	}
	p.scrolled = max(0, min(p.scrolled, len(lines)-height))
	return cut(lines, p.scrolled, height)
}

// cut takes the lines that are seen.
func cut(lines []string, from, height int) []string {
	if height <= 0 {
		return nil
	}
	return lines[from:min(len(lines), from+height)]
}
