package app

import (
	"errors"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/tuitest"
)

// onColumn puts the cursor of the list of columns on one.
func onColumn(t *testing.T, m *Model, name string) {
	t.Helper()
	press(m, "g")
	for range m.palette.Len() {
		if it, _ := m.palette.Selected(); it.Name == name {
			return
		}
		press(m, "j")
	}
	t.Fatalf("there is no column %s:\n%s", name, screen(m))
}

// heading is the first line of a page's table.
func heading(m *Model) string { return strings.Split(screen(m), "\n")[3] }

func TestColumnsAreChosen(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 80, 24)
	if h := heading(m); !strings.Contains(h, "TRYING") || strings.Contains(h, "COOLING") {
		t.Fatalf("the columns are %s", h)
	}
	press(m, "C")
	wants(t, m, "Columns of nodes", "says what a row is", "space change")
	onColumn(t, m, "TRYING")
	press(m, "space", "enter")
	wants(t, m, "▌hidden    TRYING", "TRYING: hidden")
	onColumn(t, m, "COOLING")
	wants(t, m, "no room", "always makes some")
	press(m, "space")
	wants(t, m, "▌always    COOLING")
	press(m, "esc")
	if h := heading(m); strings.Contains(h, "TRYING") || !strings.Contains(h, "COOLING") {
		t.Errorf("the columns are %s", h)
	}
	lacks(t, m, "Columns of nodes")

	press(m, "C", "G")
	wants(t, m, "▌reset")
	press(m, "space", "C")
	if h := heading(m); !strings.Contains(h, "TRYING") || strings.Contains(h, "COOLING") {
		t.Errorf("after a reset the columns are %s", h)
	}

	// The first one stays.
	press(m, "C", "space")
	wants(t, m, "NODE says what a row is, and stays.")
	// It is among the commands, too, and a page without a table says so.
	press(m, "esc", "ctrl+p")
	typeText(m, "choose columns")
	press(m, "enter")
	wants(t, m, "Columns of nodes")
	press(m, "4", "C")
	wants(t, m, "There are no columns to choose from here.")
	press(m, "5", "C")
	wants(t, m, "There are no columns to choose from here.")
}

// A pane's columns are those of the page that it is a pane of.
func TestColumnsOfThePane(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{120, 40}, {200, 60}} {
		m, _ := start(tuitest.Sick(), size[0], size[1])
		press(m, "tab", "C")
		wants(t, m, "Columns of pods")
		onColumn(t, m, "CAUSE")
		press(m, "space", "space", "esc")
		lacks(t, m, "CAUSE")
		press(m, "esc", "2")
		wants(t, m, "❷")
		lacks(t, m, "CAUSE")
	}
}

// The processes' columns are chosen while they have the keys, and those of a
// turned table for all of its sides.
func TestColumnsOfOtherTables(t *testing.T) {
	t.Parallel()
	for _, width := range []int{80, 200} {
		m, _ := start(seen(), width, 40)
		press(m, "3", "tab", "C")
		wants(t, m, "Columns of processes", "PROCESS", "CONTAINER")
		onColumn(t, m, "PID")
		press(m, "space", "space", "esc")
		lacks(t, m, " PID")
		wants(t, m, "CONTAINER")
	}
	m, _ := start(tuitest.Sick(), 200, 40)
	press(m, "t", "C")
	onColumn(t, m, "FAIL/S")
	press(m, "space", "space", "esc")
	for range 4 {
		lacks(t, m, "FAIL/S")
		wants(t, m, "MOST OF")
		press(m, "t")
	}
}

func TestColumnsWithTheMouse(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "C")
	m.Update(tea.MouseClickMsg{X: 12, Y: lineOf(t, m, "auto      VERDICT"), Button: tea.MouseLeft})
	wants(t, m, "▌always    VERDICT")
	before := screen(m)
	m.Update(tea.MouseClickMsg{X: 12, Y: 4, Button: tea.MouseLeft}) // the table above
	if screen(m) != before {
		t.Errorf("a click on the table above the columns does something:\n%s", screen(m))
	}
}

// keeper keeps choices, one keeping at a time, when it is let.
type keeper struct {
	let  chan struct{}
	kept chan page.Choices
	told string
	err  error
}

