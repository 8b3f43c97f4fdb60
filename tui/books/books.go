// Package books is the page of a runbook that checks itself: its steps as they
// are answered, worst first within each, and beside the cursor what shows a
// step's answer and what to do.
package books

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Page is the model of the page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme

	title string
	// again is the key that goes through it once more.
	again   key.Binding
	running bool
	// failed is why the runbook could not be gone through; "" while it can.
	failed string
	checks []*checked
	// notes are what nodes wait for, by name; order is that of their first word.
	notes map[string]string
	order []string

	filter string
	// cursor counts the rows, offset is the first on the screen, scrolled how
	// far the details are.
	cursor, offset, scrolled int

	width, height int
}

// checked is a check with what it has said so far.
type checked struct {
	id, title string
	done      bool
	steps     []step.Step
}

var _ page.Page = (*Page)(nil)

// New returns the page of no runbook.
func New(km *keys.Map, th *theme.Theme) *Page { return &Page{keys: km, theme: th} }

// Begin clears the page for a runbook that is about to run.
func (p *Page) Begin(title string, again key.Binding) {
	again.SetHelp(again.Help().Key, "go through it again")
	*p = Page{keys: p.keys, theme: p.theme, width: p.width, height: p.height, title: title, again: again, running: true, notes: map[string]string{}}
}

// Take adds a piece of news.
func (p *Page) Take(u step.Update) {
	switch {
	case u.Check != nil:
		c := p.check(u.Check)
		if u.Found != nil {
			at := p.selected()
			c.add(*u.Found)
			p.follow(at)
		}
		c.done = c.done || u.Done
	case u.Done:
		delete(p.notes, u.Node)
	case u.Node != "":
		if _, known := p.notes[u.Node]; !known {
			p.order = append(p.order, u.Node)
		}
		p.notes[u.Node] = sanitize.Text(u.Note)
	}
}

// List names the checks of the runbook before they say anything.
func (p *Page) List(checks []step.Check) {
	for i := range checks {
		p.check(&checks[i])
	}
}

// End says that nothing more comes; err is why it could not.
func (p *Page) End(err error) {
	p.running = false
	if err != nil {
		p.failed = sanitize.Text(err.Error())
	}
}

// Running reports whether the runbook is still being gone through.
func (p *Page) Running() bool { return p.running }

// Progress is how many of the steps have answered.
func (p *Page) Progress() (done, total int) {
	for _, c := range p.checks {
		if c.done {
			done++
		}
	}
	return done, len(p.checks)
}

// Waits says what the first of the nodes waits for; "" when none does.
func (p *Page) Waits() string {
	for _, n := range p.order {
		if note, waits := p.notes[n]; waits {
			return n + ": " + note
		}
	}
	return ""
}

func (p *Page) check(c *step.Check) *checked {
	for _, known := range p.checks {
		if known.id == c.ID {
			return known
		}
	}
	made := &checked{id: c.ID, title: c.Title}
	p.checks = append(p.checks, made)
	return made
}

// add keeps problems first, and the order in which the rest came.
func (c *checked) add(s step.Step) {
	at := len(c.steps)
	for at > 0 && rank(c.steps[at-1].Verdict) > rank(s.Verdict) {
		at--
	}
	c.steps = append(c.steps, step.Step{})
	copy(c.steps[at+1:], c.steps[at:])
	c.steps[at] = s
}

func rank(v step.Verdict) int {
	switch v {
	case step.Problem:
		return 0
	case step.Unknown:
		return 1
	case step.OK:
		return 2
	case step.NotApplicable:
		return 3
	default:
		return 1
	}
}

// row is a line of the list: an answer, or a check that has given none yet.
type row struct {
	check *checked
	step  *step.Step
}

func (p *Page) rows() []row {
	var out []row
	for _, c := range p.checks {
		if len(c.steps) == 0 && p.matches(c.id, c.title) {
			out = append(out, row{check: c})
		}
		for i := range c.steps {
			if s := &c.steps[i]; p.matches(s.ID, c.title, s.Subject, string(s.Verdict), s.Summary) {
				out = append(out, row{check: c, step: s})
			}
		}
	}
	return out
}

func (p *Page) matches(words ...string) bool {
	return p.filter == "" || strings.Contains(strings.ToLower(strings.Join(words, " ")), strings.ToLower(p.filter))
}

// spot names a row across changes of the list.
type spot struct{ id, subject string }

func (p *Page) selected() spot {
	if rows := p.rows(); p.cursor < len(rows) {
		return rows[p.cursor].spot()
	}
	return spot{}
}

func (r row) spot() spot {
	if r.step == nil {
		return spot{id: r.check.id}
	}
	return spot{r.check.id, r.step.Subject}
}

// follow keeps the cursor on its row while others come in before it. A check
// that had not answered yet is followed to its first answer.
func (p *Page) follow(at spot) {
	for i, r := range p.rows() {
		if now := r.spot(); now == at || at.subject == "" && now.id == at.id {
			p.cursor = i
			return
		}
	}
}

// SetPicture does nothing: a runbook looks for itself.
func (p *Page) SetPicture(page.Picture) {}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) { p.theme = th }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) { p.width, p.height = width, height }

