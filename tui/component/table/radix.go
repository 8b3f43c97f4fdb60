package table

import (
	"cmp"
	"slices"
)

// pair is a slot and the number that places it.
type pair struct {
	key  uint64
	slot int32
}

// few is how many pairs are sorted by comparing them.
const few = 512

// digit is how many bits of a key are looked at together.
const digit = 11

// sortPairs orders pairs by their keys and leaves those of one key in their
// order. spare is as long as pairs, and its contents are lost.
func sortPairs(pairs, spare []pair) {
	if slices.IsSortedFunc(pairs, comparePairs) {
		return
	}
	if len(pairs) <= few {
		slices.SortStableFunc(pairs, comparePairs)
		return
	}
	var same, some uint64 = ^uint64(0), 0
	for _, p := range pairs {
		same &= p.key
		some |= p.key
	}
	differ := same ^ some // the bits in which not all keys agree
	from, to := pairs, spare
	for shift := 0; shift < 64; shift += digit {
		if differ>>shift&(1<<digit-1) == 0 {
			continue
		}
		var start [1 << digit]int32
		for _, p := range from {
			start[p.key>>shift&(1<<digit-1)]++
		}
		sum := int32(0)
		for i, n := range start {
			start[i] = sum
			sum += n
		}
		for _, p := range from {
			d := p.key >> shift & (1<<digit - 1)
			to[start[d]] = p
			start[d]++
		}
		from, to = to, from
	}
	if len(from) > 0 && &from[0] != &pairs[0] {
		copy(pairs, from)
	}
}

func comparePairs(a, b pair) int { return cmp.Compare(a.key, b.key) }
