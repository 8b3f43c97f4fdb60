package table

// slot is what a table knows of one row, together because it is looked at
// together.
type slot[R any, K comparable] struct {
	key K
	row R
	// rank is the row's in the present order, small ones first; see sorter.
	rank uint64
	// seen is the generation of the rows that it was last taken in with; 0 is a
	// slot that is free.
	seen uint32
	// at is the row's place among those that were given, which breaks ties.
	at int32
	// hit is whether the filter lets the row through.
	hit bool
}

// memory is what a table knows of its rows by their keys. Each key has a slot
// for as long as the row lives and, once it is gone, until the order settles.
// What is allocated grows to the largest number of rows that there was and is
// used again.
type memory[R any, K comparable] struct {
	slots []slot[R, K]
	byKey map[K]int32
	free  []int32

	// generation is that of the rows that are shown, newest that of those that are
	// being taken in, or were when others came.
	generation, newest uint32
	// given is the slots of the rows in the order in which they were given, coming
	// those of the rows that are being taken in.
	given, coming []int32
	// added are slots of rows that have been taken in and are not among those
	// given, gone those of rows that are no longer given.
	added, gone []int32
	// ghosts counts those of them that are on the screen.
	ghosts int
}

func (m *memory[R, K]) begin() {
	clear(m.slots) // nothing that is gone is held
	*m = memory[R, K]{
		slots: m.slots[:0], free: m.free[:0], given: m.given[:0], coming: m.coming[:0], added: m.added[:0], gone: m.gone[:0],
		byKey: make(map[K]int32), generation: 1, newest: 1,
	}
}

// lives reports whether a slot's row is among those given last, or those that
// are being taken in.
func (m *memory[R, K]) lives(slot int32) bool { return m.slots[slot].seen >= m.generation }

// finder finds the slots of rows that come about in the order in which they
// came before: where the one before them was, but for a few that have moved.
type finder[R any, K comparable] struct {
	*memory[R, K]
	// next is where the next row stood before, if none has moved; or else it
	// stood behind the last one that had.
	next, or int
	// keys and ranks are those of a handful of rows.
	keys  [handful]K
	ranks [handful]uint64
	// fetched is of no meaning: it keeps the look at slots from being left out.
	fetched uint32
}

// handful is how many rows are looked at before anything depends on what they
// say: each is somewhere else in memory, and so they are waited for together.
const handful = 64

// ahead is how many rows are compared in search of the next: more than one,
// because some have moved away.
const ahead = 2

// fetch looks at the slots in which the next rows are likely to be.
func (f *finder[R, K]) fetch(n int) {
	for _, s := range f.given[min(f.next, len(f.given)):min(f.next+n, len(f.given))] {
		f.fetched += f.slots[s].seen
	}
}

func (f *finder[R, K]) find(k K) (at int32, ok bool) {
	for i := f.next; i < min(f.next+ahead, len(f.given)); i++ {
		if s := f.given[i]; f.slots[s].key == k && f.slots[s].seen != f.newest {
			f.next = i + 1
			return s, true
		}
	}
	if f.or < len(f.given) && f.or != f.next {
		if s := f.given[f.or]; f.slots[s].key == k && f.slots[s].seen != f.newest {
			f.or++
			f.next = f.or
			return s, true
		}
	}
	at, ok = f.byKey[k]
	if !ok || f.slots[at].seen == f.newest {
		return 0, false // new, or one more of the same key
	}
	if f.slots[at].seen == f.generation {
		f.or = int(f.slots[at].at) + 1
	}
	return at, true
}

// slot returns a slot for a new key.
func (t *Table[R, K]) slot(k K) int32 {
	m := &t.memory
	var at int32
	if n := len(m.free); n > 0 {
		at, m.free = m.free[n-1], m.free[:n-1]
	} else {
		at = int32(len(m.slots)) //nolint:gosec // no picture holds two thousand million rows
		m.slots = append(m.slots, slot[R, K]{})
	}
	m.slots[at] = slot[R, K]{key: k, rank: last}
	m.added = append(m.added, at)
	if _, known := m.byKey[k]; !known {
		m.byKey[k] = at
	}
	t.sieve.forget(at)
	t.beside.born(at)
	return at
}

// bury gives the slots of rows that are gone away.
func (t *Table[R, K]) bury() {
	m := &t.memory
	for _, at := range m.gone {
		s := &m.slots[at]
		if s.seen == 0 || m.lives(at) {
			continue // buried already, or it came back
		}
		if m.byKey[s.key] == at {
			delete(m.byKey, s.key)
		}
		*s = slot[R, K]{}
		m.free = append(m.free, at)
	}
	m.gone = m.gone[:0]
	t.ghosts = 0
}
