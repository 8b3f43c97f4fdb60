package table

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/snattop/snattop/tui/filter"
)

// sieve is which rows the filter lets through.
type sieve struct {
	filter string
	wanted filter.Filter
	// problem is why the filter cannot be read.
	problem error
	// loose means that no row holds the words as they stand, so that those that
	// hold their letters in order are let through.
	loose bool
	// hits is how many rows are let through.
	hits int
	// hay is the text of each slot's row that is looked through, and hayOf the
	// generation of the row it was made of.
	hay   []string
	hayOf []uint32
	// swept is how far through the rows the last look went.
	swept   int
	scratch []byte
}

// sweep is how many rows are looked at again when they come with new numbers
// while a filter is on: of more rows, some are looked at each time.
const sweep = 8192

// forget empties what is known of a slot, which may be one more than there were.
func (s *sieve) forget(slot int32) {
	if int(slot) == len(s.hay) {
		s.hay, s.hayOf = append(s.hay, ""), append(s.hayOf, 0)
	}
	s.hay[slot], s.hayOf[slot] = "", 0
}

func (s *sieve) setFilter(text string, terms filter.Terms) {
	s.filter, s.loose = text, false
	s.wanted, s.problem = terms.Parse(text)
}

// sift decides which rows are let through: all of them anew, or after new rows
// those that are new and as many of the others as a frame has time for.
func (t *Table[R, K]) sift(all bool) {
	switch {
	case t.wanted.Empty():
		for _, s := range t.given {
			t.slots[s].hit = true
		}
		t.hits, t.loose = len(t.given), false
		t.glean()
	case all:
		t.loose = false
		if t.lookAtAll(); t.hits > 0 {
			return
		}
		if len(t.wanted.Words) == 0 {
			return
		}
		t.loose = true
		t.lookAtAll()
		t.loose = t.hits > 0
	default:
		t.lookAgain()
	}
}

func (t *Table[R, K]) lookAtAll() {
	t.hits = 0
	for _, s := range t.given {
		if t.hayOf[s] == 0 {
			t.makeHay(s)
		}
		t.slots[s].hit = t.matches(s, t.loose)
		if t.slots[s].hit {
			t.hits++
		}
	}
}

// lookAgain looks at rows that are new, and in turn at the others.
func (t *Table[R, K]) lookAgain() {
	strict := false
	again := func(s int32) {
		t.makeHay(s)
		t.slots[s].hit = t.matches(s, t.loose)
		strict = strict || t.loose && t.slots[s].hit && t.matches(s, false)
	}
	t.turn(again)
	t.hits = 0
	for _, s := range t.given {
		if t.hayOf[s] == 0 {
			again(s)
		}
		if t.slots[s].hit {
			t.hits++
		}
	}
	if strict || t.hits == 0 && len(t.wanted.Words) > 0 {
		t.sift(true) // from here on strictly, or loosely
	}
}

// glean makes the texts of rows before anybody asks for them, some each time.
func (t *Table[R, K]) glean() {
	t.turn(func(s int32) {
		if t.hayOf[s] == 0 {
			t.makeHay(s)
		}
	})
}

// turn does something with the next rows whose turn it is.
func (t *Table[R, K]) turn(do func(slot int32)) {
	for range min(len(t.given), sweep) {
		if t.swept >= len(t.given) {
			t.swept = 0
		}
		do(t.given[t.swept])
		t.swept++
	}
}

// makeHay makes the text of a row that a filter looks at: words, not numbers.
func (t *Table[R, K]) makeHay(slot int32) {
	r := t.slots[slot].row
	b := t.scratch[:0]
	for i := range t.opts.Columns {
		c := &t.opts.Columns[i]
		if c.Text == nil || c.Right {
			continue
		}
		b = append(b, c.Text(r)...)
		b = append(b, ' ')
	}
	if t.opts.Span != nil {
		if _, text, _, ok := t.opts.Span(r); ok {
			b = append(b, text...)
		}
	}
	b = lower(b)
	t.scratch, t.hayOf[slot] = b, t.generation
	if t.hay[slot] != string(b) {
		t.hay[slot] = string(b)
	}
}

// lower makes a text lower case, in place where it can.
func lower(b []byte) []byte {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return bytes.ToLower(b)
		}
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// matches reports whether a row holds every word of the filter, or loosely
// their letters in order, and whether its terms hold.
func (t *Table[R, K]) matches(slot int32, loosely bool) bool {
	hay := t.hay[slot]
	for _, w := range t.wanted.Not {
		if strings.Contains(hay, w) {
			return false
		}
	}
	switch {
	case loosely:
		if !inOrder(hay, t.wanted.Words) {
			return false
		}
	default:
		for _, w := range t.wanted.Words {
			if !strings.Contains(hay, w) {
				return false
			}
		}
	}
	return !t.wanted.Terms() || t.opts.Match(t.slots[slot].row, &t.wanted)
}

// inOrder reports whether a text holds the letters of all words, one after the
// other.
func inOrder(text string, words []string) bool {
	for _, w := range words {
		for _, r := range w {
			at := strings.IndexRune(text, r)
			if at < 0 {
				return false
			}
			text = text[at+utf8.RuneLen(r):]
		}
	}
	return true
}
