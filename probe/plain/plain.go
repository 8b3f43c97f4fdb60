// Package plain makes what processes say of themselves short and safe.
package plain

import (
	"strings"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/sanitize"
)

// Line makes text of a process one safe line: NUL, which stands between
// the arguments of a command line, becomes a blank, and no control character
// is left. A process chooses its own command line, so it is never trusted.
func Line(s string) string {
	return strings.TrimSpace(sanitize.Text(strings.ReplaceAll(s, "\x00", " ")))
}

// Cut shortens text to at most limit bytes and never inside a character.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
