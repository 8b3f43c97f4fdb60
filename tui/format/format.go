// Package format spells numbers, times and text for the pages: measured
// figures bare, estimated ones marked, unknown ones a dash and never zero.
package format

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Dash stands for what is not known.
const Dash = "—"

// Ellipsis ends text that was cut.
const Ellipsis = "…"

// Count writes n with a comma between thousands: "1,024".
func Count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	if uint64(n) > math.MaxInt64 && n > 0 {
		s = strconv.FormatUint(uint64(n), 10)
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if len(s) <= 3 {
		return sign + s
	}
	var b strings.Builder
	b.WriteString(sign)
	head := len(s) % 3
	b.WriteString(s[:head])
	for i := head; i < len(s); i += 3 {
		if b.Len() > len(sign) {
			b.WriteByte(',')
		}
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

// About marks an estimate: "~612". Nothing is nothing: zero has no mark.
func About(n int) string {
	if n == 0 {
		return "0"
	}
	return "~" + Count(n)
}

// Rate writes events a second: two significant digits below ten, whole above.
func Rate(r float64) string {
	switch {
	case math.IsNaN(r) || math.IsInf(r, 0) || r < 0:
		return Dash
	case r == 0:
		return "0"
	case r < 0.01:
		return "<0.01"
	case r < 0.995:
		return strings.TrimRight(strconv.FormatFloat(r, 'f', 2, 64), "0")
	case r < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(r, 'f', 1, 64), ".0")
	case r > 1e12:
		return ">1e12"
	default:
		return Count(int64(math.Round(r)))
	}
}

// Percent writes part of whole as "60%", or a dash when there is no whole.
// What is not nothing and not all is never rounded to it.
func Percent(part, whole int) string {
	if whole <= 0 {
		return Dash
	}
	p := math.Round(100 * float64(part) / float64(whole))
	switch {
	case part > 0 && p < 1:
		return "<1%"
	case part < whole && p >= 100:
		p = 99
	}
	return Count(int64(p)) + "%"
}

// AboutPercent writes an estimated share: "~60%". What is less than one percent
// is that much for sure, and nothing is nothing.
func AboutPercent(part, whole int) string {
	return mark("~", Percent(part, whole), "<1%")
}

// LeastPercent writes a share that may be more: "≥60%".
func LeastPercent(part, whole int) string {
	return mark("≥", Percent(part, whole), ">0%")
}

// LeastRate writes events a second of which there may be more: "≥0.3".
func LeastRate(r float64) string { return mark("≥", Rate(r), ">0") }

// mark puts a mark before a share that it can be put before; little stands for
// what is less than can be written.
func mark(mark, share, little string) string {
	switch {
	case share == Dash, share == "0%":
		return share
	case share[0] == '<':
		return little
	default:
		return mark + share
	}
}

// Clock writes a time of day in UTC: "12:04:31Z".
func Clock(t time.Time) string {
	if t.IsZero() {
		return Dash
	}
	return t.UTC().Format("15:04:05Z")
}

// Age writes a duration in its largest whole unit: "14 s", "3 min", "2 h".
func Age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute:
		return Count(int64(d/time.Second)) + " s"
	case d < 2*time.Hour:
		return Count(int64(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return Count(int64(d/time.Hour)) + " h"
	default:
		return Count(int64(d/(24*time.Hour))) + " d"
	}
}

// Plural writes a count and its noun: "1 node", "3 nodes".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Width is ansi.StringWidth with a short way for what most cells are:
// printable ASCII, perhaps with colours around it.
func Width(s string) int {
	w := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x20 && c <= 0x7e:
			w++
		case c == 0x1b && i+1 < len(s) && s[i+1] == '[':
			end := strings.IndexByte(s[i:], 'm')
			if end < 0 || strings.Trim(s[i+2:i+end], "0123456789;") != "" {
				return ansi.StringWidth(s)
			}
			i += end
		default:
			return ansi.StringWidth(s)
		}
	}
	return w
}

// Cut shortens styled text to width cells and ends it with an ellipsis.
func Cut(s string, width int) string {
	s, _ = fit(s, width)
	return s
}

// fit is Cut that also returns the width of what is left.
func fit(s string, width int) (string, int) {
	if width <= 0 {
		return "", 0
	}
	if w := Width(s); w <= width {
		return s, w
	}
	s = ansi.Truncate(s, width, Ellipsis)
	return s, Width(s)
}

// CutMiddle shortens plain text in its middle, which keeps both what groups
// names (the front) and what tells them apart (the end).
func CutMiddle(s string, width int) string {
	w := Width(s)
	switch {
	case w <= width:
		return s
	case width < 8:
		return Cut(s, width)
	}
	room := (width - 1) * 2 / 5
	tail := ansi.TruncateLeft(s, w-room, "")
	if ansi.StringWidth(tail) > room { // the cut fell into a wide character
		tail = ansi.TruncateLeft(s, w-room+1, "")
	}
	return ansi.Truncate(s, width-1-room, "") + Ellipsis + tail
}

// Left cuts or pads styled text on the right to exactly width cells.
func Left(s string, width int) string {
	s, w := fit(s, width)
	return s + Spaces(width-w)
}

// Right cuts or pads styled text on the left to exactly width cells.
func Right(s string, width int) string {
	s, w := fit(s, width)
	return Spaces(width-w) + s
}

// Ends puts left and right at the two ends of a line of width cells. The left
// side gives way when both do not fit.
func Ends(left, right string, width int) string {
	rw := Width(right)
	if right == "" || rw >= width {
		if right == "" {
			return Left(left, width)
		}
		return Left(right, width)
	}
	room := width - rw - 2
	if room < 1 {
		return Spaces(width-rw) + right
	}
	return Left(left, room) + "  " + right
}

// Spaces returns n spaces, none when n is negative.
func Spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blank) {
		return blank[:n]
	}
	return strings.Repeat(" ", n)
}

// Fit joins parts while the line stays within width: the first part always
// (cut if it must be), each of the others only when it fits whole.
func Fit(width int, parts ...string) string {
	line := ""
	for i, p := range parts {
		if i == 0 || Width(line)+Width(p) <= width {
			line += p
		}
	}
	return Cut(line, width)
}

const blank = "                                                                                "
