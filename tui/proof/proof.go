// Package proof is page ⑤: did it help? A baseline that was frozen stands
// beside now, row by row, and each row says less, same or more only where
// that is beyond noise.
package proof

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Page is the model of the proof page.
type Page struct {
	keys  *keys.Map
	theme *theme.Theme
	pic   page.Picture
	// baseline is the picture that now is compared with; its Snap is nil until
	// there is one.
	baseline page.Picture

	width, height int
}

var _ page.Page = (*Page)(nil)

// New returns the page without a picture and without a baseline.
func New(km *keys.Map, th *theme.Theme) *Page {
	return &Page{keys: km, theme: th, pic: page.Picture{Snap: &session.Snapshot{}}}
}

// SetBaseline freezes a picture as what now is compared with. One without a
// snapshot takes the baseline back.
func (p *Page) SetBaseline(pic page.Picture) { p.baseline = pic }

// HasBaseline reports whether there is one.
func (p *Page) HasBaseline() bool { return p.baseline.Snap != nil }

// SetPicture shows a picture.
func (p *Page) SetPicture(pic page.Picture) { p.pic = pic }

// SetTheme changes the looks.
func (p *Page) SetTheme(th *theme.Theme) { p.theme = th }

// SetSize says how much room there is.
func (p *Page) SetSize(width, height int) { p.width, p.height = width, height }

// Update takes a message.
func (*Page) Update(tea.Msg) tea.Cmd { return nil }

// View draws the page.
func (*Page) View() string { return "" }

// Filter returns the filter of the rows.
func (*Page) Filter() string { return "" }

// SetFilter filters the rows.
func (*Page) SetFilter(string) {}

// Rows counts the rows.
func (*Page) Rows() (shown, total int, fuzzy bool) { return 0, 0, false }

// Copy is the selected row as text.
func (*Page) Copy() string { return "" }

// Know says how the answer of the selected row was found.
func (*Page) Know() evidence.Sheet { return evidence.Sheet{Title: "How do you know?"} }

// Crumbs is the way to the page.
func (p *Page) Crumbs() []string { return []string{page.Context(p.pic.Snap), "proof"} }

// State says what is compared.
func (*Page) State() string { return "" }

// Sentence is the comparison in one sentence.
func (*Page) Sentence(int) string { return "" }

// ShortHelp names the keys that matter here.
func (*Page) ShortHelp() []key.Binding { return nil }

// FullHelp names every key of the page.
func (*Page) FullHelp() [][]key.Binding { return nil }
