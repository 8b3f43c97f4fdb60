package table

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/theme"
)

// crowd is a table of many rows that spreads its work, over which time goes by
// and whose work is done when the test says so.
type crowd struct {
	*Table[row, string]
	now  time.Time
	todo []tea.Cmd
}

func crowdColumns() []Column[row] {
	name := func(r row) string { return r.name }
	digits := func(r row) string { return fmt.Sprint(r.n) }
	return []Column[row]{
		{ID: "name", Title: "NAME", Min: 12, Text: name, Word: func(dst []byte, r row) []byte { return append(dst, r.name...) }},
		{ID: "n", Title: "N", Min: 6, Right: true, Descending: true, Text: digits, Number: func(r row) float64 { return float64(r.n) }},
		{ID: "mod", Title: "MOD", Min: 6, Right: true, Text: digits, Compare: func(a, b row) int { return cmp.Compare(a.n%97, b.n%97) }},
	}
}

func newCrowd(spread bool, rows []row) *crowd {
	c := &crowd{now: time.Unix(1_700_000_000, 0)}
	c.Table = New(Options[row, string]{Columns: crowdColumns(), Key: func(r row) string { return r.name }, Sort: "n", Spread: spread}, theme.New(true, true))
	c.SetSize(60, 11)
	c.slice = crowdSlice
	c.after(time.Hour)
	c.SetRows(rows)
	c.asks()
	return c
}

func (c *crowd) after(d time.Duration) {
	c.now = c.now.Add(d)
	c.SetTime(c.now, time.Time{})
	c.asks()
}

// asks takes what the table wants to be done, as its page does after everything
// that happens to it.
func (c *crowd) asks() {
	if cmd := c.Work(); cmd != nil {
		c.todo = append(c.todo, cmd)
	}
}

// does one of the things that wait to be done, and reports whether there were
// any.
func (c *crowd) does(which int) bool {
	if len(c.todo) == 0 {
		return false
	}
	which %= len(c.todo)
	cmd := c.todo[which]
	c.todo = slices.Delete(c.todo, which, which+1)
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		c.todo = append(c.todo, msg...)
	default:
		c.Worked(msg)
	}
	c.asks()
	return true
}

// rests does everything that there is to do, and lets the order settle.
func (c *crowd) rests() {
	for range 3 {
		for c.does(0) {
		}
		c.after(calm)
	}
	for c.does(0) {
	}
}

// crowdOf are rows with numbers of their own.
func crowdOf(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("row-%05d", i*7919%n), i * 31 % 1009}
	}
	return rows
}

// A table of the tests takes in few rows a frame.
const crowdSlice = 700

const crowdSize = 2*crowdSlice + 100

func TestRowsAreTakenInBySlices(t *testing.T) {
	t.Parallel()
	rows := crowdOf(crowdSize)
	c := newCrowd(true, rows)
	first := selected(t, c.Table)
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].n = 5000 + i%10
	}
	rows = append(rows, row{"worst", 9999})
	c.SetRows(rows)
	c.asks()
	if got := selected(t, c.Table); got != first || strings.Contains(c.View(), "500") {
		t.Errorf("before any work the cursor is on %s:\n%s", got, c.View())
	}
	if _, total := c.Count(); total != crowdSize {
		t.Errorf("before the last slice there are %d rows", total)
	}
	frames := 0
	for c.intake.on {
		if !c.does(0) {
			t.Fatal("nothing is to be done")
		}
		frames++
	}
	if frames != 3 {
		t.Errorf("it took %[2]d frames to take %[1]d rows in", len(rows), frames)
	}
	if r, _ := c.Selected(); r.name != first || r.n < 5000 {
		t.Errorf("the cursor is on %v: it should be on %s with its new number", r, first)
	}
	if _, total := c.Count(); total != crowdSize+1 || !c.Settling() {
		t.Errorf("%d rows, order waits: %v", total, c.Settling())
	}
	c.rests()
	if got := selected(t, c.Table); got != "worst" || c.Settling() {
		t.Errorf("after a pause %s is on top, order waits: %v", got, c.Settling())
	}
}

// TestTextsAreRankedBeside orders by texts: the rows stay where they are until
// they are ranked, and stand in their order right then.
func TestTextsAreRankedBeside(t *testing.T) {
	t.Parallel()
	c := newCrowd(true, crowdOf(crowdSize))
	before := selected(t, c.Table)
	press(c.Table, "<")
	c.asks()
	if title, _ := c.SortedBy(); title != "NAME" || selected(t, c.Table) != before || !c.Settling() {
		t.Errorf("right after the key: by %s, %s on top, order waits: %v", title, selected(t, c.Table), c.Settling())
	}
	c.SetFilter("row-0000")
	if shown, _ := c.Count(); shown != 10 {
		t.Errorf("%d rows match while the others are ranked", shown)
	}
	c.SetFilter("")
	for c.lacking {
		if !c.does(0) {
			t.Fatal("nothing is to be done")
		}
	}
	if got := selected(t, c.Table); got != "row-00000" || c.Settling() {
		t.Errorf("%s is on top, order waits: %v", got, c.Settling())
	}
	press(c.Table, "r")
	if got, want := selected(t, c.Table), fmt.Sprintf("row-%05d", crowdSize-1); got != want {
		t.Errorf("turned round %s is on top, want %s", got, want)
	}
}

