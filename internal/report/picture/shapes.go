package picture

// The size of a cell in pixels, at twice the size at which it is shown. Both
// divide by eight, so that eighths of a cell are whole pixels.
const (
	cellWidth  = 16
	cellHeight = 32
)

// rect is a part of a cell, in pixels, as opaque as alpha of 255 says.
type rect struct {
	x0, y0, x1, y1 int
	alpha          byte
}

func solid(x0, y0, x1, y1 int) rect { return rect{x0, y0, x1, y1, 0xff} }

// shape is a character as rectangles; nil for those that are a font's.
func shape(r rune) []rect {
	switch {
	case r >= 0x2500 && r <= 0x257f:
		return boxLine(r)
	case r >= 0x2580 && r <= 0x259f:
		return block(r)
	case r >= 0x2800 && r <= 0x28ff:
		return braille(r)
	default:
		return nil
	}
}

// block draws U+2580 to U+259F: halves, eighths, shades and quadrants.
func block(r rune) []rect {
	const w, h = cellWidth, cellHeight
	switch {
	case r == 0x2580:
		return []rect{solid(0, 0, w, h/2)}
	case r <= 0x2588:
		return []rect{solid(0, h-int(r-0x2580)*h/8, w, h)}
	case r <= 0x258f:
		return []rect{solid(0, 0, int(0x2590-r)*w/8, h)}
	case r == 0x2590:
		return []rect{solid(w/2, 0, w, h)}
	case r <= 0x2593:
		return []rect{{0, 0, w, h, byte(int(r-0x2590) * 64)}}
	case r == 0x2594:
		return []rect{solid(0, 0, w, h/8)}
	case r == 0x2595:
		return []rect{solid(w-w/8, 0, w, h)}
	}
	// Bits: upper left, upper right, lower left, lower right; ▖ to ▟.
	var bits byte
	for i, q := range [...]byte{0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111} {
		if int(r-0x2596) == i {
			bits = q
		}
	}
	var out []rect
	for i, at := range [...]rect{solid(0, 0, w/2, h/2), solid(w/2, 0, w, h/2), solid(0, h/2, w/2, h), solid(w/2, h/2, w, h)} {
		if bits&(0b1000>>i) != 0 {
			out = append(out, at)
		}
	}
	return out
}

// braille draws U+2800 to U+28FF. Dots are numbered down the left column and
// then the right one, the lowest row last (Unicode 16, chapter 21.1).
func braille(r rune) []rect {
	out := []rect{}
	rows := [8]int{0, 1, 2, 0, 1, 2, 3, 3}
	columns := [8]int{0, 0, 0, 1, 1, 1, 0, 1}
	for i := range 8 {
		if (r-0x2800)>>i&1 == 1 {
			x, y := cellWidth/4+columns[i]*cellWidth/2, cellHeight/8+rows[i]*cellHeight/4
			out = append(out, solid(x-2, y-2, x+2, y+2))
		}
	}
	return out
}
