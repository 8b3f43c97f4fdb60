package page

import (
	"maps"

	"github.com/snattop/snattop/tui/component/table"
)

// Choices are what the operator wants of columns: by the name of their table,
// then by their IDs. What is not in it is table.Auto.
type Choices map[string]map[string]table.Choice

// Of returns what is wanted of a column.
func (c Choices) Of(of, column string) table.Choice {
	if choice, ok := c[of][column]; ok {
		return choice
	}
	return table.Auto
}

// With returns the choices with another one of a column. What they were stays
// as it is, since others may hold it.
func (c Choices) With(of, column string, choice table.Choice) Choices {
	out := make(Choices, len(c)+1)
	for name, columns := range c {
		out[name] = maps.Clone(columns)
	}
	if out[of] == nil {
		out[of] = map[string]table.Choice{}
	}
	if choice == table.Auto {
		delete(out[of], column)
	} else {
		out[of][column] = choice
	}
	if len(out[of]) == 0 {
		delete(out, of)
	}
	return out
}

// Without returns the choices with none for a table.
func (c Choices) Without(of string) Choices {
	out := maps.Clone(c)
	delete(out, of)
	return out
}

// Columns are those of the table that has the keys.
type Columns struct {
	// Of is the name of the table among Choices, Title what it is on the screen.
	Of, Title string
	Items     []table.Item
	// Line is the one of the page's View that their heads stand in, from 0.
	Line int
}

// Chooser is a page whose columns can be chosen.
type Chooser interface {
	// Columns are those to choose from; without any there is no table now.
	Columns() Columns
	// Choose shows columns as the operator wants them.
	Choose(c Choices)
}
