package page

// Said is what a page says besides its crumbs, its state and its sentence.
type Said struct {
	// Rows are those in the window, one in a line; At is that of the cursor,
	// from 0, and -1 when there is none. First is the number of the first, from
	// 1; 0 where rows are not counted.
	Rows  []string
	At    int
	First int
	// Detail is what is said of the row of the cursor besides.
	Detail []string
	// Order is what the rows are in the order of.
	Order string
}

// Sayer is a page that can be said. One that cannot is read out as it is drawn.
type Sayer interface{ Said() Said }

// SayTable says what a table has to say.
func SayTable(t interface {
	Said() (rows []string, at int)
	SaidOrder() string
	Window() (first, last int)
}) Said {
	rows, at := t.Said()
	first, _ := t.Window()
	return Said{Rows: rows, At: at, First: first, Order: t.SaidOrder()}
}
