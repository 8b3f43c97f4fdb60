// Package pods is page ②: which pod of a node holds its ports.
package pods

import (
	"fmt"

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

// Page is the model of the pods page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	table *table.Table[*session.Owner, session.Key]
	pic   page.Picture

	// name is the node that the page is about; node is nil when the picture
	// does not hold it.
	name string
	node *session.Node

	publicOnly, eligibleOnly bool
	// rows is what the table was given last.
	rows []*session.Owner
}

var _ page.Page = (*Page)(nil)

// New returns the page of no node.
func New(km *keys.Map, th *theme.Theme) *Page {
	p := &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
	p.table = table.New(table.Options[*session.Owner, session.Key]{
		Columns: p.columns(),
		Key:     func(o *session.Owner) session.Key { return o.Key },
		Terms:   filter.Terms{Fields: filter.All(), States: states()},
		Match:   func(o *session.Owner, f *filter.Filter) bool { return f.Owner(p.node, o, p.stateOf(o)) },
		Sort:    "ports",
		Keys:    km,
	}, th)
	return p
}

// Open makes the page about a node of a picture.
func (p *Page) Open(pic page.Picture, node string) {
	if node == p.name {
		p.SetPicture(pic)
		return
	}
	p.name, p.pic = node, pic
	p.publicOnly, p.eligibleOnly = false, false
	p.table.Reset()
	p.table.SetTime(pic.Clock, pic.Touched)
	p.refresh()
}

// NodeName is the node that the page is about.
func (p *Page) NodeName() string { return p.name }

// Node is the node that the page is about, nil when it is gone.
func (p *Page) Node() *session.Node { return p.node }

// SetPicture shows a picture.
func (p *Page) SetPicture(pic page.Picture) {
	same := pic.Snap == p.pic.Snap
	p.pic = pic
	p.table.SetTime(pic.Clock, pic.Touched)
	if !same {
		p.refresh()
	}
}

// Diagnosed says that a node has been diagnosed beside the UI.
func (p *Page) Diagnosed(node string) {
	if node == p.name {
		p.refresh()
	}
}

// refresh takes the node's owners out of the picture.
func (p *Page) refresh() {
	p.node = p.pic.Snap.Node(p.name)
	rows := p.rows[:0]
	if p.node != nil {
		for _, o := range p.node.Owners {
			if p.publicOnly && o.EstablishedPublic+o.SynSentPublic == 0 || p.eligibleOnly && o.Ports.Max+o.UDPFlows == 0 {
				continue
			}
			rows = append(rows, o)
		}
	}
	p.table.SetEmpty(p.emptyText())
	p.table.SetRows(rows)
	p.rows = rows
}

func (p *Page) emptyText() string {
	switch {
	case p.name == "":
		return "no node is chosen: esc goes back to the nodes"
	case p.node == nil:
		return sanitize.Text(p.name) + " is not in the cluster any more; esc goes back"
	}
	if text, _ := page.Missing(p.node); text != "" {
		return text
	}
	switch {
	case p.publicOnly && len(p.node.Owners) > 0:
		return "no pod of this node has connections to public addresses; p shows all"
	case p.eligibleOnly && len(p.node.Owners) > 0:
		return "no pod of this node holds a SNAT port; a shows all"
	default:
		return "no pods with outbound connections on this node"
	}
}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) { p.theme = th; p.table.SetTheme(th) }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) { p.table.SetSize(width, height) }

// SetFocused says whether the page has the keys.
func (p *Page) SetFocused(on bool) { p.table.SetFocused(on) }

// Update moves, sorts and chooses what to show.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(tea.KeyPressMsg); ok {
		switch {
		case key.Matches(msg, p.keys.Global.Public):
			p.publicOnly = !p.publicOnly
			p.refresh()
			p.table.Settle()
			return nil
		case key.Matches(msg, p.keys.Global.Eligible):
			p.eligibleOnly = !p.eligibleOnly
			p.refresh()
			p.table.Settle()
			return nil
		}
	}
	return p.table.Update(msg)
}

// View draws the table.
func (p *Page) View() string { return p.table.View() }

