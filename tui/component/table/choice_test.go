package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/theme"
)

// heads are the titles on the screen.
func heads(tb *Table[row, string]) string {
	first, _, _ := strings.Cut(ansi.Strip(tb.View()), "\n")
	return strings.Join(strings.Fields(first), " ")
}

func TestChoices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		width   int
		choices map[string]Choice
		want    string
	}{
		{"by itself", 40, nil, "NAME ▼N SPARE"},
		{"by itself, narrow", 22, nil, "NAME ▼N"},
		{"hidden", 40, map[string]Choice{"spare": Hidden}, "NAME ▼N"},
		{"hidden, never dropped", 40, map[string]Choice{"n": Hidden}, "NAME SPARE"},
		{"the first one", 40, map[string]Choice{"name": Hidden}, "NAME ▼N SPARE"},
		{"always, narrow", 26, map[string]Choice{"spare": Always}, "NAME ▼N SPARE"},
		{"always, and no room", 15, map[string]Choice{"spare": Always}, "NAME ▼N"},
		{"others', and none", 40, map[string]Choice{"nowhere": Hidden, "n": "\x1b[2J"}, "NAME ▼N SPARE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tb := newTable(c.width, 5, many(3)...)
			tb.Choose(c.choices)
			if got := heads(tb); got != c.want {
				t.Errorf("the columns are %q, want %q", got, c.want)
			}
			for line := range strings.Lines(tb.View()) {
				if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w != c.width {
					t.Errorf("%q is %d wide, not %d", line, w, c.width)
				}
			}
		})
	}
}

// What is chosen outlives the rows, and can be taken back.
func TestChoicesAreTakenBack(t *testing.T) {
	t.Parallel()
	tb := newTable(60, 5, many(3)...)
	tb.Choose(map[string]Choice{"spare": Hidden})
	tb.Reset()
	tb.SetRows(many(2))
	if got := heads(tb); got != "NAME ▼N" {
		t.Errorf("after Reset the columns are %q", got)
	}
	if rows, _ := tb.Said(); strings.Contains(fmt.Sprint(rows), "spare") {
		t.Errorf("what is hidden is said: %q", rows)
	}
	if copied := tb.RowText(); !strings.Contains(copied, "SPARE spare") {
		t.Errorf("what is hidden is not copied: %q", copied)
	}
	tb.Choose(nil)
	if got := heads(tb); got != "NAME ▼N SPARE" {
		t.Errorf("without choices the columns are %q", got)
	}
}

// The list of columns says how each stands on the screen.
func TestItems(t *testing.T) {
	t.Parallel()
	tb := newTable(24, 5, many(3)...)
	tb.opts.Columns = append(tb.opts.Columns,
		Column[row]{ID: "bar", Name: "GAUGE", Min: 3, Draw: func(row, int) string { return "" }},
		Column[row]{ID: "none", Title: "NONE", Min: 3, Absent: func() bool { return true }})
	tb.Choose(map[string]Choice{"n": Hidden, "none": Always})
	want := []Item{
		{ID: "name", Name: "NAME", Choice: Auto, Fixed: true, Shown: true},
		{ID: "n", Name: "N", Choice: Hidden},
		{ID: "spare", Name: "SPARE", Choice: Auto},
		{ID: "bar", Name: "GAUGE", Choice: Auto, Shown: true},
		{ID: "none", Name: "NONE", Choice: Always, Empty: true},
	}
	tb.SetSize(20, 5)
	if got := tb.Items(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the items are\n%+v, want\n%+v", got, want)
	}
	seen := map[Choice]bool{}
	for c := Auto; !seen[c]; c = c.Next() {
		seen[c] = true
	}
	if len(seen) != 3 {
		t.Errorf("one goes through %v", seen)
	}
}

// What replaces cells is shown when none of the cells is.
func TestSpanOfHiddenColumns(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 5, row{"bad", -1})
	tb.Choose(map[string]Choice{"n": Hidden, "spare": Hidden})
	tb.SetTheme(theme.New(true, true))
	if got := ansi.Strip(tb.View()); !strings.Contains(got, "bad") || !strings.Contains(got, "broken: bad") {
		t.Errorf("of a broken row there is\n%s", got)
	}
}
