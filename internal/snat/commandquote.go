package snat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a name in a command, in bytes. No cloud has longer ones.
const maxName = 256

// word writes a name as one word of a POSIX shell. A name that is not known,
// or that no cloud would have given (control and invisible characters, invalid
// UTF-8, a leading dash that a program would take for a flag, one too long),
// becomes the placeholder: an operator fills it in, and nothing hostile is
// pasted.
func word(name, placeholder string) string {
	if !nameable(name) {
		return placeholder
	}
	if strings.IndexFunc(name, quoted) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// nameable reports whether a name may stand in a command at all.
func nameable(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '-' || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		// IsPrint leaves out controls, formats such as changes of direction, and
		// every space but the plain one.
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// quoted reports whether a character means something to a shell. Everything
// that is not surely harmless does.
func quoted(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("-_./:", r)
	}
}
