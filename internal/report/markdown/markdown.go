// Package markdown writes the parts of Markdown that snattop's documents are
// made of, so that no name of a cluster is read as anything but text.
package markdown

import (
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
)

// special are the characters that CommonMark 0.31 ("Backslash escapes") or
// GitHub's extensions of it read as more than themselves inside a line.
const special = "\\`*_[]<>|~&#@$"

// Escape writes foreign text as text: no emphasis, link, cell, HTML, mention or
// formula. What a browser would make a link of by itself is taken apart, too.
// It has to stand behind something of ours: at the beginning of a line "1." and
// "-" would begin a list.
func Escape(s string) string {
	s = sanitize.Text(s)
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r < 0x80 && strings.ContainsRune(special, r),
			// "https://" and "www." are links without any brackets.
			r == ':' && strings.HasPrefix(s[i:], "://"),
			r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Row writes cells as a row of a table.
func Row(cells ...string) string {
	var b strings.Builder
	b.WriteByte('|')
	for _, c := range cells {
		b.WriteByte(' ')
		b.WriteString(Escape(c))
		b.WriteString(" |")
	}
	b.WriteByte('\n')
	return b.String()
}

// Head writes the head of a table. Columns whose title ends in "|" hold
// numbers, and stand at the right.
func Head(titles ...string) string {
	rule := "|"
	shown := make([]string, len(titles))
	for i, t := range titles {
		title, number := strings.CutSuffix(t, "|")
		shown[i] = title
		if number {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	return Row(shown...) + rule + "\n"
}

// Code writes lines as they are, in a fence that nothing in them can end. Each
// line begins with the indent, for a place inside of a list.
func Code(indent string, lines ...string) string {
	fence := "```"
	for _, l := range lines {
		for strings.Contains(l, fence) {
			fence += "`"
		}
	}
	var b strings.Builder
	b.WriteString(indent + fence + "\n")
	for _, l := range lines {
		b.WriteString(indent + sanitize.Text(l) + "\n")
	}
	b.WriteString(indent + fence + "\n")
	return b.String()
}
