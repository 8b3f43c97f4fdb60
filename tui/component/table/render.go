package table

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

// GoneMark stands before a row that is there no more.
const GoneMark = "×"

// View draws the heading and the rows in the window, each line exactly as
// wide as the table.
func (t *Table[R, K]) View() string {
	if t.width <= 0 || t.height <= 0 {
		return ""
	}
	t.measureWindow()
	lines := make([]string, 0, t.height)
	lines = append(lines, t.heading())
	for i := t.offset; i < len(t.order) && len(lines) < t.height; i++ {
		lines = append(lines, t.line(t.order[i], i == t.cursor))
	}
	if len(t.order) == 0 {
		for _, l := range strings.Split(t.nothing(), "\n") {
			if len(lines) < t.height {
				lines = append(lines, t.theme.Dim.Render(format.Left(" "+l, t.width)))
			}
		}
	}
	for len(lines) < t.height {
		lines = append(lines, format.Spaces(t.width))
	}
	return strings.Join(lines, "\n")
}

func (t *Table[R, K]) nothing() string {
	if len(t.given) > 0 {
		return fmt.Sprintf("nothing here matches %q; esc shows all %s again", t.filter, format.Plural(len(t.given), "row"))
	}
	return t.empty
}

func (t *Table[R, K]) heading() string {
	var b strings.Builder
	b.WriteString(format.Spaces(marker))
	for _, p := range t.columns() {
		c := t.opts.Columns[p.column]
		title, mark, look := c.Title, "", t.theme.Heading
		if p.column == t.sortBy {
			look, mark = t.theme.Strong, "▲"
			if c.Descending != t.reversed {
				mark = "▼"
			}
		}
		room := p.width
		if c.Right {
			room += p.gap
		}
		if c.Short != "" && ansi.StringWidth(title+mark) > room {
			title = c.Short
		}
		if c.Right { // the mark may stand in the gap before the column
			b.WriteString(look.Render(format.Right(mark+title, room)))
			continue
		}
		b.WriteString(format.Spaces(p.gap) + look.Render(format.Left(title+mark, room)))
	}
	return format.Left(b.String(), t.width)
}

func (t *Table[R, K]) line(slot int32, selected bool) string {
	r := t.slots[slot].row
	spanFrom, spanText, spanLook := -1, "", theme.Style{}
	if t.opts.Span != nil {
		if id, text, look, ok := t.opts.Span(r); ok {
			spanFrom, spanText, spanLook = t.columnNumber(id), text, look
		}
	}
	var b strings.Builder
	end, spanned := 0, false
	for _, p := range t.columns() {
		if spanFrom >= 0 && p.column >= spanFrom {
			b.WriteString(format.Spaces(p.gap))
			b.WriteString(spanLook.Render(format.Left(spanText, t.width-p.x)))
			spanned = true
			break
		}
		b.WriteString(format.Spaces(p.gap))
		b.WriteString(t.cell(p, r))
		end = p.x + p.width
	}
	if spanFrom >= 0 && !spanned { // every column that it would replace is left out
		b.WriteString(" " + spanLook.Render(format.Left(spanText, t.width-end-1)))
	}
	line := b.String()
	gone := !t.lives(slot)
	if gone {
		line = t.theme.Dim.Render(ansi.Strip(line))
	}
	switch {
	case gone && !selected:
		return format.Left(t.theme.Dim.Render(GoneMark)+line, t.width)
	case !selected:
		return format.Left(" "+line, t.width)
	}
	look := t.theme.Selected
	mark := t.theme.Accent.Render("▌")
	if !t.focused {
		look, mark = t.theme.SelectedBlurred, t.theme.Dim.Render("▏")
	}
	return look.Over(format.Left(mark+line, t.width))
}

func (t *Table[R, K]) cell(p placed, r R) string {
	c := t.opts.Columns[p.column]
	var text string
	switch {
	case c.Draw != nil:
		text = c.Draw(r, p.width)
	case c.Text != nil:
		text = c.Text(r)
		if c.Middle {
			text = format.CutMiddle(text, p.width)
		}
	}
	if c.Look != nil {
		text = c.Look(r).Render(format.Cut(text, p.width))
	}
	if c.Right {
		return format.Right(text, p.width)
	}
	return format.Left(text, p.width)
}

func (t *Table[R, K]) columnNumber(id string) int {
	for i, c := range t.opts.Columns {
		if c.ID == id {
			return i
		}
	}
	return 0
}

// RowText writes the selected row as one line for the clipboard: every
// column that has text, whether there is room for it or not, with its title.
func (t *Table[R, K]) RowText() string {
	r, ok := t.Selected()
	if !ok {
		return ""
	}
	span, text := len(t.opts.Columns), ""
	if t.opts.Span != nil {
		if id, s, _, ok := t.opts.Span(r); ok {
			span, text = t.columnNumber(id), s
		}
	}
	var parts []string
	for i, c := range t.opts.Columns {
		if i >= span {
			parts = append(parts, text)
			break
		}
		if c.Text == nil || c.Title == "" || c.absent() {
			continue
		}
		if s := c.Text(r); s != "" {
			parts = append(parts, c.Title+" "+s)
		}
	}
	return strings.Join(parts, "  ")
}
