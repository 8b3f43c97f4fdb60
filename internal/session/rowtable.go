package session

import "iter"

// rowTable finds flows by the rows of a probe. A probe numbers its rows one
// after the other, so they are kept in pages: a map takes three times as much
// for each.
type rowTable struct {
	pages map[uint32]*rowPage
	count int
}

const (
	rowPageShift = 4
	rowPageSize  = 1 << rowPageShift
)

type rowPage [rowPageSize]*flow

func newRowTable() rowTable { return rowTable{pages: make(map[uint32]*rowPage)} }

// get returns the flow of a row, or nil.
func (t *rowTable) get(id uint32) *flow {
	if p := t.pages[id>>rowPageShift]; p != nil {
		return p[id%rowPageSize]
	}
	return nil
}

// put enters a row that is not there yet.
func (t *rowTable) put(id uint32, f *flow) {
	p := t.pages[id>>rowPageShift]
	if p == nil {
		p = &rowPage{}
		t.pages[id>>rowPageShift] = p
	}
	p[id%rowPageSize] = f
	t.count++
}

// drop forgets a row that is there.
func (t *rowTable) drop(id uint32) {
	p := t.pages[id>>rowPageShift]
	p[id%rowPageSize] = nil
	t.count--
	if *p == (rowPage{}) {
		delete(t.pages, id>>rowPageShift)
	}
}

// all goes through the rows, in no order.
func (t *rowTable) all() iter.Seq2[uint32, *flow] {
	return func(yield func(uint32, *flow) bool) {
		for at, p := range t.pages {
			for i, f := range p {
				if f != nil && !yield(at<<rowPageShift|uint32(i), f) {
					return
				}
			}
		}
	}
}
