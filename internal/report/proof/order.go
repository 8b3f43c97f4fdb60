package proof

import (
	"cmp"
	"math"
	"slices"
)

// standing is what a row is ordered by.
type standing struct {
	// unknown is 1 where neither side knows.
	unknown, answer int
	moved, size     float64
	// at is where the row stood.
	at int
}

func (r *Row) standing() standing {
	f := r.Headline()
	s := standing{answer: r.Answer.rank(), size: f.Size()}
	if f.Before == nil && f.After == nil {
		s.unknown = 1
	}
	s.moved = s.size
	if d, ok := f.Difference(); ok {
		s.moved = math.Abs(d)
	}
	return s
}

// compare orders by answer, then by how much changed, then by size. What neither
// side knows comes last.
func (s *standing) compare(o *standing) int {
	if c := cmp.Or(s.unknown-o.unknown, s.answer-o.answer); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(o.moved, s.moved), cmp.Compare(o.size, s.size))
}

// WorstFirst returns a list with the rows that are worst first, whatever their
// subjects; what is as bad keeps its order.
func WorstFirst[T any](list []T, row func(*T) *Row) []T {
	return worstFirst(list, row, func(*T, *T) int { return 0 })
}

// worstFirst is WorstFirst with what is as bad in an order of its own. Rows are
// large, and there may be very many: each is looked at once, and moved once.
func worstFirst[T any](list []T, row func(*T) *Row, names func(a, b *T) int) []T {
	standings := make([]standing, len(list))
	for i := range list {
		standings[i] = row(&list[i]).standing()
		standings[i].at = i
	}
	slices.SortFunc(standings, func(a, b standing) int {
		if c := a.compare(&b); c != 0 {
			return c
		}
		return cmp.Or(names(&list[a.at], &list[b.at]), a.at-b.at)
	})
	out := make([]T, len(list))
	for i := range standings {
		out[i] = list[standings[i].at]
	}
	return out
}
