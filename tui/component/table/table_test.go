package table

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/theme"
)

type row struct {
	name string
	n    int
}

func newTable(width, height int, rows ...row) *Table[row, string] {
	t := New(Options[row, string]{
		Columns: []Column[row]{
			{ID: "name", Title: "NAME", Min: 8, Max: 30, Middle: true, Text: func(r row) string { return r.name }, Compare: func(a, b row) int { return strings.Compare(a.name, b.name) }},
			{ID: "n", Title: "N", Min: 5, Right: true, Descending: true, Text: func(r row) string { return fmt.Sprint(r.n) }, Compare: func(a, b row) int { return cmp.Compare(a.n, b.n) }},
			{ID: "spare", Title: "SPARE", Min: 10, Priority: 5, Text: func(row) string { return "spare" }},
		},
		Key: func(r row) string { return r.name },
		Span: func(r row) (string, string, theme.Style, bool) {
			return "n", "broken: " + r.name, theme.Style{}, r.n < 0
		},
		Sort: "n",
	}, theme.New(true, true))
	t.SetSize(width, height)
	t.SetRows(rows)
	return t
}

func many(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("row-%05d", i), n - i}
	}
	return rows
}

func press(t *Table[row, string], keys ...string) { pressOn(t, keys...) }

func pressOn[R any, K comparable](t *Table[R, K], keys ...string) {
	codes := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown}
	for _, k := range keys {
		if code, ok := codes[k]; ok {
			t.Update(tea.KeyPressMsg{Code: code})
			continue
		}
		t.Update(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
	}
}

func selected(t *testing.T, tb *Table[row, string]) string {
	t.Helper()
	r, ok := tb.Selected()
	if !ok {
		t.Fatal("no row is selected")
	}
	return r.name
}

func names(tb *Table[row, string]) string {
	var out []string
	for _, i := range tb.order {
		out = append(out, tb.slots[i].row.name)
	}
	return strings.Join(out, " ")
}

func TestMovesWithinBounds(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 11, many(100)...) // ten rows on the screen
	for _, step := range []struct{ key, want string }{
		{"k", "row-00000"}, {"j", "row-00001"}, {"down", "row-00002"}, {"up", "row-00001"}, {"pgdown", "row-00010"},
		{"G", "row-00099"}, {"j", "row-00099"}, {"pgup", "row-00090"}, {"g", "row-00000"}, {"pgup", "row-00000"},
	} {
		press(tb, step.key)
		if got := selected(t, tb); got != step.want {
			t.Fatalf("after %s the cursor is on %s, want %s", step.key, got, step.want)
		}
		if first, last := tb.Window(); tb.cursor+1 < first || tb.cursor+1 > last {
			t.Fatalf("after %s the cursor (%d) is outside of the window %d–%d", step.key, tb.cursor+1, first, last)
		}
	}
}

func TestCursorFollowsItsRow(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 6, row{"a", 5}, row{"b", 4}, row{"c", 3})
	press(tb, "j")
	tb.SetRows([]row{{"a", 1}, {"b", 2}, {"c", 3}}) // now c b a
	if got := selected(t, tb); got != "b" {
		t.Errorf("the cursor went to %s", got)
	}
	tb.SetRows([]row{{"a", 1}, {"c", 3}}) // b is gone: stay at the place
	if got := selected(t, tb); got != "a" {
		t.Errorf("without its row the cursor is on %s, want the one at its place, a", got)
	}
	tb.SetRows(nil)
	if _, ok := tb.Selected(); ok {
		t.Error("a row of an empty table is selected")
	}
	tb.SetRows([]row{{"c", 3}, {"a", 1}})
	if got := selected(t, tb); got != "a" {
		t.Errorf("the row came back, the cursor is on %s", got)
	}
}

