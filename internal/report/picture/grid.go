package picture

import (
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
)

// The largest screen that is drawn; what is beyond is cut off.
const (
	MaxWidth  = 400
	MaxHeight = 150
)

const (
	// maxScreen bounds the text of a screen, in bytes: some 60 for each cell of
	// the largest one.
	maxScreen = 8 << 20
	// maxCluster bounds what one cell may hold, in bytes: a letter with any
	// marks that a language has.
	maxCluster = 32
)

// Paper is what a terminal would fill in by itself.
type Paper struct {
	// Ink is the colour of text without one of its own, Ground what is behind.
	Ink, Ground color.RGBA
}

// Grid is a screen as cells.
type Grid struct {
	// Width and Height are in cells.
	Width, Height int
	paper         Paper
	cells         []cell
}

// cell is one place of the screen. The second half of a wide character has a
// width of 0.
type cell struct {
	text  string
	width int
	fg    color.RGBA
	bg    color.RGBA
	bold  bool
	under bool
	strike,
	hidden bool
}

// Parse reads a screen of that size. Sequences other than those that style text
// do nothing, and characters that a terminal obeys or hides are left out.
func Parse(screen string, width, height int, paper Paper) *Grid {
	paper.Ink.A, paper.Ground.A = 0xff, 0xff
	g := &Grid{Width: min(max(width, 1), MaxWidth), Height: min(max(height, 1), MaxHeight), paper: paper}
	g.cells = make([]cell, g.Width*g.Height)
	if len(screen) > maxScreen {
		screen = screen[:maxScreen]
	}
	buf := uv.NewScreenBuffer(g.Width, g.Height)
	// The pages measure by grapheme clusters as well.
	buf.Method = ansi.GraphemeWidth
	uv.NewStyledString(screen).Draw(buf, buf.Bounds())
	for y := range g.Height {
		for x := 0; x < g.Width; {
			c := g.convert(buf.CellAt(x, y))
			if x+c.width > g.Width {
				c.text, c.width = " ", 1
			}
			g.cells[y*g.Width+x] = c
			for i := 1; i < c.width; i++ {
				rest := c
				rest.text, rest.width = "", 0
				g.cells[y*g.Width+x+i] = rest
			}
			x += c.width
		}
	}
	return g
}

// convert makes a cell of one of the terminal library's.
func (g *Grid) convert(from *uv.Cell) cell {
	c := cell{text: " ", width: 1, fg: g.paper.Ink, bg: g.paper.Ground}
	if from == nil {
		return c
	}
	if from.Width > 0 {
		if text := glyphs(from.Content); text != "" {
			// Nothing a terminal shows in one place is wider than two cells.
			c.text, c.width = text, min(from.Width, 2)
		}
	}
	s := from.Style
	c.fg, c.bg = g.colour(s.Fg, g.paper.Ink), g.colour(s.Bg, g.paper.Ground)
	if s.Attrs&uv.AttrReverse != 0 {
		c.fg, c.bg = c.bg, c.fg
	}
	if s.Attrs&uv.AttrFaint != 0 {
		c.fg = mix(c.bg, c.fg, 155)
	}
	c.bold = s.Attrs&uv.AttrBold != 0
	c.strike = s.Attrs&uv.AttrStrikethrough != 0
	c.hidden = s.Attrs&uv.AttrConceal != 0
	c.under = s.Underline != uv.UnderlineNone
	return c
}

// glyphs is what is seen of a cluster: at most so many bytes, and no character
// that speaks to whoever shows the picture.
func glyphs(cluster string) string {
	if len(cluster) > maxCluster {
		cut := maxCluster
		for cut > 0 && cluster[cut]&0xc0 == 0x80 {
			cut--
		}
		cluster = cluster[:cut]
	}
	text := sanitize.Text(cluster)
	// XML knows no U+FFFE and U+FFFF (XML 1.0, 2.2 "Characters").
	return strings.Map(func(r rune) rune {
		if r&0xfffe == 0xfffe {
			return -1
		}
		return r
	}, text)
}

// system are the sixteen colours that a terminal is asked for by number, as
// xterm draws them but for its blues, which are hard to read.
var system = [16]color.RGBA{
	{0x1c, 0x1f, 0x26, 0xff}, {0xcd, 0x31, 0x31, 0xff}, {0x0d, 0xa0, 0x4f, 0xff}, {0xb5, 0x89, 0x00, 0xff},
	{0x24, 0x68, 0xb4, 0xff}, {0xb0, 0x3f, 0xbc, 0xff}, {0x11, 0x9d, 0xb5, 0xff}, {0xcc, 0xd0, 0xd6, 0xff},
	{0x6b, 0x72, 0x80, 0xff}, {0xf1, 0x5b, 0x5b, 0xff}, {0x3f, 0xc5, 0x78, 0xff}, {0xe5, 0xb8, 0x3a, 0xff},
	{0x6c, 0xb6, 0xff, 0xff}, {0xd6, 0x70, 0xd6, 0xff}, {0x45, 0xc8, 0xdc, 0xff}, {0xff, 0xff, 0xff, 0xff},
}

// colour resolves a colour of the terminal.
func (g *Grid) colour(c color.Color, otherwise color.RGBA) color.RGBA {
	switch c := c.(type) {
	case nil:
		return otherwise
	case ansi.BasicColor:
		return system[c&15]
	case ansi.IndexedColor:
		if c < 16 {
			return system[c]
		}
	}
	r, ok := color.RGBAModel.Convert(c).(color.RGBA)
	if !ok {
		return otherwise
	}
	r.A = 0xff
	return r
}

// mix lays a colour over another, as opaque as alpha of 255 says.
func mix(under, over color.RGBA, alpha byte) color.RGBA {
	m := func(u, o byte) byte {
		return byte((int(u)*(255-int(alpha)) + int(o)*int(alpha) + 127) / 255) //nolint:gosec // between two bytes
	}
	return color.RGBA{R: m(under.R, over.R), G: m(under.G, over.G), B: m(under.B, over.B), A: 0xff}
}

// Text is the screen as plain text: a line for each row, without spaces at the
// end.
func (g *Grid) Text() string {
	var b strings.Builder
	for y := range g.Height {
		var line strings.Builder
		for _, c := range g.row(y) {
			if c.hidden && c.width > 0 {
				line.WriteString(strings.Repeat(" ", c.width))
				continue
			}
			line.WriteString(c.text)
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (g *Grid) row(y int) []cell { return g.cells[y*g.Width : (y+1)*g.Width] }
