// Package dests is page ③: the destinations of one pod, and the processes
// that hold its connections.
package dests

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Page is the model of the destinations page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	dests *table.Table[*session.Dest, snat.Dest]
	procs *table.Table[session.Process, processID]
	pic   page.Picture

	// node and owner are what the page is about, by name and key; title is
	// the owner's, kept for when it is gone.
	nodeName string
	ownerKey session.Key
	title    string
	node     *session.Node
	owner    *session.Owner

	publicOnly, eligibleOnly bool
	// peek means that the page is a pane of another.
	peek bool
	// right means that the processes have the keys.
	right         bool
	width, height int
	// shown is the destination whose processes are in the right pane.
	shown *session.Dest
	// whose is that destination, also of pictures before.
	whose snat.Dest
}

var _ page.Page = (*Page)(nil)

// New returns the page of no pod.
func New(km *keys.Map, th *theme.Theme) *Page {
	p := &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
	p.dests = table.New(table.Options[*session.Dest, snat.Dest]{
		Columns: p.columns(),
		Key:     func(d *session.Dest) snat.Dest { return d.Dest },
		Terms:   filter.Terms{Fields: filter.All(), States: states()},
		Match:   func(d *session.Dest, f *filter.Filter) bool { return f.Dest(p.node, p.owner, d, stateOf(d)) },
		Sort:    "counts",
		Spread:  true,
		Keys:    km,
	}, th)
	p.procs = table.New(table.Options[session.Process, processID]{
		Columns: p.processColumns(),
		Key:     processKey,
		Sort:    "open",
		Keys:    km,
	}, th)
	p.procs.SetFocused(false)
	return p
}

// Peek makes the page one pane of another: without the processes, which cost a
// question to the node.
func (p *Page) Peek() *Page {
	p.peek = true
	return p
}

// SetFocused says whether the page has the keys.
func (p *Page) SetFocused(on bool) { p.dests.SetFocused(on) }

// Open makes the page about an owner of a node of a picture. title names it
// should it be gone already.
func (p *Page) Open(pic page.Picture, node string, owner session.Key, title string) {
	if node == p.nodeName && owner == p.ownerKey {
		p.SetPicture(pic)
		return
	}
	p.nodeName, p.ownerKey, p.title, p.pic = node, owner, sanitize.Text(title), pic
	p.publicOnly, p.eligibleOnly = false, false
	p.dests.Reset()
	p.procs.Reset()
	p.focus(false)
	p.dests.SetTime(pic.Clock, pic.Touched)
	p.procs.SetTime(pic.Clock, pic.Touched)
	p.refresh()
}

// Subject is what the page is about.
func (p *Page) Subject() (node string, owner session.Key) { return p.nodeName, p.ownerKey }

// Node is the node that the page is about, nil when it is gone.
func (p *Page) Node() *session.Node { return p.node }

// Title names the pod that the page is about.
func (p *Page) Title() string { return p.title }

// SetPicture shows a picture.
func (p *Page) SetPicture(pic page.Picture) {
	same := pic.Snap == p.pic.Snap
	p.pic = pic
	p.dests.SetTime(pic.Clock, pic.Touched)
	p.procs.SetTime(pic.Clock, pic.Touched)
	if !same {
		p.refresh()
	}
}

// Work returns what the table is to do beside the keys while the page is seen.
func (p *Page) Work() tea.Cmd { return p.dests.Work() }

// Worked takes what Work has come to.
func (p *Page) Worked(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	if !p.dests.Worked(msg) {
		return nil, false
	}
	p.followDest()
	return nil, true
}

// refresh takes the owner's destinations out of the picture.
func (p *Page) refresh() {
	p.node, p.owner = p.pic.Snap.Node(p.nodeName), nil
	if p.node != nil {
		for _, o := range p.node.Owners {
			if o.Key == p.ownerKey {
				p.owner = o
				p.title = sanitize.Text(o.Title())
			}
		}
	}
	var rows []*session.Dest
	if p.owner != nil {
		rows = make([]*session.Dest, 0, p.owner.NumDests())
		for _, d := range p.owner.Dests() {
			if p.publicOnly && !d.Public || p.eligibleOnly && !d.Eligible {
				continue
			}
			rows = append(rows, d)
		}
	}
	p.divide()
	p.dests.SetEmpty(p.emptyText())
	p.dests.SetRows(rows)
	p.shown = nil
	p.followDest()
}

// choose shows at once what the operator wants to see.
func (p *Page) choose() {
	p.refresh()
	p.dests.Settle()
	p.followDest()
}

