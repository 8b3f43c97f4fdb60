package proof

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Markdown writes the comparison for a ticket.
func Markdown(w io.Writer, c *Comparison) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s**\n\n", escape(c.Sentence))
	for _, line := range c.about() {
		fmt.Fprintf(&b, "- %s\n", escape(line))
	}
	for _, caution := range c.Cautions {
		fmt.Fprintf(&b, "- Check: %s\n", escape(caution.line()))
	}
	for _, g := range c.grids() {
		if g.total == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n|%s\n", g.heading, line(g.columns), strings.Repeat(" --- |", len(g.columns)))
		for _, row := range g.rows {
			fmt.Fprintln(&b, line(row))
		}
		if more := g.more(); more != "" {
			fmt.Fprintf(&b, "\n%s\n", more)
		}
	}
	return write(w, b.Bytes())
}

func line(cells []string) string {
	out := "|"
	for _, c := range cells {
		out += " " + escape(c) + " |"
	}
	return out
}

// escape keeps names from being read as Markdown or HTML (CommonMark 0.31,
// "Backslash escapes"): what a cluster calls its pods is not ours.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_[]<>|~&", r) && r < 0x80 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