// What is ranked for an order that is not wanted any more, or of rows that have
// gone, moves nothing.
func TestLateRanksMoveNothing(t *testing.T) {
	t.Parallel()
	c := newCrowd(true, crowdOf(crowdSize))
	press(c.Table, "<")
	c.asks()
	press(c.Table, ">")
	for c.does(0) {
	}
	if title, _ := c.SortedBy(); title != "N" || c.Settling() {
		t.Errorf("by %s, order waits: %v", title, c.Settling())
	}
	press(c.Table, "<")
	c.asks()
	c.Reset()
	c.SetRows([]row{{"b", 1}, {"a", 2}})
	for c.does(0) {
	}
	if got := names(c.Table); got != "a b" {
		t.Errorf("the rows of another picture stand as %q", got)
	}
}

// TestOrderAskedForBetweenSlices orders by a number while rows are taken in that
// have none yet.
func TestOrderAskedForBetweenSlices(t *testing.T) {
	t.Parallel()
	rows := crowdOf(crowdSize)
	c := newCrowd(true, rows)
	press(c.Table, "<")
	c.asks()
	c.rests()
	c.SetRows(append([]row{{"worst", 9999}}, rows...))
	c.asks()
	c.does(0)
	press(c.Table, ">")
	c.rests()
	if got := selected(t, c.Table); got != "worst" {
		t.Errorf("%s is on top", got)
	}
}

// TestRowComesWhileTextsAreRanked has it find its place later.
func TestRowComesWhileTextsAreRanked(t *testing.T) {
	t.Parallel()
	rows := crowdOf(crowdSize)
	c := newCrowd(true, rows)
	press(c.Table, "<")
	c.asks()
	ranks := c.todo
	c.todo = nil
	c.SetRows(append([]row{{"a", 1}}, rows...))
	c.asks()
	for c.does(0) {
	}
	c.todo = ranks
	c.does(0)
	if got := selected(t, c.Table); got != "row-00000" || !c.Settling() {
		t.Errorf("%s is on top, order waits: %v", got, c.Settling())
	}
	c.rests()
	if got := selected(t, c.Table); got != "a" || c.Settling() {
		t.Errorf("after a pause %s is on top, order waits: %v", got, c.Settling())
	}
}

// TestGhostOfAnAbandonedPicture has a row come back in rows that are never taken
// in to their end: nothing of it is kept.
func TestGhostOfAnAbandonedPicture(t *testing.T) {
	t.Parallel()
	rows := crowdOf(crowdSize)
	c := newCrowd(true, append([]row{{"ghost", 5}}, rows...))
	take := func(rows []row) {
		c.SetRows(rows)
		c.asks()
	}
	take(rows)
	for c.intake.on {
		c.does(0)
	}
	take(append([]row{{"ghost", 5}, {"brief", 6}}, rows...))
	c.does(0)
	take(rows)
	press(c.Table, "r")
	c.rests()
	press(c.Table, "r")
	if len(c.byKey) != len(rows) || len(c.gone)+len(c.added) != 0 {
		t.Errorf("%d keys are known of %d rows; %d rows gone, %d added", len(c.byKey), len(rows), len(c.gone), len(c.added))
	}
}

// TestWorkInAnyOrder does what is to be done in any order between pictures, keys
// and pauses, and in the end every row stands where it would in a table that
// does everything at once.
func TestWorkInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		rows := crowdOf(crowdSlice + 200)
		c := newCrowd(true, rows)
		next := len(rows)
		filter := ""
		for range 8 {
			for range 12 {
				switch rnd.IntN(8) {
				case 0, 1:
					rows, next = changed(rnd, rows, next)
					c.SetRows(rows)
				case 2:
					press(c.Table, []string{"<", ">", "r"}[rnd.IntN(3)])
				case 3:
					filter = []string{"", "row-00", "7"}[rnd.IntN(3)]
					c.SetFilter(filter)
				case 4:
					c.after(time.Duration(rnd.IntN(4)) * time.Second)
				default:
					c.does(rnd.IntN(4))
				}
				c.asks()
				_ = c.View()
			}
			c.rests()
			want := newCrowd(false, rows)
			want.SetFilter(filter)
			want.sortOn(c.sortBy, c.reversed)
			if got := names(c.Table); got != names(want.Table) {
				t.Fatalf("seed %d: by column %d, reversed %v, filter %q: %d rows stand in another order than the %d they should", seed, c.sortBy, c.reversed, filter, len(c.order), len(want.order))
			}
			if len(c.added) != 0 || len(c.gone) != 0 || len(c.byKey) != len(rows) {
				t.Fatalf("seed %d: %d added, %d gone, %d keys of %d rows", seed, len(c.added), len(c.gone), len(c.byKey), len(rows))
			}
		}
	}
}

// changed is rows of which some are others, some are gone and some have other
// numbers.
func changed(rnd *rand.Rand, rows []row, next int) ([]row, int) {
	rows = slices.Clone(rows)
	for range 40 {
		i := rnd.IntN(len(rows))
		switch rnd.IntN(4) {
		case 0:
			rows[i] = row{fmt.Sprintf("row-%05d", next), rnd.IntN(2000)}
			next++
		case 1:
			rows = slices.Delete(rows, i, i+1)
		case 2:
			rows = append(rows, row{fmt.Sprintf("row-%05d", next), rnd.IntN(2000)})
			next++
		default:
			rows[i].n = rnd.IntN(2000)
		}
	}
	return rows, next
}
