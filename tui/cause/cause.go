// Package cause is page ④: why a node runs out of ports, or only seems to,
// what proves it, and what to do.
package cause

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
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
	pic   page.Picture

	// nodeName and ownerKey are what the page is about; ownerKey is empty when
	// it is about the node as a whole. title is the owner's.
	nodeName string
	ownerKey session.Key
	title    string

	// diagnosis is that of the picture, asked for when it is first needed; pending
	// means that it is still being made.
	diagnosis *runbook.Diagnosis
	pending   bool
	// blocks are what is written, laid out for the width; nil when that must be
	// done again.
	blocks []block
	// cursor counts the blocks that can be chosen; offset is the first line on
	// the screen.
	cursor, offset int

	width, height int
}

var _ page.Page = (*Page)(nil)

// New returns the page of no node.
func New(km *keys.Map, th *theme.Theme) *Page {
	return &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
}

// Open makes the page about a node and, when owner is not empty, about one of
// its pods. title names the pod should it be gone already.
func (p *Page) Open(node string, owner session.Key, title string) {
	if node == p.nodeName && owner == p.ownerKey {
		return
	}
	p.nodeName, p.ownerKey, p.title = node, owner, sanitize.Text(title)
	p.cursor, p.offset = 0, 0
	p.forget()
}

// Subject is what the page is about.
func (p *Page) Subject() (node string, owner session.Key) { return p.nodeName, p.ownerKey }

// Focus is whose processes help to say what to do: the owner that the page is
// about, else the one that the main cause is about.
func (p *Page) Focus() (node string, owner session.Key) {
	if p.ownerKey != "" {
		return p.nodeName, p.ownerKey
	}
	if a, ok := p.Diagnosis().Main(); ok && len(a.Owners) > 0 {
		return p.nodeName, a.Owners[0].Key
	}
	return "", ""
}

// SetPicture shows a picture.
func (p *Page) SetPicture(pic page.Picture) {
	same := pic.Snap == p.pic.Snap
	p.pic = pic
	if !same {
		p.forget()
	}
}

func (p *Page) forget() { p.diagnosis, p.blocks = nil, nil }

// Diagnosis is what is known of the node.
func (p *Page) Diagnosis() *runbook.Diagnosis {
	if p.diagnosis == nil {
		p.diagnosis, p.pending = p.pic.Diagnose(p.Node())
	}
	return p.diagnosis
}

// Diagnosed says that a node has been diagnosed beside the UI.
func (p *Page) Diagnosed(node string) {
	if node == p.nodeName {
		p.forget()
	}
}

// looking reports whether the causes are still being looked for.
func (p *Page) looking() bool {
	p.Diagnosis()
	return p.pending
}

// Node is the node that the page is about, nil when it is gone.
func (p *Page) Node() *session.Node { return p.pic.Snap.Node(p.nodeName) }

// owner is the pod that the page is about; nil when it is about none, or the
// pod is gone.
func (p *Page) owner() *session.Owner {
	n := p.Node()
	if n == nil || p.ownerKey == "" {
		return nil
	}
	for _, o := range n.Owners {
		if o.Key == p.ownerKey {
			return o
		}
	}
	return nil
}

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) {
	p.theme = th
	p.blocks = nil
}

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) {
	if width != p.width {
		p.blocks = nil
	}
	p.width, p.height = width, height
}

// Update moves and scrolls.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		p.key(msg)
	case tea.MouseWheelMsg:
		const lines = 3
		if msg.Button == tea.MouseWheelUp {
			p.scroll(-lines)
		} else if msg.Button == tea.MouseWheelDown {
			p.scroll(lines)
		}
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft {
			p.click(msg.Y)
		}
	}
	return nil
}

func (p *Page) key(msg tea.KeyPressMsg) {
	switch move := p.keys.Move; {
	case key.Matches(msg, move.Up):
		p.choose(p.cursor - 1)
	case key.Matches(msg, move.Down):
		p.choose(p.cursor + 1)
	case key.Matches(msg, move.PageUp):
		p.scroll(-max(1, p.height-1))
	case key.Matches(msg, move.PageDown):
		p.scroll(max(1, p.height-1))
	case key.Matches(msg, move.Top):
		p.cursor, p.offset = 0, 0
	case key.Matches(msg, move.Bottom):
		p.bottom()
	}
}

// Filter returns no filter: the page has no rows.
func (*Page) Filter() string { return "" }

