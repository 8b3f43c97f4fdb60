package table

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/theme"
)

// watch is a table over which time goes by.
type watch struct {
	*Table[row, string]
	now, touched time.Time
}

func newWatch(height int, rows ...row) *watch {
	w := &watch{Table: newTable(40, height), now: time.Unix(1_700_000_000, 0)}
	w.after(time.Hour)
	w.SetRows(rows)
	return w
}

// after lets time pass, and the table know of it.
func (w *watch) after(d time.Duration) {
	w.now = w.now.Add(d)
	w.SetTime(w.now, w.touched)
}

// act presses keys now.
func (w *watch) act(keys ...string) {
	w.touched = w.now
	press(w.Table, keys...)
}

func (w *watch) wants(t *testing.T, when, want string) {
	t.Helper()
	if got := names(w.Table); got != want {
		t.Errorf("%s: %s, want %s", when, got, want)
	}
}

func TestOrderSettlesOnceInAWhile(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 3}, row{"b", 2}, row{"c", 1})
	w.after(calm)
	w.SetRows([]row{{"a", 3}, {"b", 2}, {"c", 9}})
	w.wants(t, "nobody has touched anything for long", "c a b")
	w.after(time.Second)
	w.SetRows([]row{{"a", 3}, {"b", 20}, {"c", 9}})
	w.wants(t, "the order has settled a second ago", "c a b")
	if !w.Settling() {
		t.Error("it does not say that the order waits")
	}
	if v := ansi.Strip(w.View()); !strings.Contains(v, "20") {
		t.Errorf("the number waits with the order:\n%s", v)
	}
	w.after(calm - time.Second - time.Millisecond)
	w.wants(t, "just before", "c a b")
	w.after(time.Millisecond)
	w.wants(t, "at its time, without new rows", "b c a")
	if w.Settling() {
		t.Error("the order still waits")
	}
}

func TestNothingJumpsWhileTheOperatorActs(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 5}, row{"b", 4}, row{"c", 3})
	w.after(time.Minute)
	for range 10 {
		w.act("j")
		w.after(rest - time.Millisecond)
		w.SetRows([]row{{"worst", 99}, {"c", 50}, {"a", 5}}) // b is gone
		w.wants(t, "while keys are pressed", "a b c")
	}
	lines := strings.Split(ansi.Strip(w.View()), "\n")
	if !strings.HasPrefix(lines[2], GoneMark+"b") {
		t.Errorf("a row that is gone does not look like it: %q", lines[2])
	}
	if shown, total := w.Count(); shown != 2 || total != 3 {
		t.Errorf("%d of %d rows are counted", shown, total)
	}
	w.after(time.Millisecond)
	w.wants(t, "at the pause", "worst c a")
	if got := selected(t, w.Table); got != "c" {
		t.Errorf("the cursor went to %s", got)
	}
}

func TestWhatTheOperatorAsksForIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 5}, row{"b", 4})
	w.act("j")
	w.SetRows([]row{{"a", 5}, {"c", 7}, {"b", 9}})
	w.wants(t, "after a key", "a b")
	w.act("r")
	w.wants(t, "reversed", "a c b")
	w.SetRows([]row{{"ab", 5}, {"c", 7}, {"b", 90}})
	w.SetFilter("b")
	w.wants(t, "filtered", "ab b")
	w.SetFilter("")
	w.SetRows([]row{{"ab", 5}, {"c", 7}, {"new", 8}, {"b", 90}})
	if !w.Select("new") {
		t.Error("a row that waits for its place cannot be gone to")
	}
	w.SetRows(nil)
	w.wants(t, "when nothing is left", "")
	w.SetRows([]row{{"z", 1}})
	w.wants(t, "into an empty table", "z")
}

func TestRowKeepsItsLineWhenTheOrderSettles(t *testing.T) {
	t.Parallel()
	w := newWatch(6, many(30)...)
	w.after(time.Minute)
	w.act("j", "j", "j")
	worse := append([]row{{"new", 1000}}, many(30)...)
	w.after(rest)
	w.SetRows(worse)
	if got, line := selected(t, w.Table), w.cursor-w.offset; got != "row-00003" || line != 3 {
		t.Errorf("%s is on line %d, want row-00003 on line 3", got, line)
	}
	w.SetRows(append([]row{{"newer", 2000}}, worse...))
	w.after(away)
	if line := w.cursor - w.offset; line != 3 {
		t.Errorf("the row is on line %d: the top has no room for it, it should stay on its line", line)
	}
	press(w.Table, "g", "j")
	w.touched = w.now
	w.after(away)
	w.SetRows(append([]row{{"newest", 3000}, {"newer", 2000}}, worse...))
	if first, _ := w.Window(); first != 1 {
		t.Errorf("the window begins at %d: nobody has touched anything for long, and what is worst is out of sight", first)
	}
}

func TestGhostComesBack(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 5}, row{"b", 4})
	w.SetRows([]row{{"a", 5}})
	w.SetRows([]row{{"a", 5}, {"b", 1}})
	w.SetRows([]row{{"a", 5}})
	w.SetRows([]row{{"b", 6}, {"a", 5}})
	w.after(calm)
	w.wants(t, "after it came back twice", "b a")
	if len(w.gone) != 0 || len(w.byKey) != 2 {
		t.Errorf("%d rows are gone, %d known", len(w.gone), len(w.byKey))
	}
}

func TestClockSetBackHoldsNothingUp(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 5}, row{"b", 4})
	w.act("j")
	w.after(-time.Hour)
	w.SetRows([]row{{"a", 5}, {"b", 9}})
	w.wants(t, "an hour earlier", "b a")
}

func TestRowsOfOneKey(t *testing.T) {
	t.Parallel()
	w := newWatch(10, row{"a", 5}, row{"a", 4}, row{"a", 3})
	w.wants(t, "three rows of one key", strings.Repeat("a ", 2)+"a")
	w.after(calm)
	w.SetRows([]row{{"a", 1}})
	w.wants(t, "one of them", "a")
}

func TestTextsTurnedRound(t *testing.T) {
	t.Parallel()
	cols := []Column[row]{{ID: "name", Title: "NAME", Min: 8, Text: func(r row) string { return r.name }, Word: func(dst []byte, r row) []byte { return append(dst, r.name...) }}}
	tb := New(Options[row, int]{Columns: cols, Key: func(r row) int { return r.n }, Sort: "name"}, theme.New(true, true))
	tb.SetSize(40, 10)
	shown := func() string {
		var out []string
		for _, s := range tb.order {
			r := tb.slots[s].row
			out = append(out, fmt.Sprint(r.name, r.n))
		}
		return strings.Join(out, " ")
	}
	rows := []row{{"same-prefix-b", 1}, {"a", 2}, {"same-prefix-a-and-more", 3}, {"same-prefix-b", 4}, {"", 5}}
	tb.SetRows(rows)
	for i, want := range []string{
		"5 a2 same-prefix-a-and-more3 same-prefix-b1 same-prefix-b4",
		"same-prefix-b1 same-prefix-b4 same-prefix-a-and-more3 a2 5",
		"5 a2 same-prefix-a-and-more3 same-prefix-b1 same-prefix-b4",
	} {
		if got := shown(); got != want {
			t.Errorf("turned round %d times: %s, want %s", i, got, want)
		}
		pressOn(tb, "r")
	}
	rows[1].name = "same-prefix-z"
	tb.SetRows(rows)
	if got, want := shown(), "same-prefix-z2 same-prefix-b1 same-prefix-b4 same-prefix-a-and-more3 5"; got != want {
		t.Errorf("with another name: %s, want %s", got, want)
	}
}