// followDest shows the processes of the destination under the cursor.
func (p *Page) followDest() {
	d, ok := p.dests.Selected()
	if ok && d == p.shown {
		return
	}
	if ok && d.Dest != p.whose {
		p.procs.Reset() // of another: no row has a place to keep
		p.whose = d.Dest
	}
	p.shown = d
	var rows []session.Process
	switch {
	case !ok:
		p.procs.SetEmpty("")
	case !d.Detailed && p.pic.Snap.Cluster.Source == "recording":
		p.procs.SetEmpty("the recording holds no processes here")
	case !d.Detailed:
		p.procs.SetEmpty("asking the node whose they are …")
	case d.Open()+d.SynSent == 0:
		p.procs.SetEmpty("none: closed connections have no process")
	default:
		p.procs.SetEmpty("no process could be told")
	}
	if ok && d.Detailed {
		rows = d.Processes
	}
	p.procs.SetRows(rows)
}

func (p *Page) emptyText() string {
	switch {
	case p.ownerKey == "":
		return "no pod is chosen: esc goes back to the pods"
	case p.node == nil:
		return sanitize.Text(p.nodeName) + " is not in the cluster any more; esc goes back"
	}
	if text, _ := page.Missing(p.node); text != "" {
		return text
	}
	switch {
	case p.owner == nil:
		return p.title + " is gone or has closed its last connection; esc goes back"
	case p.publicOnly && p.owner.NumDests() > 0:
		return "it has no connections to public addresses; p shows all"
	case p.eligibleOnly && p.owner.NumDests() > 0:
		return "no destination of it takes a SNAT port; a shows all"
	default:
		return "no outbound connections"
	}
}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) {
	p.theme = th
	p.dests.SetTheme(th)
	p.procs.SetTheme(th)
}

// The widths that the panes need to stand side by side: the destinations,
// those with the columns that only some collectors fill, and the processes.
const (
	leftWidth, finerWidth = 84, 120
	rightWidth            = 44
)

// SetSize divides the room between the panes.
func (p *Page) SetSize(width, height int) {
	p.width, p.height = width, height
	p.divide()
}

// divide follows the size, and what there is to show.
func (p *Page) divide() {
	if p.sideBySide() {
		left := p.left()
		p.dests.SetSize(left, p.height)
		p.procs.SetSize(p.width-left-2, p.height)
		return
	}
	below := p.below()
	p.dests.SetSize(p.width, p.height-below)
	p.procs.SetSize(p.width, max(0, below-1))
}

func (p *Page) sideBySide() bool { return !p.peek && p.width >= p.leftMin()+2+rightWidth }

// left is the width of the destinations when the panes stand side by side.
func (p *Page) left() int { return max(p.leftMin(), p.width*56/100) }

func (p *Page) leftMin() int {
	if p.node != nil && p.node.Sight().Lives {
		return finerWidth
	}
	return leftWidth
}

// below is the height of the lower pane with its rule: a third, for a few
// processes at most.
func (p *Page) below() int {
	if p.peek || p.height < 7 {
		return 0
	}
	return min(max(4, p.height/3), 12)
}

func (p *Page) focus(right bool) {
	p.right = right
	p.dests.SetFocused(!right)
	p.procs.SetFocused(right)
}

// Update moves, sorts, changes panes and chooses what to show.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch {
		case p.peek && key.Matches(msg, p.keys.Table.NextPane):
			return nil
		case key.Matches(msg, p.keys.Table.NextPane):
			p.focus(!p.right)
			return nil
		case key.Matches(msg, p.keys.Global.Public):
			p.publicOnly = !p.publicOnly
			p.choose()
			return nil
		case key.Matches(msg, p.keys.Global.Eligible):
			p.eligibleOnly = !p.eligibleOnly
			p.choose()
			return nil
		}
	case tea.MouseClickMsg:
		if p.peek {
			return p.mouse(msg, false)
		}
		p.focus(p.inRight(msg.X, msg.Y))
		return p.mouse(msg, p.right)
	case tea.MouseWheelMsg:
		return p.mouse(msg, p.inRight(msg.X, msg.Y))
	}
	var cmd tea.Cmd
	if p.right {
		cmd = p.procs.Update(msg)
	} else {
		cmd = p.dests.Update(msg)
	}
	p.followDest()
	return cmd
}

// mouse hands a mouse message to the pane that it points at.
func (p *Page) mouse(msg tea.Msg, right bool) tea.Cmd {
	if !right {
		cmd := p.dests.Update(msg)
		p.followDest()
		return cmd
	}
	if p.sideBySide() {
		return p.procs.Update(component.Shift(msg, p.left()+2, 0))
	}
	return p.procs.Update(component.Shift(msg, 0, p.height-p.below()+1))
}

