package table

import (
	"fmt"
	"strings"

	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/format"
)

// Said says the rows in the window, each in one line, and which of them has the
// cursor; -1 when none has.
func (t *Table[R, K]) Said() (rows []string, at int) {
	first, last := t.Window()
	for i := first; i > 0 && i <= last; i++ {
		rows = append(rows, t.saidRow(i-1))
	}
	if len(rows) == 0 {
		return nil, -1
	}
	return rows, t.cursor - t.offset
}

// saidRow says a shown row: what it is called, what the rows are in the order
// of, and then every column that has words, drawn on the screen or not. What is
// not known comes last.
func (t *Table[R, K]) saidRow(i int) string {
	r := t.slots[t.order[i]].row
	span := len(t.opts.Columns)
	missing := ""
	if t.opts.Span != nil {
		if id, s, _, ok := t.opts.Span(r); ok {
			span, missing = t.columnNumber(id), aloud.Text(s)
		}
	}
	var parts []string
	unknown := ""
	say := func(at int) {
		c := t.opts.Columns[at]
		if c.Text == nil || t.absent(at) {
			return
		}
		text := c.Text(r)
		switch {
		case text == "", text == "0" && aloud.Label(c.Title) == "": // a bound speaks for itself, unless it is none
		case text == format.Dash && c.Title != "":
			unknown += ", " + aloud.Label(c.Title)
		default:
			parts = append(parts, strings.TrimSpace(aloud.Label(c.Title)+" "+aloud.Value(text)))
		}
	}
	for at := range min(1, span) {
		say(at)
	}
	if t.sortBy > 0 && t.sortBy < span {
		say(t.sortBy)
	}
	for at := 1; at < span; at++ {
		if at != t.sortBy {
			say(at)
		}
	}
	if missing != "" {
		parts = append(parts, missing)
	}
	line := strings.Join(parts, ", ")
	if !t.lives(t.order[i]) {
		line = "gone, and last seen as " + line
	}
	if unknown != "" {
		line += "; not known:" + unknown[1:]
	}
	return line
}

// SaidOrder says what the rows are in the order of.
func (t *Table[R, K]) SaidOrder() string {
	title, descending := t.SortedBy()
	switch {
	case title == "":
		return ""
	case descending:
		return fmt.Sprintf("by %s, highest first", aloud.Label(title))
	default:
		return "by " + aloud.Label(title)
	}
}
