package table

// intake is rows that are being taken in. That is a look at each of them, which
// may be somewhere else in memory every time, and so a large table takes them in
// by slices, each in a frame of its own; see Table.Work. A row that has been
// taken in shows its new numbers; which rows there are, and where they stand, is
// that of the rows before until the last slice.
type intake[R any, K comparable] struct {
	on   bool
	rows []R
	// at is how many have been taken in.
	at int
	// same means that the texts that rows are ordered by are those that were
	// ordered.
	same   bool
	finder finder[R, K]
	// then is rows that have come meanwhile: the next.
	then    []R
	waiting bool
}

// sliced is how many rows a frame takes in.
const sliced = 16384

// remember takes rows in, all of them.
func (t *Table[R, K]) remember(rows []R) {
	t.begin(rows)
	t.takeIn(len(rows))
	t.commit()
}

// begin begins to take rows in. What has been taken in of others is taken in
// once more.
func (t *Table[R, K]) begin(rows []R) {
	t.newest++
	t.coming = t.coming[:0]
	t.intake = intake[R, K]{on: true, rows: rows, same: true, finder: finder[R, K]{memory: &t.memory}}
}

// again begins once more, because rows are looked at for another order.
func (t *Table[R, K]) again() {
	switch in := &t.intake; {
	case !in.on:
	case in.waiting:
		t.begin(in.then)
	default:
		t.begin(in.rows)
	}
}

// takeIn takes in as many as n more rows.
func (t *Table[R, K]) takeIn(n int) {
	m, in := &t.memory, &t.intake
	f := &in.finder
	number := t.numbered()
	word := t.word()
	for end := min(in.at+n, len(in.rows)); in.at < end; {
		some := in.rows[in.at:min(in.at+handful, end)]
		f.fetch(len(some))
		for j, r := range some {
			f.keys[j] = t.opts.Key(r)
			if number != nil {
				f.ranks[j] = number(r)
			}
		}
		for j, r := range some {
			at, ok := f.find(f.keys[j])
			switch {
			case !ok:
				at = t.slot(f.keys[j])
				in.same = false
			case m.slots[at].seen < m.generation: // it comes back
				m.added = append(m.added, at)
			}
			s := &m.slots[at]
			s.row, s.seen, s.at = r, m.newest, int32(in.at+j) //nolint:gosec // no picture holds two thousand million rows
			if number != nil {
				s.rank = f.ranks[j]
			}
			if in.same && word != nil {
				t.words.scratch = word(t.words.scratch[:0], r)
				in.same = t.words.holds(at, t.words.scratch)
			}
			m.coming = append(m.coming, at)
		}
		in.at += len(some)
	}
}

// commit makes the rows that have been taken in those that are given.
func (t *Table[R, K]) commit() {
	m := &t.memory
	before := m.given
	m.given, m.coming, m.generation = m.coming, before[:0], m.newest
	for _, list := range [][]int32{before, m.added} {
		for _, s := range list {
			if m.slots[s].seen != m.generation {
				m.gone = append(m.gone, s)
			}
		}
	}
	m.added = m.added[:0]
	same := t.intake.same
	t.intake = intake[R, K]{}
	t.sift(false)
	t.rate(same)
}