// TestUntouchedCursorStaysOnTop has a node turn out to be the worst after the
// first picture: who has not chosen a row means the first one.
func TestUntouchedCursorStaysOnTop(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 10, row{"a", 3}, row{"b", 2})
	tb.SetRows([]row{{"a", 3}, {"b", 9}})
	if got := selected(t, tb); got != "b" {
		t.Errorf("the cursor is on %s, want b, which is first now", got)
	}
	press(tb, "down")
	tb.SetRows([]row{{"a", 30}, {"b", 9}})
	if got := selected(t, tb); got != "a" {
		t.Errorf("the cursor is on %s, want a, which was chosen", got)
	}
	press(tb, "g")
	tb.SetRows([]row{{"a", 1}, {"b", 9}})
	if got := selected(t, tb); got != "b" {
		t.Errorf("the cursor is on %s, want b: g means the top", got)
	}
}

func TestScrolledRowKeepsItsLine(t *testing.T) {
	t.Parallel()
	rows := many(100)
	tb := newTable(40, 11, rows...)
	for range 50 {
		press(tb, "j")
	}
	line := tb.cursor - tb.offset
	rows = append([]row{{"new-worst", 1000}, {"new-second", 999}}, rows...)
	tb.SetRows(rows)
	if got := selected(t, tb); got != "row-00050" {
		t.Fatalf("the cursor went to %s", got)
	}
	if now := tb.cursor - tb.offset; now != line {
		t.Errorf("the row moved from line %d to %d", line, now)
	}
}

func TestTopStaysInSight(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 11, many(100)...)
	tb.SetRows(append(many(100), row{"new-worst", 1000}))
	if first, _ := tb.Window(); first != 1 {
		t.Errorf("the window begins at row %d: what became worst is out of sight", first)
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 6, row{"b", 1}, row{"a", 2}, row{"c", 2})
	check := func(when, want string) {
		t.Helper()
		if got := names(tb); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	check("by N, descending, ties as given", "a c b")
	press(tb, "r")
	check("reversed", "b a c")
	press(tb, "<")
	check("by name", "a b c")
	press(tb, ">", ">")
	check("around", "a b c")
	tb.Update(tea.MouseClickMsg{X: 38, Y: 0, Button: tea.MouseLeft}) // SPARE cannot order
	check("a click on a column without order", "a b c")
	p := tb.columns()[1]
	tb.Update(tea.MouseClickMsg{X: p.x + p.width - 1, Y: 0, Button: tea.MouseLeft})
	check("a click on N", "a c b")
	tb.Update(tea.MouseClickMsg{X: p.x, Y: 0, Button: tea.MouseLeft})
	check("a second click", "b a c")
}

func TestFilter(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 6, row{"shop/checkout", 3}, row{"shop/search", 2}, row{"kube-system/coredns", 1})
	for _, c := range []struct {
		filter, want string
		fuzzy        bool
	}{
		{"", "shop/checkout shop/search kube-system/coredns", false},
		{"SHOP", "shop/checkout shop/search", false},
		{"shop sea", "shop/search", false},
		{"kscdns", "kube-system/coredns", true},
		{"zzz", "", false},
	} {
		tb.SetFilter(c.filter)
		if got := names(tb); got != c.want || tb.Fuzzy() != c.fuzzy {
			t.Errorf("filter %q: %q (fuzzy %v), want %q (%v)", c.filter, got, tb.Fuzzy(), c.want, c.fuzzy)
		}
	}
	if v := ansi.Strip(tb.View()); !strings.Contains(v, `nothing here matches "zzz"`) {
		t.Errorf("an empty table does not say why:\n%s", v)
	}
}

func TestMouse(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 11, many(100)...)
	tb.Update(tea.MouseClickMsg{X: 3, Y: 4, Button: tea.MouseLeft})
	if got := selected(t, tb); got != "row-00003" {
		t.Errorf("a click on the fourth row selects %s", got)
	}
	tb.Update(tea.MouseWheelMsg{X: 3, Y: 4, Button: tea.MouseWheelDown})
	tb.Update(tea.MouseWheelMsg{X: 3, Y: 4, Button: tea.MouseWheelDown})
	if first, _ := tb.Window(); first != 7 {
		t.Errorf("two turns of the wheel: the window begins at %d, want 7", first)
	}
	if got := selected(t, tb); got != "row-00006" {
		t.Errorf("the cursor left the window: %s", got)
	}
	for range 100 {
		tb.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	}
	if first, last := tb.Window(); first != 91 || last != 100 {
		t.Errorf("at the end the window is %d–%d", first, last)
	}
	tb.Update(tea.MouseClickMsg{X: 300, Y: 4, Button: tea.MouseLeft}) // beside
	tb.Update(tea.MouseClickMsg{X: 3, Y: 400, Button: tea.MouseLeft}) // below
	tb.Update(tea.MouseClickMsg{X: -3, Y: -4, Button: tea.MouseLeft})
}

