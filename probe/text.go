package probe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes text of a process safe and short: NUL becomes a blank, what
// is not a graphic character is dropped. A process chooses its own command
// line, so it is never trusted.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == 0 || r == '\n' || r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsGraphic(r):
			return -1
		default:
			return r
		}
	}, s)
	return strings.TrimSpace(s)
}
