// Package turn is a page turned another way: the same connections, added up by
// pod, workload, namespace, node, destination, process or container, of
// whatever the page that was turned is about.
package turn

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Subject is what a turned page is about.
type Subject struct {
	By    rollup.By
	Scope rollup.Scope
	// Owner names the owner of the scope, should it be gone.
	Owner string
}

// Page is the model of a turned page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	table *table.Table[*rollup.Row, string]
	pic   page.Picture

	subject Subject
	// sum is what is shown, of the picture summed; both are nil before.
	sum    *rollup.Table
	summed *session.Snapshot
	// want is the row to put the cursor on once there are rows.
	want string
	work work
	// choices are what the operator wants of the columns.
	choices map[string]table.Choice

	width, height int
}

var _ page.Page = (*Page)(nil)

// New returns the page of nothing.
func New(km *keys.Map, th *theme.Theme) *Page {
	p := &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
	p.Open(Subject{}, "")
	return p
}

// Open makes the page about something; the cursor goes to a row of that key,
// where there is one.
func (p *Page) Open(s Subject, row string) {
	p.subject, p.sum, p.summed, p.want = s, nil, nil, row
	p.work.number++ // what is being added up is of something else
	p.work.busy = false
	p.table = table.New(table.Options[*rollup.Row, string]{
		Columns: p.columns(),
		Key:     func(r *rollup.Row) string { return r.Key },
		Sort:    "ports",
		Spread:  true,
		Keys:    p.keys,
	}, p.theme)
	p.table.Choose(p.choices)
	p.table.SetSize(p.width, p.height)
	p.table.SetEmpty("adding up …")
}

// Subject is what the page is about.
func (p *Page) Subject() Subject { return p.subject }

// SetPicture shows a picture. Nothing is added up before the page is seen.
func (p *Page) SetPicture(pic page.Picture) {
	p.pic = pic
	p.table.SetTime(pic.Clock, pic.Touched)
}

// crowded is the number of connections' rows from which adding up takes longer
// than a frame may, and is done beside the UI.
const crowded = 4000

// fresh adds up the picture, unless that is done already or takes too long.
func (p *Page) fresh() {
	if p.summed != p.pic.Snap && !p.crowded() {
		p.take(p.pic.Snap, rollup.Sum(p.pic.Snap, p.subject.By, p.subject.Scope))
	}
}

func (p *Page) crowded() bool {
	nodes := p.pic.Snap.Nodes
	if only := p.subject.Scope.Node; only != "" {
		nodes = nil
		if n := p.pic.Snap.Node(only); n != nil {
			nodes = []*session.Node{n}
		}
	}
	return page.Crowded(crowded, nodes...)
}

func (p *Page) take(snap *session.Snapshot, sum *rollup.Table) {
	p.summed, p.sum = snap, sum
	p.table.SetEmpty(p.emptyText())
	p.table.SetRows(sum.Rows)
	if p.want != "" && len(sum.Rows) > 0 {
		p.table.Select(p.want)
		p.want = ""
	}
}

// work is the adding up that is done beside the UI.
type work struct {
	// number says of which subject, so that a late answer is not taken for
	// another's.
	number int
	// busy means that it is under way, or rests.
	busy bool
}

type (
	// summedMsg is what was added up, and how long that took.
	summedMsg struct {
		number int
		snap   *session.Snapshot
		sum    *rollup.Table
		took   time.Duration
	}
	// restedMsg says that there may be more work.
	restedMsg struct{ number int }
)

// restFor is how many times as long as it took nothing is added up again: a
// crowd is counted less often, and never takes more than a fifth of a core.
const restFor = 4

// Work returns what is to be done beside the keys while the page is seen: the
// table's work, and adding up the picture.
func (p *Page) Work() tea.Cmd { return tea.Batch(p.addUp(), p.table.Work()) }

// addUp returns a command that adds up the picture beside the UI, when there is
// a new one and it is too large to be added up between two frames; else nil.
func (p *Page) addUp() tea.Cmd {
	if p.work.busy || p.summed == p.pic.Snap || !p.crowded() {
		return nil
	}
	p.work.busy = true
	number, snap, s := p.work.number, p.pic.Snap, p.subject
	return func() tea.Msg {
		began := time.Now()
		sum := rollup.Sum(snap, s.By, s.Scope)
		return summedMsg{number, snap, sum, time.Since(began)}
	}
}

