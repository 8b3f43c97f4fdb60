package proof

import (
	"bytes"
	"fmt"
	"io"

	"github.com/snattop/snattop/internal/report/markdown"
)

// Markdown writes the comparison for a ticket.
func Markdown(w io.Writer, c *Comparison) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s**\n\n", markdown.Escape(c.Sentence))
	for _, line := range c.about() {
		fmt.Fprintf(&b, "- %s\n", markdown.Escape(line))
	}
	for _, caution := range c.Cautions {
		fmt.Fprintf(&b, "- Check: %s\n", markdown.Escape(caution.line()))
	}
	for _, g := range c.grids() {
		if g.total == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s", g.heading, markdown.Head(g.columns...))
		for _, row := range g.rows {
			b.WriteString(markdown.Row(row...))
		}
		if more := g.more(); more != "" {
			fmt.Fprintf(&b, "\n%s\n", more)
		}
	}
	return write(w, b.Bytes())
}
