package picture

import (
	"image"
	"math"

	"golang.org/x/image/math/fixed"
)

// circled reads the digits in circles, which monospaced fonts lack: ① to ⑨ and,
// on black, ❶ to ❾.
func circled(r rune) (digit rune, filled, ok bool) {
	switch {
	case r >= 0x2460 && r <= 0x2468:
		return '1' + r - 0x2460, false, true
	case r >= 0x2776 && r <= 0x277e:
		return '1' + r - 0x2776, true, true
	default:
		return 0, false, false
	}
}

// circle draws a digit in a circle as wide as a cell.
func (t *typeface) circle(onto *image.Alpha, digit rune, filled bool) {
	const cx, cy, radius = cellWidth / 2.0, 16.5, cellWidth/2.0 - 0.25
	inner := image.NewAlpha(onto.Bounds())
	// The digit is as wide as its font says, and stands in the middle.
	wide, ok := t.small.GlyphAdvance(digit)
	if !ok {
		return
	}
	t.glyph(inner, t.small, digit, fixed.Point26_6{X: fixed.I(cellWidth)/2 - wide/2, Y: fixed.I(22) + 16})
	for y := range cellHeight {
		for x := range cellWidth {
			d := math.Hypot(float64(x)+0.5-cx, float64(y)+0.5-cy)
			cover := min(1, max(0, radius-d+0.5))
			if !filled {
				cover = min(cover, min(1, max(0, d-radius+2)))
			}
			at := onto.PixOffset(x, y)
			ink := float64(inner.Pix[at]) / 255
			if filled {
				cover *= 1 - ink
			} else {
				cover = max(cover, ink)
			}
			onto.Pix[at] = byte(math.Round(255 * cover))
		}
	}
}
