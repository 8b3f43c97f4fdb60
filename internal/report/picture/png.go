package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
)

// margin is the paper around the screen, in pixels.
const margin = 24

// PNG writes the screen at twice its size, and tells which characters no font
// had a glyph for; a box stands in their place.
func (g *Grid) PNG(w io.Writer) (missing []rune, err error) {
	c, err := newCanvas(g)
	if err != nil {
		return nil, err
	}
	c.paint()
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.DefaultCompression}
	if err := enc.Encode(&b, c.out); err != nil {
		return nil, fmt.Errorf("encoding the picture: %w", err)
	}
	if _, err := w.Write(dense(b.Bytes())); err != nil {
		return nil, fmt.Errorf("writing the picture: %w", err)
	}
	return c.missing, nil
}

// dense says in the file that two pixels are one of a common screen (PNG 3rd
// edition, 11.3.4.3 "pHYs"), right behind its header, which has 33 bytes.
func dense(file []byte) []byte {
	const header, perMetre = 33, 5669 // 144 an inch
	chunk := []byte{0, 0, 0, 9, 'p', 'H', 'Y', 's'}
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return slices.Insert(slices.Clone(file), header, chunk...)
}

// canvas is the picture while it is made. Every pixel is one of 256 colours: for
// each pair of ink and ground on the screen, the steps between them.
type canvas struct {
	grid  *Grid
	out   *image.Paletted
	steps int
	// bits is how many of a colour's eight count.
	bits        int
	pairs       map[pair]byte
	plain, bold *typeface
	missing     []rune
}

// pair is ink on a ground.
type pair struct{ ink, ground color.RGBA }

func newCanvas(g *Grid) (*canvas, error) {
	c := &canvas{grid: g, pairs: map[pair]byte{}}
	var err error
	if c.plain, err = newTypeface(false); err != nil {
		return nil, err
	}
	if c.bold, err = newTypeface(true); err != nil {
		return nil, err
	}
	c.out = image.NewPaletted(image.Rect(0, 0, g.Width*cellWidth+2*margin, g.Height*cellHeight+2*margin), c.palette())
	return c, nil
}

// palette chooses the colours: with as many steps between ink and ground as fit,
// and all bits of a colour unless a screen has more of them than any of ours.
func (c *canvas) palette() color.Palette {
	for _, try := range []struct{ steps, bits int }{{17, 8}, {9, 8}, {5, 8}, {4, 5}, {4, 3}, {4, 2}, {4, 1}} {
		c.steps, c.bits = try.steps, try.bits
		if list := c.distinct(256 / c.steps); list != nil {
			var colours color.Palette
			for i, p := range list {
				c.pairs[p] = byte(i * c.steps) //nolint:gosec // below 256: distinct bounds the list
				for s := range c.steps {
					colours = append(colours, mix(p.ground, p.ink, byte(s*255/(c.steps-1)))) //nolint:gosec // at most 255
				}
			}
			return colours
		}
	}
	return nil // not reached: one bit of three colours gives 64 pairs
}

// distinct lists the pairs of a screen in the order in which they come; nil when
// there are more than so many.
func (c *canvas) distinct(most int) []pair {
	seen := map[pair]bool{}
	var list []pair
	add := func(p pair) bool {
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
		return len(list) <= most
	}
	if !add(c.pair(c.grid.paper.Ink, c.grid.paper.Ground)) {
		return nil
	}
	for i := range c.grid.cells {
		if at := &c.grid.cells[i]; !add(c.pair(at.fg, at.bg)) {
			return nil
		}
	}
	return list
}

// pair keeps as many bits of two colours as count.
func (c *canvas) pair(ink, ground color.RGBA) pair {
	few := func(v byte) byte {
		top := v >> (8 - c.bits)
		return byte(int(top) * 255 / (1<<c.bits - 1)) //nolint:gosec // at most 255
	}
	all := func(v color.RGBA) color.RGBA {
		return color.RGBA{R: few(v.R), G: few(v.G), B: few(v.B), A: 0xff}
	}
	return pair{all(ink), all(ground)}
}

// paint fills in every cell.
func (c *canvas) paint() {
	for y := range c.grid.Height {
		for x, at := range c.grid.row(y) {
			c.cell(margin+x*cellWidth, margin+y*cellHeight, &at)
		}
	}
}

// cell draws one place of the screen, whose upper left corner is told. What is
// wide is drawn with its first half.
func (c *canvas) cell(left, top int, at *cell) {
	base := c.pairs[c.pair(at.fg, at.bg)]
	if at.width > 0 && base != 0 {
		c.fill(rect{left, top, left + at.width*cellWidth, top + cellHeight, 0}, base)
	}
	if at.hidden {
		return
	}
	if at.width > 0 && at.text != " " {
		c.character(left, top, base, at)
	}
	if at.under {
		c.fill(rect{left, top + 28, left + cellWidth, top + 30, 0xff}, base)
	}
	if at.strike {
		c.fill(rect{left, top + 16, left + cellWidth, top + 18, 0xff}, base)
	}
}

func (c *canvas) character(left, top int, base byte, at *cell) {
	runes := []rune(at.text)
	if len(runes) == 1 {
		if rects := shape(runes[0]); rects != nil {
			for _, r := range rects {
				c.fill(rect{left + r.x0, top + r.y0, left + r.x1, top + r.y1, r.alpha}, base)
			}
			return
		}
	}
	face := c.plain
	if at.bold {
		face = c.bold
	}
	m := face.mask(at.text, at.width)
	if m.missing {
		c.miss(face, runes)
	}
	for y := range cellHeight {
		from := m.alpha.Pix[y*m.alpha.Stride : y*m.alpha.Stride+at.width*cellWidth]
		to := c.out.Pix[c.out.PixOffset(left, top+y):]
		for x, a := range from {
			if a != 0 {
				to[x] = base + c.step(a)
			}
		}
	}
}

// miss remembers which characters have no glyph.
func (c *canvas) miss(face *typeface, runes []rune) {
	for _, r := range runes {
		if _, _, ok := circled(r); !ok && !face.has(alias(r)) && !slices.Contains(c.missing, r) && len(c.missing) < maxMissing {
			c.missing = append(c.missing, r)
		}
	}
}

// maxMissing bounds the characters that are told as missing.
const maxMissing = 64

// step is how far an alpha is on the way from ground to ink.
func (c *canvas) step(alpha byte) byte {
	return byte((int(alpha)*(c.steps-1) + 127) / 255) //nolint:gosec // at most 16
}

func (c *canvas) fill(r rect, base byte) {
	index := base + c.step(r.alpha)
	for y := r.y0; y < r.y1; y++ {
		row := c.out.Pix[c.out.PixOffset(r.x0, y):c.out.PixOffset(r.x1, y)]
		for i := range row {
			row[i] = index
		}
	}
}
