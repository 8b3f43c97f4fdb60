package proof

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes the comparison for people, as columns of text.
func Table(w io.Writer, c *Comparison) error {
	var b bytes.Buffer
	for _, line := range c.about() {
		fmt.Fprintln(&b, line)
	}
	fmt.Fprintf(&b, "\n%s\n\n", c.Sentence)
	for _, caution := range c.Cautions {
		fmt.Fprintf(&b, "check: %s\n", caution.line())
	}
	if len(c.Cautions) > 0 {
		fmt.Fprintln(&b)
	}
	for _, g := range c.grids() {
		t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, strings.Join(g.columns, "\t"))
		for _, row := range g.rows {
			fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("laying out the comparison: %w", err)
		}
		switch {
		case g.total == 0:
			fmt.Fprintln(&b, "none")
		case g.more() != "":
			fmt.Fprintln(&b, g.more())
		}
		fmt.Fprintln(&b)
	}
	return write(w, append(bytes.TrimRight(b.Bytes(), "\n"), '\n'))
}
