// Package nodes is page ①: which node is running out of ports.
package nodes

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Page is the model of the nodes page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	table *table.Table[*session.Node, string]
	pic   page.Picture
	// cloudTells means that the cloud measures any of the nodes.
	cloudTells bool
}

var _ page.Page = (*Page)(nil)

// New returns the page without a picture. hint is what to say when there are
// no nodes at all.
func New(km *keys.Map, th *theme.Theme, hint string) *Page {
	p := &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
	p.table = table.New(table.Options[*session.Node, string]{
		Columns: p.columns(),
		Key:     func(n *session.Node) string { return n.Name },
		Span:    p.span,
		Terms:   filter.Terms{Fields: filter.All(), States: states()},
		Match:   func(n *session.Node, f *filter.Filter) bool { return f.Node(n, stateOf(n)) },
		Sort:    "verdict",
		Keys:    km,
	}, th)
	empty := "no nodes yet: waiting for the first word of the source"
	if hint != "" {
		empty += "\n" + sanitize.Text(hint)
	}
	p.table.SetEmpty(empty)
	return p
}

// SetPicture shows a picture.
func (p *Page) SetPicture(pic page.Picture) {
	same := pic.Snap == p.pic.Snap
	p.pic = pic
	p.table.SetTime(pic.Clock, pic.Touched)
	if !same {
		p.cloudTells = slices.ContainsFunc(pic.Snap.Nodes, func(n *session.Node) bool { return measuredUsed(n) >= 0 })
		p.table.SetRows(pic.Snap.Nodes)
	}
}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) { p.theme = th; p.table.SetTheme(th) }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) { p.table.SetSize(width, height) }

// SetFocused says whether the page has the keys.
func (p *Page) SetFocused(on bool) { p.table.SetFocused(on) }

// Update moves the cursor and sorts.
func (p *Page) Update(msg tea.Msg) tea.Cmd { return p.table.Update(msg) }

// View draws the table.
func (p *Page) View() string { return p.table.View() }

// Selected returns the node under the cursor, or nil.
func (p *Page) Selected() *session.Node {
	n, _ := p.table.Selected()
	return n
}

// Select puts the cursor on a node.
func (p *Page) Select(name string) bool {
	if p.table.Select(name) {
		return true
	}
	p.table.SetFilter("")
	return p.table.Select(name)
}

// Filter returns the filter of the rows.
func (p *Page) Filter() string { return p.table.Filter() }

// FilterProblem is what is wrong with the filter.
func (p *Page) FilterProblem() error { return p.table.FilterProblem() }

// FilterTerms are the terms that a filter may hold.
func (p *Page) FilterTerms() filter.Terms { return p.table.Terms() }

// SetFilter filters the rows.
func (p *Page) SetFilter(text string) { p.table.SetFilter(text) }

// Rows counts the rows.
func (p *Page) Rows() (shown, total int, fuzzy bool) {
	shown, total = p.table.Count()
	return shown, total, p.table.Fuzzy()
}

// Copy leaves it to the page as a whole.
func (p *Page) Copy() string { return "" }

// Know answers for the selected node.
func (p *Page) Know() evidence.Sheet {
	if n := p.Selected(); n != nil {
		return evidence.Node(p.pic.Snap, n)
	}
	return evidence.Sheet{Title: "How do you know? There is no node to speak of."}
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string {
	return []string{page.Context(p.pic.Snap), "nodes"}
}

// State counts the nodes by how well they are seen, and tells which rows are
// on the screen when not all are.
func (p *Page) State() string {
	var seen, coming, hidden, stale, gaps int
	for _, n := range p.pic.Snap.Nodes {
		if _, late := p.pic.Stale(n); late {
			stale++
		}
		if _, gap := p.pic.Gap(n); gap {
			gaps++
		}
		_, fault := page.Missing(n)
		switch {
		case page.Seen(n):
			seen++
		case fault:
			hidden++
		default:
			coming++
		}
	}
	s := format.Count(seen) + " seen"
	if stale > 0 {
		s += " · " + format.Count(stale) + " stale ◌"
	}
	if gaps > 0 {
		s += " · " + format.Count(gaps) + " gap " + page.GapMark
	}
	if coming > 0 {
		s += " · " + format.Count(coming) + " coming"
	}
	if hidden > 0 {
		s += " · " + format.Count(hidden) + " unseen"
	}
	return s + page.Window(p.table)
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	open := p.keys.Global.Open
	open.SetHelp(open.Help().Key, "pods")
	return []key.Binding{open, p.keys.Global.Diagnose, p.keys.Global.Know, p.keys.Global.Filter, p.keys.Global.Freeze, p.keys.Global.GoTo}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	open := p.keys.Global.Open
	open.SetHelp(open.Help().Key, "its pods")
	m, t := p.keys.Move, p.keys.Table
	return [][]key.Binding{
		{open, p.keys.Global.Diagnose, p.keys.Global.Filter, t.Turn, t.TurnBack},
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
		{t.SortLeft, t.SortRight, t.Reverse, t.Columns},
	}
}

// states are what state: may mean of a node: its verdict, or how it is seen.
func states() []string {
	return []string{
		string(snat.Exhausted), string(snat.Pressured), string(snat.NotSNAT), string(snat.Healthy), string(snat.Unknown),
		"seen", string(session.StateWaiting), string(session.StateConnecting), string(session.StateDenied), string(session.StateUnreachable), string(session.StateNotLinux),
	}
}

func stateOf(n *session.Node) []string {
	seen := string(n.State)
	if page.Seen(n) {
		seen = "seen"
	}
	return []string{string(n.Verdict), seen}
}

// budget returns the ports that a node's use is measured against, or 0.
func budget(n *session.Node) int {
	if n.Budget.Known() {
		return n.Budget.Ports
	}
	return 0
}

// worse reports whether a node's numbers deserve the colour of its verdict.
func worse(n *session.Node) bool {
	return n.Verdict == snat.Exhausted || n.Verdict == snat.Pressured
}
