package picture

import (
	"fmt"
	"image"
	"image/draw"

	"github.com/go-fonts/dejavu/dejavusansmono"
	"github.com/go-fonts/dejavu/dejavusansmonobold"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// advance is how wide every character of DejaVu Sans Mono is, in parts of an
// em: 1233 of 2048.
const advance = 1233.0 / 2048

// baseline is where letters stand, in pixels from the top of a cell: what the
// font rises above it and falls below, in the middle of the cell.
const baseline = 25

// mask is how much of each pixel of a character is covered, in a cell of as many
// pixels as it is wide.
type mask struct {
	alpha *image.Alpha
	// missing means that no font has the character: a box stands in its place.
	missing bool
}

// typeface draws characters of one weight, each once.
type typeface struct {
	font *sfnt.Font
	face font.Face
	// small is for digits in a circle.
	small font.Face
	buf   sfnt.Buffer
	masks map[maskKey]mask
}

type maskKey struct {
	text  string
	width int
}

// newTypeface reads a font that is part of this program.
func newTypeface(bold bool) (*typeface, error) {
	data := dejavusansmono.TTF
	if bold {
		data = dejavusansmonobold.TTF
	}
	f, err := sfnt.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the picture's font: %w", err)
	}
	t := &typeface{font: f, masks: make(map[maskKey]mask)}
	if t.face, err = opentype.NewFace(f, &opentype.FaceOptions{Size: cellWidth / advance, DPI: 72, Hinting: font.HintingNone}); err != nil {
		return nil, fmt.Errorf("sizing the picture's font: %w", err)
	}
	if t.small, err = opentype.NewFace(f, &opentype.FaceOptions{Size: 16, DPI: 72, Hinting: font.HintingNone}); err != nil {
		return nil, fmt.Errorf("sizing the picture's font: %w", err)
	}
	return t, nil
}

// has reports whether the font draws a character.
func (t *typeface) has(r rune) bool {
	i, err := t.font.GlyphIndex(&t.buf, r)
	return err == nil && i != 0
}

// alias are characters that the font draws under another number.
func alias(r rune) rune {
	switch r {
	case '⏵':
		return '▶'
	case '⏺':
		return '●'
	case '⏸':
		return '‖'
	case '⟳':
		return '↻'
	case '\u00a0', '\u202f':
		return ' '
	default:
		return r
	}
}

// mask returns what a cluster of characters looks like in a place of one or two
// cells.
func (t *typeface) mask(text string, width int) mask {
	key := maskKey{text, width}
	if m, ok := t.masks[key]; ok {
		return m
	}
	m := t.draw(norm.NFC.String(text), width)
	t.masks[key] = m
	return m
}

func (t *typeface) draw(text string, width int) mask {
	m := mask{alpha: image.NewAlpha(image.Rect(0, 0, width*cellWidth, cellHeight))}
	for i, r := range text {
		r = alias(r)
		if digit, filled, ok := circled(r); ok {
			t.circle(m.alpha, digit, filled)
			continue
		}
		if !t.has(r) {
			m.missing = true
			if i == 0 {
				box(m.alpha)
				return m
			}
			continue
		}
		t.glyph(m.alpha, t.face, r, fixed.P((width-1)*cellWidth/2, baseline))
	}
	return m
}

// glyph lays one character over what is there.
func (t *typeface) glyph(onto *image.Alpha, face font.Face, r rune, at fixed.Point26_6) {
	where, glyph, from, _, ok := face.Glyph(at, r)
	if !ok {
		return
	}
	draw.DrawMask(onto, where, image.Opaque, image.Point{}, glyph, from, draw.Over)
}

// box is what stands where there is no glyph.
func box(onto *image.Alpha) {
	b := onto.Bounds()
	outer := image.Rect(b.Min.X+2, 6, b.Max.X-2, 27)
	for y := outer.Min.Y; y < outer.Max.Y; y++ {
		for x := outer.Min.X; x < outer.Max.X; x++ {
			if !image.Pt(x, y).In(outer.Inset(2)) {
				onto.Pix[onto.PixOffset(x, y)] = 0xff
			}
		}
	}
}
