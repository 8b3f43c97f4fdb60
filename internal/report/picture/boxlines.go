package picture

import "math"

// Weights of an arm of a box line.
const (
	none = iota
	light
	heavy
	double
)

// arms are the weights of a box line's four arms: up, right, down, left.
type arms struct{ up, right, down, left int }

// The arms of U+250C to U+254B, of U+2550 to U+256C, and of U+2574 to U+257F,
// in the order of the code chart: a digit for each arm as in the type.
const (
	plainArms = "0110021001200220" + "0011001200210022" + "1100120021002200" + "1001100220012002" +
		"11101210211011202120221012202220" + "10111012201110212021201210222022" +
		"01110112021102120121012202210222" + "11011102120112022101210222012202" +
		"1111111212111212211111212121211222111122122122121222212222212222"
	doubleArms = "03033030" + "031001300330" + "001300310033" + "130031003300" + "100330013003" +
		"131031303330" + "101330313033" + "031301310333" + "130331013303" + "131331313333"
	halfArms = "000110000100001000022000020000200201102001022010"
)

func armsOf(list string, i int) arms {
	d := func(n int) int { return int(list[4*i+n] - '0') }
	return arms{d(0), d(1), d(2), d(3)}
}

// boxLine draws U+2500 to U+257F; nil for the diagonals, which are the font's.
func boxLine(r rune) []rect {
	switch {
	case r <= 0x2503:
		return lines([...]arms{{0, 1, 0, 1}, {0, 2, 0, 2}, {1, 0, 1, 0}, {2, 0, 2, 0}}[r-0x2500])
	case r <= 0x250b:
		i := int(r - 0x2504)
		return dashes(3+i/4, i&2 != 0, light+i&1)
	case r <= 0x254b:
		return lines(armsOf(plainArms, int(r-0x250c)))
	case r <= 0x254f:
		i := int(r - 0x254c)
		return dashes(2, i&2 != 0, light+i&1)
	case r <= 0x256c:
		return lines(armsOf(doubleArms, int(r-0x2550)))
	case r <= 0x2570:
		return arc(r)
	case r <= 0x2573:
		return nil
	default:
		return lines(armsOf(halfArms, int(r-0x2574)))
	}
}

const (
	// midX and midY are the middle of a cell.
	midX, midY = cellWidth / 2, cellHeight / 2
	// apart is how far the lines of a double one are from the middle.
	apart = 3
)

// thick is half of a line's thickness.
func thick(weight int) int {
	if weight == heavy {
		return 2
	}
	return 1
}

// lines draws the four arms. Each is drawn to the right and then turned into
// its place: along and across say where it lies in its own direction.
func lines(a arms) []rect {
	var out []rect
	add := func(weight, ahead, before, after, mid, end int, place func(from, to, low, high int) rect) {
		switch weight {
		case none:
		case double:
			out = append(out,
				place(mid+start(before, after, ahead), end, -apart-1, -apart+1),
				place(mid+start(after, before, ahead), end, apart-1, apart+1))
		default:
			from := -max(thick(weight), thick(before), thick(after))
			switch {
			case before == double && after == double:
				from = apart - 1
			case before == double || after == double:
				from = -apart - 1
			}
			if ahead == weight {
				from = 0
			}
			out = append(out, place(mid+from, end, -thick(weight), thick(weight)))
		}
	}
	right := func(from, to, low, high int) rect { return solid(from, midY+low, to, midY+high) }
	left := func(from, to, low, high int) rect {
		return solid(cellWidth-to, midY+low, cellWidth-from, midY+high)
	}
	down := func(from, to, low, high int) rect { return solid(midX+low, from, midX+high, to) }
	up := func(from, to, low, high int) rect {
		return solid(midX+low, cellHeight-to, midX+high, cellHeight-from)
	}
	add(a.right, a.left, a.up, a.down, midX, cellWidth, right)
	add(a.left, a.right, a.up, a.down, midX, cellWidth, left)
	add(a.down, a.up, a.left, a.right, midY, cellHeight, down)
	add(a.up, a.down, a.left, a.right, midY, cellHeight, up)
	return out
}

// start is where one line of a double arm begins, from the middle: at the arm
// on its own side, or around the corner at the arm on the other.
func start(same, other, ahead int) int {
	switch {
	case same == double:
		return apart - 1
	case other == double && ahead != double:
		return -apart - 1
	case ahead == double:
		return 0
	default:
		return -1
	}
}

// dashes draws a line of n dashes, down or across.
func dashes(n int, down bool, weight int) []rect {
	var out []rect
	length := cellWidth
	if down {
		length = cellHeight
	}
	gap := max(2, length/n/4)
	for i := range n {
		from, to := i*length/n+gap/2, (i+1)*length/n-(gap-gap/2)
		if down {
			out = append(out, solid(midX-thick(weight), from, midX+thick(weight), to))
		} else {
			out = append(out, solid(from, midY-thick(weight), to, midY+thick(weight)))
		}
	}
	return out
}

// arc draws the round corners U+256D to U+2570: a quarter of a circle between
// two straight pieces, with soft edges.
func arc(r rune) []rect {
	const radius = cellWidth / 2
	// The middle of the circle, as signs of the way there.
	sx, sy := 1, 1
	switch r {
	case 0x256e:
		sx = -1
	case 0x256f:
		sx, sy = -1, -1
	case 0x2570:
		sy = -1
	}
	cx, cy := float64(midX+sx*radius), float64(midY+sy*radius)
	var out []rect
	for y := midY - radius; y < midY+radius; y++ {
		for x := range cellWidth {
			px, py := float64(x)+0.5, float64(y)+0.5
			if (px-cx)*float64(sx) > 0 || (py-cy)*float64(sy) > 0 {
				continue
			}
			cover := 1.5 - math.Abs(math.Hypot(px-cx, py-cy)-radius)
			if a := byte(255 * min(1, max(0, cover))); a > 0 {
				out = append(out, rect{x, y, x + 1, y + 1, a})
			}
		}
	}
	if sy > 0 {
		return append(out, solid(midX-1, midY+radius, midX+1, cellHeight))
	}
	return append(out, solid(midX-1, 0, midX+1, midY-radius))
}
