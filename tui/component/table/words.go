package table

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// words are the texts that rows are ordered by, one behind the other, so that
// to sort them means to run through one stretch of memory.
type words struct {
	text []byte
	// from and to are where a slot's text is.
	from, to []int
	scratch  []byte
}

// forget makes the texts those of no column.
func (w *words) forget() { w.text, w.from, w.to = w.text[:0], w.from[:0], w.to[:0] }

func (w *words) of(slot int32) []byte { return w.text[w.from[slot]:w.to[slot]] }

func (w *words) equal(a, b int32) bool { return bytes.Equal(w.of(a), w.of(b)) }

// holds reports whether a text is the one of a slot.
func (w *words) holds(slot int32, text []byte) bool {
	return int(slot) < len(w.from) && bytes.Equal(text, w.of(slot))
}

// take reads all texts anew.
func (w *words) take(slots []int32, text func(dst []byte, slot int32) []byte) {
	most := int32(0)
	for _, s := range slots {
		most = max(most, s+1)
	}
	w.from, w.to = room(w.from, int(most)), room(w.to, int(most))
	clear(w.from)
	clear(w.to)
	w.text = w.text[:0]
	for _, s := range slots {
		w.from[s] = len(w.text)
		w.text = text(w.text, s)
		w.to[s] = len(w.text)
	}
}

func room[E any](s []E, n int) []E { return slices.Grow(s[:0], n)[:n] }

// sort orders pairs by their slots' texts, and leaves those that are equal in
// their order.
func (w *words) sort(pairs, spare []pair) { w.sortFrom(pairs, spare, 0) }

// sortFrom orders pairs whose texts agree before an offset: by the next eight
// bytes in which they differ, and those that have the same by what follows.
func (w *words) sortFrom(pairs, spare []pair, offset int) {
	for {
		if len(pairs) < 2 {
			return
		}
		offset += w.agree(pairs, offset)
		more := false
		for i := range pairs {
			rest := w.of(pairs[i].slot)
			rest = rest[min(offset, len(rest)):]
			pairs[i].key = eight(rest)
			more = more || len(rest) > 8
		}
		sortPairs(pairs, spare)
		if !more {
			return
		}
		offset += 8
		if pairs[0].key == pairs[len(pairs)-1].key {
			continue
		}
		for i := 0; i < len(pairs); {
			j := i + 1
			for j < len(pairs) && pairs[j].key == pairs[i].key {
				j++
			}
			w.sortFrom(pairs[i:j], spare[i:j], offset)
			i = j
		}
		return
	}
}

// agree is for how many bytes after an offset all texts are the same.
func (w *words) agree(pairs []pair, offset int) int {
	first := w.of(pairs[0].slot)
	first = first[min(offset, len(first)):]
	for _, p := range pairs[1:] {
		other := w.of(p.slot)
		other = other[min(offset, len(other)):]
		if len(other) < len(first) {
			first = first[:len(other)]
		}
		if !bytes.Equal(first, other[:len(first)]) {
			n := 0
			for first[n] == other[n] {
				n++
			}
			first = first[:n]
		}
		if len(first) == 0 {
			break
		}
	}
	return len(first)
}

// eight is the first eight bytes of a text as a number of the same order.
func eight(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	var b [8]byte
	copy(b[:], text)
	return binary.BigEndian.Uint64(b[:])
}
