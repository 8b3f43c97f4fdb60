package table

import "slices"

// Choice is what the operator wants of a column.
type Choice string

// The choices, in the order in which one goes through them.
const (
	// Auto shows a column where there is room, by its priority.
	Auto Choice = "auto"
	// Always shows it before all that may be dropped.
	Always Choice = "always"
	// Hidden never shows it.
	Hidden Choice = "hidden"
)

// Known reports whether a choice is one.
func (c Choice) Known() bool { return c == Auto || c == Always || c == Hidden }

// Next is the choice after one.
func (c Choice) Next() Choice {
	switch c {
	case Always:
		return Hidden
	case Hidden:
		return Auto
	default:
		return Always
	}
}

// Item is a column as it is listed for who chooses.
type Item struct {
	ID, Name string
	Choice   Choice
	// Fixed is a column that cannot be left out: it says what the row is.
	Fixed bool
	// Shown means that it is on the screen, Empty that it has nothing to show now,
	// whatever is chosen.
	Shown, Empty bool
}

// Choose takes what the operator wants of columns, by their IDs. A column that
// is not named is Auto, and the first one is always shown.
func (t *Table[R, K]) Choose(choices map[string]Choice) {
	t.choices = make([]Choice, len(t.opts.Columns))
	for i, c := range t.opts.Columns {
		if i > 0 {
			t.choices[i] = choices[c.ID]
		}
	}
	t.dirty = true
	t.measure() // columns that were hidden have not been
}

// Items are the columns, as they stand on the screen.
func (t *Table[R, K]) Items() []Item {
	out := make([]Item, len(t.opts.Columns))
	for i, c := range t.opts.Columns {
		it := Item{ID: c.ID, Name: c.Name, Choice: t.choice(i), Fixed: i == 0, Empty: c.absent()}
		if it.Name == "" {
			it.Name = c.Title
		}
		it.Shown = slices.ContainsFunc(t.columns(), func(p placed) bool { return p.column == i })
		out[i] = it
	}
	return out
}

func (t *Table[R, K]) choice(column int) Choice {
	if column < len(t.choices) && t.choices[column].Known() {
		return t.choices[column]
	}
	return Auto
}

// absent reports whether a column is left out, whatever room there is.
func (t *Table[R, K]) absent(column int) bool {
	return t.choice(column) == Hidden || t.opts.Columns[column].absent()
}

// priority decides who stays on a narrow screen. What the operator wants to see
// comes right after what is never dropped.
func (t *Table[R, K]) priority(column int) int {
	switch p := t.opts.Columns[column].Priority; {
	case p == 0:
		return 0
	case t.choice(column) == Always:
		return 1
	default:
		return p + 1
	}
}