func TestEveryLineIsAsWideAsTheTable(t *testing.T) {
	t.Parallel()
	rows := []row{{"日本語のとても長い名前です-日本語のとても長い名前です", 1}, {"e\u0301e\u0301", 22}, {"broken", -1}, {"", 0}, {strings.Repeat("x", 300), 1 << 60}}
	for width := range 90 {
		for _, height := range []int{0, 1, 2, 7} {
			tb := newTable(width, height, rows...)
			v := tb.View()
			if width == 0 || height == 0 {
				if v != "" {
					t.Fatalf("%d×%d: %q", width, height, v)
				}
				continue
			}
			lines := strings.Split(v, "\n")
			if len(lines) != height {
				t.Fatalf("%d×%d: %d lines", width, height, len(lines))
			}
			for _, l := range lines {
				if w := ansi.StringWidth(l); w != width {
					t.Fatalf("%d×%d: a line is %d wide: %q", width, height, w, l)
				}
			}
		}
	}
}

func TestColumnsVanishByPriority(t *testing.T) {
	t.Parallel()
	if v := newTable(40, 3, row{"a", 1}).View(); !strings.Contains(v, "SPARE") {
		t.Errorf("a wide table lacks a column:\n%s", v)
	}
	v := newTable(20, 3, row{"a", 1}).View()
	if strings.Contains(v, "SPARE") || !strings.Contains(v, "N") {
		t.Errorf("a narrow table keeps the wrong columns:\n%s", v)
	}
}

func TestSpanAndCopy(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 3, row{"bad", -1})
	if v := ansi.Strip(tb.View()); !strings.Contains(v, "broken: bad") || strings.Contains(v, "spare") {
		t.Errorf("a span does not cover the cells:\n%s", v)
	}
	if got, want := tb.RowText(), "NAME bad  broken: bad"; got != want {
		t.Errorf("RowText = %q, want %q", got, want)
	}
	tb.SetRows([]row{{"good", 4}})
	if got, want := tb.RowText(), "NAME good  N 4  SPARE spare"; got != want {
		t.Errorf("RowText = %q, want %q", got, want)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	tb := newTable(40, 5, many(30)...)
	press(tb, "G")
	tb.SetFilter("row")
	tb.Reset()
	tb.SetRows(many(3))
	if got := selected(t, tb); got != "row-00000" || tb.Filter() != "" {
		t.Errorf("after Reset the cursor is on %s, the filter is %q", got, tb.Filter())
	}
	if !tb.Select("row-00002") || tb.Select("nowhere") {
		t.Error("Select finds what is not there, or not what is")
	}
}

func TestAbsentColumnsAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, priority := range []int{0, 5} {
		absent := true
		tb := newTable(60, 5, many(2)...)
		tb.opts.Columns[2].Priority = priority
		tb.opts.Columns[2].Absent = func() bool { return absent }
		tb.SetRows(many(2))
		if s := ansi.Strip(tb.View()); strings.Contains(s, "SPARE") || strings.Contains(tb.RowText(), "SPARE") {
			t.Errorf("priority %d: %s\n%s", priority, s, tb.RowText())
		}
		absent = false
		tb.SetRows(many(2)) // what there is to see has changed with the rows
		if s := ansi.Strip(tb.View()); !strings.Contains(s, "SPARE") || !strings.Contains(tb.RowText(), "SPARE spare") {
			t.Errorf("priority %d: %s\n%s", priority, s, tb.RowText())
		}
	}
}