// Worked takes what Work has come to; ok is false when the message is another's.
func (p *Page) Worked(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case summedMsg:
		if msg.number != p.work.number {
			return nil, true
		}
		p.take(msg.snap, msg.sum)
		return tea.Tick(restFor*msg.took, func(time.Time) tea.Msg { return restedMsg{msg.number} }), true
	case restedMsg:
		if msg.number == p.work.number {
			p.work.busy = false
		}
		return nil, true
	default:
		return nil, p.table.Worked(msg)
	}
}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) { p.theme = th; p.table.SetTheme(th) }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.table.SetSize(width, height)
}

// Update moves the cursor and sorts.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	p.fresh()
	return p.table.Update(msg)
}

// View draws the table.
func (p *Page) View() string {
	p.fresh()
	return p.table.View()
}

// Selected returns the row under the cursor, or nil.
func (p *Page) Selected() *rollup.Row {
	p.fresh()
	r, _ := p.table.Selected()
	return r
}

// Filter returns the filter of the rows.
func (p *Page) Filter() string { return p.table.Filter() }

// FilterProblem is what is wrong with the filter.
func (p *Page) FilterProblem() error { return p.table.FilterProblem() }

// FilterTerms are none: a row is a sum, of which terms would be true and not.
func (p *Page) FilterTerms() filter.Terms { return p.table.Terms() }

// SetFilter filters the rows.
func (p *Page) SetFilter(text string) {
	p.fresh()
	p.table.SetFilter(text)
}

// Rows counts the rows.
func (p *Page) Rows() (shown, total int, fuzzy bool) {
	p.fresh()
	shown, total = p.table.Count()
	return shown, total, p.table.Fuzzy()
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string {
	out := []string{page.Context(p.pic.Snap)}
	if p.subject.Scope.Node != "" {
		out = append(out, sanitize.Text(p.subject.Scope.Node))
	}
	if p.subject.Scope.Owner != "" {
		out = append(out, sanitize.Text(p.subject.Owner))
	}
	for _, m := range p.subject.Scope.Within {
		out = append(out, m.By.String()+" "+sanitize.Text(m.Name))
	}
	return append(out, "by "+p.subject.By.String())
}

// State says how much of the nodes is seen, and which rows are on the screen.
func (p *Page) State() string {
	p.fresh()
	s := format.Plural(len(p.rows()), p.subject.By.String())
	if p.subject.By == rollup.Process && len(p.rows()) != 1 {
		s = format.Count(len(p.rows())) + " processes"
	}
	if p.sum != nil && p.subject.Scope.Node == "" {
		s += " · " + format.Count(p.sum.Seen) + " of " + format.Plural(p.sum.Nodes, "node")
	}
	return s + page.Window(p.table)
}

func (p *Page) rows() []*rollup.Row {
	if p.sum == nil {
		return nil
	}
	return p.sum.Rows
}

func (p *Page) emptyText() string {
	switch {
	case p.sum.Nodes == 0:
		return "there is no such node any more; esc goes back"
	case p.sum.Seen == 0:
		return "none of the nodes is seen: there is nothing to add up"
	case len(p.subject.Scope.Within) > 0:
		return "nothing of it is left; esc goes back"
	default:
		return "no outbound connections"
	}
}

// opens is what enter opens.
func (p *Page) opens() string {
	switch p.subject.By {
	case rollup.Dest, rollup.Namespace, rollup.Workload, rollup.Node:
		return "its pods"
	default:
		return "its connections"
	}
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	open, g := p.keys.Global.Open, p.keys.Global
	open.SetHelp(open.Help().Key, p.opens())
	return []key.Binding{open, g.Back, p.keys.Table.Turn, g.Diagnose, g.Know, g.Filter}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	open := p.keys.Global.Open
	open.SetHelp(open.Help().Key, p.opens())
	m, t := p.keys.Move, p.keys.Table
	return [][]key.Binding{
		{open, t.Turn, t.TurnBack, p.keys.Global.Filter},
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
		{t.SortLeft, t.SortRight, t.Reverse, t.Columns},
	}
}

// Equal reports whether two subjects are the same.
func (s Subject) Equal(o Subject) bool {
	return s.By == o.By && s.Owner == o.Owner && s.Scope.Node == o.Scope.Node && s.Scope.Owner == o.Scope.Owner &&
		slices.Equal(s.Scope.Within, o.Scope.Within)
}
