// Package proof is page ⑤: did it help? A baseline that was frozen stands
// beside now, row by row, and each row says less, same or more only where
// that is beyond noise.
package proof

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Page is the model of the proof page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	table *table.Table[*row, rowKey]
	pic   page.Picture
	// baseline is the picture that now is compared with; its Snap is nil until
	// there is one. before is what is compared with of it.
	baseline page.Picture
	before   *proof.Baseline

	// compared is what the rows were made of, and when that was.
	compared *session.Snapshot
	at       time.Time
	result   *proof.Comparison
	measured bool
	work     work

	width, height int
}

var _ page.Page = (*Page)(nil)

// New returns the page without a picture and without a baseline.
func New(km *keys.Map, th *theme.Theme) *Page {
	p := &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
	p.table = table.New(table.Options[*row, rowKey]{
		Columns: p.columns(),
		Key:     func(r *row) rowKey { return r.key },
		Terms:   filter.Terms{Fields: []filter.Field{filter.Node, filter.Owner, filter.State}, States: states()},
		Match:   func(r *row, f *filter.Filter) bool { return f.Named(r.names()) },
		Sort:    "answer",
		Spread:  true,
		Keys:    km,
	}, th)
	p.table.SetEmpty("nothing to compare: neither the baseline nor now holds a node")
	return p
}

// SetBaseline freezes a picture as what now is compared with. One without a
// snapshot takes the baseline back.
func (p *Page) SetBaseline(pic page.Picture) {
	p.baseline, p.before, p.result, p.compared, p.measured = pic, nil, nil, nil, false
	p.work.number++ // what is being compared is with another
	p.work.rests = false
	p.table.Reset()
}

// HasBaseline reports whether there is one.
func (p *Page) HasBaseline() bool { return p.baseline.Snap != nil }

// SetPicture shows a picture. What it means beside the baseline is worked out
// when somebody looks.
func (p *Page) SetPicture(pic page.Picture) {
	p.pic = pic
	p.table.SetTime(pic.Clock, pic.Touched)
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
	if p.compare() == nil {
		return nil
	}
	return p.table.Update(msg)
}

// View draws the table, or how to come by one.
func (p *Page) View() string {
	switch {
	case p.Waiting():
		return p.lines(p.comparing())
	case p.result == nil:
		return p.lines(p.invitation()...)
	}
	return p.table.View()
}

// selected returns the row under the cursor, or nil.
func (p *Page) selected() *row {
	if p.compare() == nil {
		return nil
	}
	r, _ := p.table.Selected()
	return r
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
	p.compare()
	shown, total = p.table.Count()
	return shown, total, p.table.Fuzzy()
}

// Copy is the comparison as Markdown.
func (p *Page) Copy() string {
	c := p.compare()
	if c == nil {
		return ""
	}
	var b strings.Builder
	if err := proof.Markdown(&b, c); err != nil {
		return "" // not reached: a builder takes everything
	}
	return b.String()
}

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string { return []string{page.Context(p.pic.Snap), "proof"} }

// State says what is compared.
func (p *Page) State() string {
	if !p.HasBaseline() {
		return "no baseline"
	}
	p.compare()
	s := "baseline " + format.Clock(p.baseline.Snap.Time) + " · " + format.Age(p.since()) + " ago"
	if p.roomy() {
		s = "means of ~30 s · " + s
	}
	if until, early := p.early(); early {
		s += " · early until " + format.Clock(until)
	}
	switch {
	case p.result == nil:
		return "comparing " + format.Ellipsis + " · " + s
	case p.stands():
		s = "of " + format.Clock(p.at) + ", comparing " + format.Ellipsis + " · " + s
	}
	return s + page.Window(p.table)
}

// roomy means that there is room in the line of the state to say what the
// numbers are; else the sentence does, where it can. What grows is more than its
// mean, and who comes from another page has seen that.
func (p *Page) roomy() bool {
	const room, roomEarly = 100, 130 // until when it is early stands there, too
	_, early := p.early()
	return p.width >= roomEarly || p.width >= room && !early
}

// early is until when ports that were cooling at the baseline may still be
// held, while that is not over.
func (p *Page) early() (until time.Time, early bool) {
	until = p.baseline.Now.Add(p.patience())
	return until, p.pic.Now.Before(until)
}

// since is how long ago the baseline was taken.
func (p *Page) since() time.Duration { return p.pic.Now.Sub(p.baseline.Now) }

// ShortHelp names the keys that matter here.
func (p *Page) ShortHelp() []key.Binding {
	baseline := p.keys.Global.Baseline
	if p.HasBaseline() {
		baseline.SetHelp(baseline.Help().Key, "new baseline")
	}
	return []key.Binding{baseline, p.keys.Global.Back, p.keys.Global.Know, p.keys.Global.Filter, p.keys.Global.Copy}
}

// FullHelp names every key of the page.
func (p *Page) FullHelp() [][]key.Binding {
	m, t := p.keys.Move, p.keys.Table
	return [][]key.Binding{
		{p.keys.Global.Baseline, p.keys.Global.Filter},
		{m.Up, m.Down, m.PageUp, m.PageDown, m.Top, m.Bottom},
		{t.SortLeft, t.SortRight, t.Reverse, t.Columns},
	}
}