func (p *Page) inRight(x, y int) bool {
	if p.sideBySide() {
		return x >= p.left()
	}
	return p.below() > 0 && y >= p.height-p.below()
}

// View draws the panes.
func (p *Page) View() string {
	if !p.sideBySide() {
		if p.below() == 0 {
			return p.dests.View()
		}
		return p.dests.View() + "\n" + p.ruleAbove() + "\n" + p.procs.View()
	}
	left := strings.Split(p.dests.View(), "\n")
	right := strings.Split(p.procs.View(), "\n")
	for i := range left {
		r := ""
		if i < len(right) {
			r = right[i]
		}
		left[i] += p.theme.Rule.Render("│") + " " + r
	}
	return strings.Join(left, "\n")
}

// ruleAbove heads the lower pane with the destination it belongs to.
func (p *Page) ruleAbove() string {
	title := " processes "
	if d, ok := p.dests.Selected(); ok {
		title = " processes of " + d.Dest.String() + " "
	}
	line := p.theme.Rule.Render("──") + p.theme.Dim.Render(title) + p.theme.Rule.Render(strings.Repeat("─", max(0, p.width)))
	return format.Left(cutPlain(line, p.width), p.width)
}

// Filter returns the filter of the destinations.
func (p *Page) Filter() string { return p.dests.Filter() }

// FilterProblem is what is wrong with the filter.
func (p *Page) FilterProblem() error { return p.dests.FilterProblem() }

// FilterTerms are the terms that a filter may hold.
func (p *Page) FilterTerms() filter.Terms { return p.dests.Terms() }

// SetFilter filters the destinations.
func (p *Page) SetFilter(text string) {
	p.dests.SetFilter(text)
	p.followDest()
}

// Rows counts the destinations.
func (p *Page) Rows() (shown, total int, fuzzy bool) {
	shown, total = p.dests.Count()
	return shown, total, p.dests.Fuzzy()
}

// Selected is the destination under the cursor, or nil.
func (p *Page) Selected() *session.Dest {
	d, _ := p.dests.Selected()
	return d
}

// Copy is the selected process, with the whole of its command, while the
// processes have the keys.
func (p *Page) Copy() string {
	if p.right {
		return p.procs.RowText()
	}
	return ""
}

// Know answers for the selected destination, else for the pod or the node.
func (p *Page) Know() evidence.Sheet {
	d, ok := p.dests.Selected()
	switch {
	case ok && p.owner != nil:
		return evidence.Dest(p.pic.Snap, p.node, p.owner, d)
	case p.owner != nil:
		return evidence.Owner(p.pic.Snap, p.node, p.owner)
	case p.node != nil:
		return evidence.Node(p.pic.Snap, p.node)
	default:
		return evidence.Sheet{Title: "How do you know? There is nothing to speak of."}
	}
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string {
	return []string{page.Context(p.pic.Snap), sanitize.Text(p.nodeName), p.title}
}

// State says how the node is seen and what is left out of the rows.
func (p *Page) State() string {
	s := page.NodeState(p.pic, p.node)
	if p.node != nil && p.owner == nil && page.Seen(p.node) {
		s = "gone"
	}
	if p.publicOnly {
		s += " · public only"
	}
	if p.eligibleOnly {
		s += " · eligible only"
	}
	return s + page.Window(p.dests)
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	return []key.Binding{p.keys.Global.Back, p.keys.Global.Diagnose, p.keys.Global.Know, p.keys.Table.NextPane, p.keys.Global.Eligible, p.keys.Global.Filter}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	m, t := p.keys.Move, p.keys.Table
	here := []key.Binding{p.keys.Global.Diagnose, p.keys.Global.Filter, p.keys.Global.Public, p.keys.Global.Eligible, t.NextPane, t.Turn, t.TurnBack}
	if p.peek {
		open := p.keys.Global.Open
		open.SetHelp(open.Help().Key, "open it")
		here = append([]key.Binding{open}, here...)
	}
	return [][]key.Binding{
		here,
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
		{t.SortLeft, t.SortRight, t.Reverse, t.Columns},
	}
}

// Select puts the cursor on a destination, taking back whatever hides it.
func (p *Page) Select(d *session.Dest) bool {
	key := d.Dest
	if !p.dests.Select(key) {
		p.publicOnly, p.eligibleOnly = false, false
		p.dests.SetFilter("")
		p.refresh()
		if !p.dests.Select(key) {
			return false
		}
	}
	p.followDest()
	return true
}
