package books

import (
	"strings"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/page"
)

// Said says the steps, and of the one under the cursor everything it holds.
func (p *Page) Said() page.Said {
	rows := p.rows()
	said := page.Said{At: -1, First: 1}
	for _, r := range rows {
		said.Rows = append(said.Rows, say(r))
	}
	if len(rows) == 0 {
		said.Rows = []string{aloud.Text(p.nothing())}
		return said
	}
	said.At = max(0, min(p.cursor, len(rows)-1))
	r := rows[said.At]
	said.Detail = append(said.Detail, aloud.Text(r.check.title))
	if r.step == nil {
		return said
	}
	for _, m := range r.step.Remedies {
		said.Detail = append(said.Detail, "do: "+aloud.Text(m.Text))
		if m.Command != "" {
			said.Detail = append(said.Detail, "command: "+m.Command)
		}
		if m.Warning != "" {
			said.Detail = append(said.Detail, "mind: "+aloud.Text(m.Warning))
		}
	}
	for _, e := range r.step.Evidence {
		said.Detail = append(said.Detail, "shown by: "+e.Command)
		for l := range strings.Lines(e.Output) {
			said.Detail = append(said.Detail, strings.TrimSpace(l))
		}
	}
	return said
}

func say(r row) string {
	if r.step == nil {
		state := "looking"
		if r.check.done {
			state = "no answer"
		}
		return r.check.id + ", " + state
	}
	word := string(r.step.Verdict)
	if r.step.Verdict == step.NotApplicable {
		word = "not applicable"
	}
	return r.check.id + ", " + word + ", " + aloud.Text(r.step.Subject) + ": " + aloud.Text(r.step.Summary)
}
