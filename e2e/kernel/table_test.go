//go:build kernel && linux

package kernel

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// table is rows of figures, the first of which is the heading.
type table struct{ rows [][]string }

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		if d, ok := c.(time.Duration); ok {
			c = fmt.Sprintf("%.2f s", d.Seconds())
		}
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

// String lays the table out as Markdown that is also easy on the eye.
func (t *table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	for i, row := range t.rows {
		fmt.Fprintf(w, "| %s\t|\n", strings.Join(row, "\t| "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat("---\t|", len(row)))
		}
	}
	_ = w.Flush() // to memory
	return b.String()
}