// Update moves the cursor; the wheel scrolls the details.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch move := p.keys.Move; {
		case key.Matches(msg, move.Up):
			p.move(-1)
		case key.Matches(msg, move.Down):
			p.move(1)
		case key.Matches(msg, move.PageUp):
			p.move(-p.listHeight())
		case key.Matches(msg, move.PageDown):
			p.move(p.listHeight())
		case key.Matches(msg, move.Top):
			p.move(-len(p.rows()))
		case key.Matches(msg, move.Bottom):
			p.move(len(p.rows()))
		}
	case tea.MouseWheelMsg:
		const lines = 3
		if msg.Button == tea.MouseWheelUp {
			p.scrolled = max(0, p.scrolled-lines)
		} else if msg.Button == tea.MouseWheelDown {
			p.scrolled += lines
		}
	case tea.MouseClickMsg:
		if at := p.offset + msg.Y - 1; msg.Button == tea.MouseLeft && msg.Y > 0 && msg.Y <= p.listHeight() && at < len(p.rows()) {
			p.cursor, p.scrolled = at, 0
		}
	}
	return nil
}

func (p *Page) move(by int) {
	p.cursor = max(0, min(p.cursor+by, len(p.rows())-1))
	p.scrolled = 0
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string { return []string{"runbook", p.title} }

// State says how far the run is.
func (p *Page) State() string {
	done, _ := p.Progress()
	if !p.running {
		return format.Plural(len(p.checks), "step") + " done"
	}
	state := format.Count(done) + " of " + format.Plural(len(p.checks), "step") + " done"
	if w := p.Waits(); w != "" {
		return state + " · " + w
	}
	return state
}

// Sentence sums the steps up.
func (p *Page) Sentence(width int) string {
	if p.failed != "" {
		return format.Cut("It could not be gone through: "+p.failed, width)
	}
	count := map[step.Verdict]int{}
	first := ""
	for _, c := range p.checks {
		for i := range c.steps {
			s := &c.steps[i]
			count[s.Verdict]++
			if s.Verdict == step.Problem && first == "" {
				first = s.Subject + ": " + s.Summary
			}
		}
	}
	switch {
	case first != "":
		return format.Cut(format.Plural(count[step.Problem], "problem")+". "+first, width)
	case p.running:
		return "Nothing is wrong so far; steps are still being gone through."
	case count[step.Unknown] > 0:
		return format.Plural(count[step.Unknown], "answer") + " could not be had; nothing else is wrong."
	default:
		return "Every step is all right or does not apply."
	}
}

// Filter and SetFilter are what the rows are filtered by.
func (p *Page) Filter() string { return p.filter }

// SetFilter shows the rows that contain a text.
func (p *Page) SetFilter(text string) {
	p.filter = text
	p.cursor, p.offset, p.scrolled = 0, 0, 0
}

// Rows returns how many rows are shown and how many there are.
func (p *Page) Rows() (shown, total int, fuzzy bool) {
	shown = len(p.rows())
	filter := p.filter
	p.filter = ""
	total = len(p.rows())
	p.filter = filter
	return shown, total, false
}

// Copy is the first command to run of the selected step, else that of its
// evidence, else its summary.
func (p *Page) Copy() string {
	rows := p.rows()
	if p.cursor >= len(rows) || rows[p.cursor].step == nil {
		return ""
	}
	s := rows[p.cursor].step
	for _, r := range s.Remedies {
		if r.Command != "" {
			return r.Command
		}
	}
	for _, e := range s.Evidence {
		if e.Command != "" {
			return e.Command
		}
	}
	return s.Summary
}

// Know is the selected step with everything it holds.
func (p *Page) Know() evidence.Sheet {
	rows := p.rows()
	if p.cursor >= len(rows) || rows[p.cursor].step == nil {
		return evidence.Sheet{Title: "How do you know? " + p.title, Sections: []evidence.Section{
			{Title: "The step has not answered yet"},
		}}
	}
	s := rows[p.cursor].step
	seen := evidence.Section{Title: "What shows it"}
	for _, e := range s.Evidence {
		seen.Items = append(seen.Items, evidence.Item{Command: e.Command, Note: strings.ReplaceAll(e.Output, "\n", " ⏎ ")})
	}
	todo := evidence.Section{Title: "What to do"}
	for _, r := range s.Remedies {
		note := r.Text
		if r.Warning != "" {
			note += " Mind: " + r.Warning
		}
		todo.Items = append(todo.Items, evidence.Item{Command: r.Command, Note: note})
	}
	return evidence.Sheet{Title: "How do you know? " + s.ID + " " + s.Subject, Sections: []evidence.Section{
		{Title: string(s.Verdict), Items: []evidence.Item{{Note: s.Summary}}}, seen, todo,
	}}
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	copyIt, back := p.keys.Global.Copy, p.keys.Global.Back
	copyIt.SetHelp(copyIt.Help().Key, "copy the command")
	return []key.Binding{copyIt, p.keys.Global.Know, p.again, p.keys.Global.Filter, back}
}

// FullHelp names all of them.
func (p *Page) FullHelp() [][]key.Binding {
	m := p.keys.Move
	return [][]key.Binding{p.ShortHelp(), {m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom}}
}