func (k *keeper) keep(c page.Choices) (string, error) {
	<-k.let
	k.kept <- c
	return k.told, k.err
}

// chosen makes a model whose columns are kept by k, with the columns listed.
func chosen(k *keeper) *Model {
	m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, NoColor: true, Columns: Columns{
		Chosen: page.Choices{"nodes": {"trying": table.Hidden}, "elsewhere": {"x": table.Always}},
		Keep:   k.keep,
	}})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	press(m, "C")
	return m
}

// Those of the last time are shown, and what is chosen is kept: what was chosen
// meanwhile once more, and nothing of it lost at the end.
func TestColumnsAreKept(t *testing.T) {
	t.Parallel()
	k := &keeper{let: make(chan struct{}, 9), kept: make(chan page.Choices, 9)}
	m := chosen(k)
	if h := heading(m); strings.Contains(h, "TRYING") {
		t.Errorf("what was hidden is shown: %s", h)
	}
	onColumn(t, m, "OPEN")
	first := press(m, "space")
	second := press(m, "space")
	if first == nil || second != nil {
		t.Fatal("two keepings at a time")
	}
	k.let <- struct{}{}
	_, again := m.Update(first())
	k.let <- struct{}{}
	third := alone(again)
	m.Update(third())
	// The first of these is under way when the UI ends, the last is what counts.
	press(m, "space", "space", "space", "space")
	k.let <- struct{}{}
	k.let <- struct{}{}
	m.close()
	close(k.kept)
	var got []table.Choice
	for c := range k.kept {
		if c.Of("nodes", "trying") != table.Hidden || c.Of("elsewhere", "x") != table.Always {
			t.Errorf("something is lost: %v", c)
		}
		got = append(got, c.Of("nodes", "open"))
	}
	if want := []table.Choice{table.Always, table.Hidden, table.Auto, table.Auto}; !slices.Equal(got, want) {
		t.Errorf("kept are %v, want %v", got, want)
	}
}

func TestColumnsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keeper keeper
		says   string
	}{
		{keeper{err: errors.New("disk full\x1b[2J")}, "so until snattop ends, and cannot be kept: disk full"},
		{keeper{told: "what was there is now elsewhere"}, "what was there is now elsewhere"},
	} {
		k := &c.keeper
		k.let, k.kept = make(chan struct{}, 9), make(chan page.Choices, 9)
		m := chosen(k)
		onColumn(t, m, "OPEN")
		k.let <- struct{}{}
		m.Update(press(m, "space")())
		wants(t, m, c.says, "Columns of nodes")
		m.close()
	}
}

// Why they could not be read is said at the start, until the next key.
func TestColumnsThatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	m := New(tuitest.NewView(tuitest.Sick()), Options{
		Now: tuitest.NewClock().Now, Hint: "a hint", Columns: Columns{Problem: "The columns cannot be read: \x1b[2Jbroken"},
	})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	wants(t, m, "The columns cannot be read:", "broken", "TRYING")
	press(m, "j")
	lacks(t, m, "cannot be read")
}

// Where they are not kept, they are chosen all the same.
func TestColumnsAreForgotten(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "C")
	onColumn(t, m, "OPEN")
	if cmd := press(m, "space", "space"); cmd != nil {
		t.Error("something is kept")
	}
	if h := heading(m); strings.Contains(h, "OPEN") {
		t.Errorf("the columns are %s", h)
	}
}

func TestColumnsInWords(t *testing.T) {
	t.Parallel()
	m, _, _, ear := listen(tuitest.Sick())
	press(m, "j", "C")
	ear.heard()
	press(m, "j")
	if said := ear.heard(); said != "Column 2 of 16, address: auto. It is said.\n" {
		t.Errorf("on a column it says %q", said)
	}
	press(m, "space", "space")
	if said := ear.heard(); !strings.HasSuffix(said, "Column 2 of 16, address: hidden. It is not said.\n") {
		t.Errorf("hiding it, it says %q", said)
	}
	press(m, "esc", "j")
	if said := ear.heard(); strings.Contains(said, "address") {
		t.Errorf("what is hidden is said: %q", said)
	}
}
