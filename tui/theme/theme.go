// Package theme names what things mean on the screen and gives each meaning a
// look. Components get a *Theme handed in; nothing is global. What a colour
// says is always said by a mark or a word as well, so that NO_COLOR, sixteen
// colours and a monochrome ticket lose nothing.
package theme

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/snattop/snattop/internal/snat"
)

// Style is a look reduced to what it writes before and after a text, so that
// a table of many cells costs little more than its characters.
type Style struct{ before, after string }

// NewStyle reduces a lipgloss style (its text attributes; no sizes, no
// borders).
func NewStyle(s lipgloss.Style) Style {
	before, after, ok := strings.Cut(s.Inline(true).Render("x"), "x")
	if !ok {
		return Style{}
	}
	return Style{before: before, after: after}
}

// Render writes text in the style.
func (s Style) Render(text string) string {
	if text == "" || s.before == "" {
		return text
	}
	return s.before + text + s.after
}

// Over lays the style under text that is styled already: after each reset in
// the text the style is taken up again.
func (s Style) Over(text string) string {
	if text == "" || s.before == "" {
		return text
	}
	return s.before + strings.ReplaceAll(text, reset, reset+s.before) + s.after
}

const reset = "\x1b[m"

// Theme is the set of looks, by meaning.
type Theme struct {
	// Text is what is read, Dim what is there when one looks for it, Strong
	// what is read first.
	Text, Dim, Strong Style
	// Brand is the tool's own name, Accent what leads the eye (keys, the
	// current step), Heading a table's column titles.
	Brand, Accent, Heading Style
	// Selected lies under the row of the cursor, SelectedBlurred under that
	// row while another pane has the keys.
	Selected, SelectedBlurred Style
	// Good, Warn and Bad are judgements; Notice is a message to the operator.
	Good, Warn, Bad, Notice Style
	// WarnBar and BadBar are Warn and Bad for what is drawn, not read: they never
	// have a ground, which would hide a bar.
	WarnBar, BadBar Style
	// Rule is lines between things.
	Rule Style
}

// Colours are how many colours a terminal has, or is to be given.
type Colours int

// The numbers of colours that make a difference.
const (
	// Many is more than sixteen: the themes choose their own.
	Many Colours = iota
	// Sixteen are those whose looks the terminal's owner has chosen.
	Sixteen
	// None leaves bold, faint, underlined and reversed.
	None
)

// Terminal is what a theme is chosen by.
type Terminal struct {
	// Light means that the background is.
	Light bool
	// Colours are how many there are.
	Colours Colours
}

// For returns the theme for a terminal.
func For(t Terminal) *Theme {
	switch t.Colours {
	case None:
		return colourless()
	case Sixteen:
		return sixteen()
	case Many:
		return many(!t.Light)
	default:
		return many(!t.Light)
	}
}

// New returns the theme for a dark or a light background, without any colour
// if so wanted.
func New(dark, noColor bool) *Theme {
	t := Terminal{Light: !dark}
	if noColor {
		t.Colours = None
	}
	return For(t)
}

func colourless() *Theme {
	base := lipgloss.NewStyle()
	return &Theme{
		Dim: NewStyle(base.Faint(true)), Strong: NewStyle(base.Bold(true)),
		Brand: NewStyle(base.Bold(true)), Accent: NewStyle(base.Bold(true)), Heading: NewStyle(base.Faint(true)),
		Selected: NewStyle(base.Reverse(true)), SelectedBlurred: NewStyle(base.Underline(true)),
		Warn: NewStyle(base.Bold(true)), Bad: NewStyle(base.Bold(true)), Notice: NewStyle(base.Bold(true)),
		WarnBar: NewStyle(base.Bold(true)), BadBar: NewStyle(base.Bold(true)),
		Rule: NewStyle(base.Faint(true)),
	}
}

// many is the theme of a dark or a light background. Every text has a contrast
// of 4.5 and more to the grounds that it may stand on.
func many(dark bool) *Theme {
	base := lipgloss.NewStyle()
	pick := lipgloss.LightDark(dark)
	fg := func(light, dark string) lipgloss.Style {
		return base.Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	bg := func(light, dark string) lipgloss.Style {
		return base.Background(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	warn, bad := NewStyle(fg("#6B4300", "#F2B84B")), NewStyle(fg("#A61B12", "#FF8080"))
	return &Theme{
		Text:            Style{},
		Dim:             NewStyle(fg("#555C68", "#A3ABB8")),
		Strong:          NewStyle(base.Bold(true)),
		Brand:           NewStyle(fg("#0A529B", "#6CB6FF").Bold(true)),
		Accent:          NewStyle(fg("#0A529B", "#6CB6FF")),
		Heading:         NewStyle(fg("#555C68", "#A3ABB8")),
		Selected:        NewStyle(bg("#D6E4F5", "#1C2F45")),
		SelectedBlurred: NewStyle(bg("#E8ECF1", "#262B33")),
		Good:            NewStyle(fg("#17642A", "#6BCB77")),
		Warn:            warn,
		Bad:             bad,
		Notice:          NewStyle(fg("#6B4300", "#F2B84B").Bold(true)),
		WarnBar:         warn,
		BadBar:          bad,
		Rule:            NewStyle(fg("#C4CAD3", "#4A5260")),
	}
}

// Paper returns the colours that a picture of the screen stands on: those that
// a terminal with a dark or a light background would fill in by itself.
func Paper(dark bool) (ink, ground color.RGBA) {
	if dark {
		return color.RGBA{R: 0xd7, G: 0xdc, B: 0xe3, A: 0xff}, color.RGBA{R: 0x12, G: 0x16, B: 0x1c, A: 0xff}
	}
	return color.RGBA{R: 0x1f, G: 0x24, B: 0x2c, A: 0xff}, color.RGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}
}

// Bar returns the look of a gauge of what has that verdict; ok is false where
// the verdict asks for no attention.
func (t *Theme) Bar(v snat.Verdict) (look Style, ok bool) {
	switch v {
	case snat.Exhausted:
		return t.BadBar, true
	case snat.Pressured:
		return t.WarnBar, true
	case snat.NotSNAT, snat.Healthy, snat.Unknown:
	}
	return Style{}, false
}

// Verdict returns the mark, the word and the look of a verdict. Marks differ
// in shape, not in colour alone.
func (t *Theme) Verdict(v snat.Verdict) (mark, word string, style Style) {
	switch v {
	case snat.Exhausted:
		return "▲", "exhausted", t.Bad
	case snat.Pressured:
		return "!", "pressured", t.Warn
	case snat.NotSNAT:
		return "■", "not SNAT", t.Warn
	case snat.Healthy:
		return "✓", "healthy", t.Good
	case snat.Unknown:
		return "?", "unknown", t.Dim
	default:
		return "?", "unknown", t.Dim
	}
}
