package picture

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"strings"
)

// The size of a cell in the units of an SVG: that at which it is shown.
const (
	unitWidth  = cellWidth / 2
	unitHeight = cellHeight / 2
	unitMargin = margin / 2
)

// SVG writes the screen as a document that needs nothing else: no script, no
// font, no other file. Its text can be selected and searched. Box lines, blocks
// and braille are drawn, and stand in the text unseen; each run of text is
// fitted to its cells, whatever font there is.
func (g *Grid) SVG(w io.Writer) error {
	var b bytes.Buffer
	width, height := g.Width*unitWidth+2*unitMargin, g.Height*unitHeight+2*unitMargin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="DejaVu Sans Mono,Menlo,Consolas,Liberation Mono,monospace" font-size="%.4g">`+"\n",
		width, height, width, height, unitWidth/advance)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="%s"/>`+"\n", width, height, hex(g.paper.Ground))
	for y := range g.Height {
		g.grounds(&b, y)
	}
	for y := range g.Height {
		g.strokes(&b, y)
	}
	for y := range g.Height {
		g.letters(&b, y)
	}
	b.WriteString("</svg>\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// grounds fills in what is behind the text of a row.
func (g *Grid) grounds(b *bytes.Buffer, y int) {
	row := g.row(y)
	for x := 0; x < len(row); {
		end := x + 1
		for end < len(row) && row[end].bg == row[x].bg {
			end++
		}
		if row[x].bg != g.paper.Ground {
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
				unitMargin+x*unitWidth, unitMargin+y*unitHeight, (end-x)*unitWidth, unitHeight, hex(row[x].bg))
		}
		x = end
	}
}

// strokes draws the characters of a row that are shapes, and lines under and
// through text. Neighbours of one colour are one path, so that bars have no
// seams.
func (g *Grid) strokes(b *bytes.Buffer, y int) {
	type look struct {
		ink   color.RGBA
		alpha byte
	}
	var order []look
	paths := map[look]*strings.Builder{}
	add := func(x int, ink color.RGBA, r rect) {
		l := look{ink, r.alpha}
		if paths[l] == nil {
			paths[l] = &strings.Builder{}
			order = append(order, l)
		}
		left, top := margin+x*cellWidth, margin+y*cellHeight
		fmt.Fprintf(paths[l], "M%s %sh%sv%sh-%sz", half(left+r.x0), half(top+r.y0), half(r.x1-r.x0), half(r.y1-r.y0), half(r.x1-r.x0))
	}
	for x, at := range g.row(y) {
		if at.hidden {
			continue
		}
		for _, r := range drawn(&at) {
			add(x, at.fg, r)
		}
		if at.under {
			add(x, at.fg, solid(0, 28, cellWidth, 30))
		}
		if at.strike {
			add(x, at.fg, solid(0, 16, cellWidth, 18))
		}
	}
	for _, l := range order {
		opacity := ""
		if l.alpha != 0xff {
			opacity = fmt.Sprintf(` fill-opacity="%.3g"`, float64(l.alpha)/255)
		}
		fmt.Fprintf(b, `<path fill="%s"%s shape-rendering="crispEdges" d="%s"/>`+"\n", hex(l.ink), opacity, paths[l])
	}
}

// half writes pixels as the units of the document.
func half(pixels int) string {
	if pixels%2 == 0 {
		return fmt.Sprint(pixels / 2)
	}
	return fmt.Sprintf("%d.5", pixels/2)
}

// drawn is the shape of a cell; nil for what is written.
func drawn(at *cell) []rect {
	runes := []rune(at.text)
	if len(runes) != 1 {
		return nil
	}
	return shape(runes[0])
}

// style is what a run of text has in common.
type style struct {
	fg   color.RGBA
	bold bool
	// unseen are spaces and shapes: text to select, and no ink.
	unseen bool
}

// letters writes the text of a row, run by run.
func (g *Grid) letters(b *bytes.Buffer, y int) {
	row := g.row(y)
	last := len(row)
	for last > 0 && (row[last-1].text == " " || row[last-1].hidden) {
		last--
	}
	if last == 0 {
		return
	}
	fmt.Fprintf(b, `<text y="%s" xml:space="preserve">`, half(margin+y*cellHeight+baseline))
	for x := 0; x < last; {
		s := styleOf(&row[x])
		end := x + 1
		// A space looks alike in every style.
		for end < last && (row[end].width == 0 || row[end].text == " " || styleOf(&row[end]) == s) {
			end++
		}
		var text strings.Builder
		for _, at := range row[x:end] {
			if at.hidden && at.width > 0 {
				text.WriteString(strings.Repeat(" ", at.width))
				continue
			}
			text.WriteString(at.text)
		}
		fmt.Fprintf(b, `<tspan x="%d" textLength="%d" lengthAdjust="spacingAndGlyphs"%s>%s</tspan>`,
			unitMargin+x*unitWidth, (end-x)*unitWidth, s.attributes(), escape(text.String()))
		x = end
	}
	b.WriteString("</text>\n")
}

func styleOf(at *cell) style {
	s := style{fg: at.fg, bold: at.bold, unseen: at.hidden || at.text == " " || drawn(at) != nil}
	if s.unseen {
		s.fg, s.bold = color.RGBA{}, false
	}
	return s
}

func (s style) attributes() string {
	switch {
	case s.unseen:
		return ` fill="none"`
	case s.bold:
		return ` fill="` + hex(s.fg) + `" font-weight="bold"`
	default:
		return ` fill="` + hex(s.fg) + `"`
	}
}

// escape makes text of a cell text of XML; Parse has left out what XML has no
// character for.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