// SetFilter does nothing.
func (*Page) SetFilter(string) {}

// Rows counts no rows.
func (*Page) Rows() (shown, total int, fuzzy bool) { return 0, 0, false }

// Copy is the command of what is chosen, or its text where it has none.
func (p *Page) Copy() string {
	if b, ok := p.chosen(); ok {
		return b.copy
	}
	return ""
}

// Know gathers every command behind the answers.
func (p *Page) Know() evidence.Sheet {
	n := p.Node()
	if n == nil {
		return evidence.Sheet{Title: "How do you know? There is no node to speak of."}
	}
	return evidence.Diagnosis(p.pic.Snap, n, p.Diagnosis())
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string {
	title := sanitize.Text(p.nodeName)
	if n := p.Node(); n != nil {
		title = page.NodeTitle(n)
	}
	crumbs := []string{page.Context(p.pic.Snap), title}
	if p.ownerKey != "" {
		crumbs = append(crumbs, p.title)
	}
	return append(crumbs, "cause")
}

// State says how well the node is seen, and what is on the screen when not all
// is.
func (p *Page) State() string {
	s := page.NodeState(p.pic, p.Node())
	if all := p.total(); all > p.height && p.height > 0 {
		return format.Count(p.offset+1) + "–" + format.Count(min(p.offset+p.height, all)) + " of " + format.Count(all) + " ↑↓ · " + s
	}
	return s
}

// Sentence is the diagnosis in one sentence.
func (p *Page) Sentence(width int) string {
	n := p.Node()
	switch {
	case p.nodeName == "":
		return format.Fit(width, "No node is chosen: esc goes back.")
	case n == nil:
		return format.Fit(width, sanitize.Text(p.nodeName)+" is not in the cluster any more; esc goes back.")
	}
	if text, _ := page.Missing(n); text != "" {
		return format.Fit(width, sanitize.Text(n.Name)+": "+text+".")
	}
	if p.looking() {
		return format.Fit(width, "Looking for the causes on "+sanitize.Text(n.Name)+" "+format.Ellipsis)
	}
	a, ok := p.Diagnosis().Main()
	if !ok {
		return format.Fit(width, p.verdict(n))
	}
	first := ""
	if len(a.Remedies) > 0 {
		first = " First: " + sanitize.Text(a.Remedies[0].Text)
	}
	return format.Fit(width, sanitize.Text(n.Name)+p.stands()+": "+a.Cause.Title()+", confidence "+a.Confidence.String(), of(&a), ".", first)
}

func of(a *runbook.Answer) string {
	if a.Subject == "" || len(a.Owners) == 0 && !a.Dest.IP.IsValid() || a.Cause == runbook.BudgetTooSmall {
		return "" // it is about the node, which was named
	}
	return ", " + sanitize.Text(a.Subject)
}

// stands says of a healthy node that what follows is no trouble yet.
func (p *Page) stands() string {
	if p.Diagnosis().Healthy() {
		return " is healthy; to watch"
	}
	return ""
}

// verdict is what to say where no cause was found.
func (p *Page) verdict(n *session.Node) string {
	name, d := sanitize.Text(n.Name), p.Diagnosis()
	unseen := len(d.In(runbook.CouldNotSee))
	switch {
	case d.Healthy():
		return name + " is healthy, and none of the causes that could be seen is at work."
	case unseen > 0:
		return "No cause was found on " + name + ". " + format.Plural(unseen, "cause") + " could not be seen, and may be at work."
	default:
		return "No cause was found on " + name + "."
	}
}

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	g := p.keys.Global
	return []key.Binding{g.Copy, g.Back, g.Know, g.Baseline, g.Proof}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	g, m := p.keys.Global, p.keys.Move
	return [][]key.Binding{
		{g.Copy, g.Baseline, g.Proof},
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
	}
}

// View draws the part of the text that is in the window.
func (p *Page) View() string {
	if p.width <= 0 || p.height <= 0 {
		return ""
	}
	lines := p.lines()
	p.offset = max(0, min(p.offset, len(lines)-p.height))
	out := make([]string, 0, p.height)
	for i := p.offset; i < len(lines) && len(out) < p.height; i++ {
		out = append(out, lines[i])
	}
	for len(out) < p.height {
		out = append(out, format.Spaces(p.width))
	}
	return strings.Join(out, "\n")
}
