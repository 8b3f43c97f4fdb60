// Package sanitize keeps text that came from a cluster from speaking to the
// terminal. Names of pods, commands of processes and messages of errors are
// chosen by others; a single escape sequence among them could repaint the
// screen of whoever looks at it.
package sanitize

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s as one line of printable text: escape sequences, control
// characters (C0, DEL, C1), bidirectional controls and other invisible format
// characters are removed, line breaks and tabs become a space, and bytes that
// are no UTF-8 become U+FFFD. Text that is clean already is returned as is.
func Text(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		case r == 0x1b || r >= 0x80 && r <= 0x9f:
			size += sequence(r, s[i+size:])
		case r == '\n' || r == '\r' || r == '\t' || r == '\v' || r == '\f' || unicode.In(r, unicode.Zl, unicode.Zp):
			b.WriteByte(' ')
		case hidden(r):
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// clean is the fast path: printable ASCII needs no work.
func clean(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// hidden reports whether a rune is one that a terminal obeys or hides instead
// of showing it. unicode.Cc is C0, DEL and C1; unicode.Cf holds the
// bidirectional controls (U+200E–200F, U+202A–202E, U+2066–2069), zero-width
// characters and tags; unicode.Cs cannot occur in valid UTF-8.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs)
}

// sequence returns the length of what belongs to an escape sequence after its
// introducer. A sequence that does not end is taken to be the introducer
// alone, so that a hostile name cannot swallow the honest text behind it.
func sequence(intro rune, rest string) int {
	skip := 0
	if intro == 0x1b {
		if rest == "" || rest[0] >= utf8.RuneSelf {
			return 0
		}
		skip = 1
		intro = rune(rest[0]) + 0x40 // ESC [ is CSI (0x9b), ESC ] is OSC (0x9d) …
	}
	switch intro {
	case 0x9b: // CSI: parameters, intermediates, one final byte
		for i := skip; i < len(rest); i++ {
			if c := rest[i]; c >= 0x40 && c <= 0x7e {
				return i + 1
			} else if c < 0x20 || c > 0x7e {
				return skip
			}
		}
		return skip
	case 0x9d, 0x90, 0x98, 0x9e, 0x9f: // OSC, DCS, SOS, PM, APC: up to BEL or ST
		for i := skip; i < len(rest); i++ {
			switch {
			case rest[i] == 0x07:
				return i + 1
			case strings.HasPrefix(rest[i:], "\x1b\\"), strings.HasPrefix(rest[i:], "\u009c"):
				return i + 2
			}
		}
		return skip
	default: // a two-byte sequence, or a lone C1 control
		if skip == 1 && (rest[0] < 0x20 || rest[0] == 0x7f) {
			return 0
		}
		return skip
	}
}
