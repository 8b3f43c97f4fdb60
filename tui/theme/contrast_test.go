package theme_test

import (
	"image/color"
	"math"
	"testing"

	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/theme"
)

// readable is the contrast that WCAG 2.2 asks for text of common size (1.4.3).
const readable = 4.5

// luminance is the relative one of WCAG 2.2.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	part := func(v uint32) float64 {
		s := float64(v) / 0xffff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(r) + 0.7152*part(g) + 0.0722*part(b)
}

// contrast is that between two colours, from 1 to 21.
func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// cell is how a style draws a letter.
func cell(s theme.Style) uv.Style {
	buf := uv.NewScreenBuffer(1, 1)
	uv.NewStyledString(s.Render("x")).Draw(buf, buf.Bounds())
	return buf.CellAt(0, 0).Style
}

// read are the looks of what is read. Rules are left out: nothing is lost with
// them.
func read(th *theme.Theme) map[string]theme.Style {
	return map[string]theme.Style{
		"text": th.Text, "dim": th.Dim, "strong": th.Strong, "brand": th.Brand, "accent": th.Accent, "heading": th.Heading,
		"good": th.Good, "warn": th.Warn, "bad": th.Bad, "notice": th.Notice, "a warning bar": th.WarnBar, "a bad bar": th.BadBar,
	}
}

func TestContrast(t *testing.T) {
	t.Parallel()
	rgb := func(v uint32) color.Color {
		return color.RGBA{R: byte(v >> 16), G: byte(v >> 8), B: byte(v), A: 0xff}
	}
	for _, light := range []bool{false, true} {
		th := theme.For(theme.Terminal{Light: light})
		ink, paper := theme.Paper(!light)
		grounds := map[string]color.Color{"paper": paper, "the cursor's row": cell(th.Selected).Bg, "its row without keys": cell(th.SelectedBlurred).Bg}
		// What terminals come with: black, VS Code, Windows; white, Solarized.
		common := map[string]uint32{"black": 0x000000, "#1e1e1e": 0x1e1e1e, "#0c0c0c": 0x0c0c0c, "Solarized": 0x002b36, "Dracula": 0x282a36}
		if light {
			common = map[string]uint32{"white": 0xffffff, "Solarized": 0xfdf6e3, "#fafafa": 0xfafafa}
		}
		for name, v := range common {
			grounds[name] = rgb(v)
		}
		for name, s := range read(th) {
			fg := cell(s).Fg
			if fg == nil {
				fg = ink
			}
			for on, ground := range grounds {
				if c := contrast(fg, ground); c < readable {
					t.Errorf("light %t: %s on %s has a contrast of %.2f", light, name, on, c)
				}
				// A terminal of 256 colours shows the nearest ones it has.
				if c := contrast(colorprofile.ANSI256.Convert(fg), colorprofile.ANSI256.Convert(ground)); c < readable {
					t.Errorf("light %t: %s on %s has a contrast of %.2f in 256 colours", light, name, on, c)
				}
			}
		}
	}
}

// palettes are what common terminals make of the sixteen colours: black, red,
// green, yellow, blue, magenta, cyan, white, and the same bright.
var palettes = map[string][16]uint32{
	"xterm":   {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff},
	"VGA":     {0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff},
	"Windows": {0x0c0c0c, 0xc50f1f, 0x13a10e, 0xc19c00, 0x0037da, 0x881798, 0x3a96dd, 0xcccccc, 0x767676, 0xe74856, 0x16c60c, 0xf9f1a5, 0x3b78ff, 0xb4009e, 0x61d6d6, 0xf2f2f2},
	"Tango":   {0x2e3436, 0xcc0000, 0x4e9a06, 0xc4a000, 0x3465a4, 0x75507b, 0x06989a, 0xd3d7cf, 0x555753, 0xef2929, 0x8ae234, 0xfce94f, 0x729fcf, 0xad7fa8, 0x34e2e2, 0xeeeeec},
}

// In sixteen colours the ground is anything: a text in a colour must bring its
// own, and what it brings must suit in every palette.
func TestSixteenColoursReadOnAnyGround(t *testing.T) {
	t.Parallel()
	th := theme.For(theme.Terminal{Colours: theme.Sixteen})
	looks := read(th)
	delete(looks, "a bad bar") // drawn, and the number beside it says the same
	looks["the cursor's row"] = th.Selected
	for name, s := range looks {
		c := cell(s)
		if (c.Fg == nil) != (c.Bg == nil) {
			t.Errorf("%s has a colour without a ground, or a ground without a colour", name)
		}
		if c.Fg == nil {
			continue
		}
		fg, ok := c.Fg.(ansi.BasicColor)
		bg, okToo := c.Bg.(ansi.BasicColor)
		if !ok || !okToo {
			t.Errorf("%s is %T on %T", name, c.Fg, c.Bg)
			continue
		}
		for of, p := range palettes {
			rgb := func(v uint32) color.Color {
				return color.RGBA{R: byte(v >> 16), G: byte(v >> 8), B: byte(v), A: 0xff}
			}
			if got := contrast(rgb(p[fg]), rgb(p[bg])); got < readable {
				t.Errorf("%s has a contrast of %.2f in the palette of %s", name, got, of)
			}
		}
	}
}