// Selected returns the owner under the cursor, or nil.
func (p *Page) Selected() *session.Owner {
	o, _ := p.table.Selected()
	return o
}

// Select puts the cursor on an owner, taking back whatever hides it.
func (p *Page) Select(owner session.Key) bool {
	if p.table.Select(owner) {
		return true
	}
	p.publicOnly, p.eligibleOnly = false, false
	p.table.SetFilter("")
	p.refresh()
	return p.table.Select(owner)
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

// Know answers for the selected pod, else for the node.
func (p *Page) Know() evidence.Sheet {
	switch o := p.Selected(); {
	case o != nil && p.node != nil:
		return evidence.Owner(p.pic.Snap, p.node, o)
	case p.node != nil:
		return evidence.Node(p.pic.Snap, p.node)
	default:
		return evidence.Sheet{Title: "How do you know? There is no pod to speak of."}
	}
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string {
	title := sanitize.Text(p.name)
	if p.node != nil {
		title = page.NodeTitle(p.node)
	}
	return []string{page.Context(p.pic.Snap), title}
}

// State says how the node is seen and what is left out of the rows.
func (p *Page) State() string {
	return page.NodeState(p.pic, p.node) + p.choice() + page.Window(p.table)
}

func (p *Page) choice() string {
	s := ""
	if p.publicOnly {
		s += " · public only"
	}
	if p.eligibleOnly {
		s += " · eligible only"
	}
	return s
}

// Sentence speaks of the pod under the cursor.
func (p *Page) Sentence(width int) string {
	if p.node == nil {
		return format.Fit(width, p.emptyText()+".")
	}
	node := sanitize.Text(p.node.Name)
	if text, _ := page.Missing(p.node); text != "" {
		return format.Fit(width, node+": "+text+".")
	}
	o := p.Selected()
	if o == nil {
		return format.Fit(width, "Nothing on "+node+" to speak of.")
	}
	who := sanitize.Text(o.Title())
	if o.Ports.Max == 0 {
		return format.Fit(width, who+" takes no port of the balancer", fmt.Sprintf(": its %s stay inside", format.Plural(o.All, "connection")), ".")
	}
	held := fmt.Sprintf(" holds about %s", format.Plural(o.Ports.Estimate, "port"))
	of := ""
	if b := p.node.Budget; b.Known() {
		of = fmt.Sprintf(" of %s's %s", node, format.Count(b.Ports))
	}
	wait, fail := "", ""
	if o.Trying > 0 {
		wait = fmt.Sprintf("; %s wait for an answer", format.Count(o.Trying))
	}
	if page.HasRates(p.node) && o.FailedPerSecond >= 1 {
		fail = fmt.Sprintf(", %s a second fail", format.Rate(o.FailedPerSecond))
	}
	alone := ""
	if p.node.Verdict == snat.Exhausted && 2*o.Ports.Estimate > p.node.Ports.Estimate {
		alone = " More than half of what the node has in use."
	}
	return format.Fit(width, who+held, of, wait, fail, ".", p.named(o), alone)
}

// named is what the pod does, when that was found.
func (p *Page) named(o *session.Owner) string {
	d, _ := p.diagnosis()
	c, sure, _ := d.CauseOf(o)
	if c == "" {
		return ""
	}
	return fmt.Sprintf(" Cause: %s (%s).", c.Title(), sure)
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	open := p.keys.Global.Open
	open.SetHelp(open.Help().Key, "connections")
	return []key.Binding{open, p.keys.Global.Back, p.keys.Global.Diagnose, p.keys.Global.Know, p.keys.Global.Filter, p.keys.Global.Public}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	open := p.keys.Global.Open
	open.SetHelp(open.Help().Key, "its connections")
	m, t := p.keys.Move, p.keys.Table
	return [][]key.Binding{
		{open, p.keys.Global.Diagnose, p.keys.Global.Filter, p.keys.Global.Public, p.keys.Global.Eligible, t.Turn, t.TurnBack},
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
		{t.SortLeft, t.SortRight, t.Reverse, t.Columns},
	}
}
