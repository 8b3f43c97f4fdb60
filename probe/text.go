package probe

import (
	"strings"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/sanitize"
)

// printable makes text of a process one safe line: NUL, which stands between
// the arguments of a command line, becomes a blank, and no control character
// is left. A process chooses its own command line, so it is never trusted.
func printable(s string) string {
	return strings.TrimSpace(sanitize.Text(strings.ReplaceAll(s, "\x00", " ")))
}

// cut shortens text to at most limit bytes and never inside a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
