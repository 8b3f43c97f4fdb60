package session

import (
	"encoding/binary"
	"slices"
	"time"
)

// trendLength is how many values a trend holds: five minutes.
const trendLength = int(5 * time.Minute / TrendStep)

// trend is a number over the last minutes, one value every TrendStep. Pictures
// share its values.
type trend struct {
	values packed
	at     moment
}

// note adds a value when its time has come; while nobody looked the number
// stood where it was.
func (t *trend) note(value int, now moment) {
	steps := 1
	if t.at != 0 {
		since := max(t.at.since(now), 0)
		if since < TrendStep {
			return
		}
		t.at += moment(since - since%TrendStep)
		steps = int(min(since/TrendStep, time.Duration(trendLength)))
	} else {
		t.at = now
	}
	var room [2 * trendLength]int
	list := t.values.appendTo(room[:0])
	for range steps - 1 {
		list = append(list, list[len(list)-1])
	}
	list = append(list, value)
	t.values = pack(list[max(0, len(list)-trendLength):])
}

// packed are numbers one behind the other, small ones in a byte or two: a
// large cluster has some for a hundred thousand destinations.
type packed string

func pack(list []int) packed {
	var room [trendLength * 3]byte
	out := room[:0]
	for _, v := range list {
		out = binary.AppendVarint(out, int64(v))
	}
	return packed(out)
}

// appendTo unpacks the numbers behind others.
func (p packed) appendTo(list []int) []int {
	for len(p) > 0 {
		v, n := p.first()
		list, p = append(list, v), p[n:]
	}
	return list
}

// first returns the first number, and in how many bytes it is packed. It is
// binary.Varint, for a string.
func (p packed) first() (v, n int) {
	var u uint64
	for ; n < len(p); n++ {
		u |= uint64(p[n]&0x7f) << (7 * n)
		if p[n] < 0x80 {
			n++
			break
		}
	}
	return int(int64(u>>1) ^ -int64(u&1)), n
}

// unpack returns the numbers, nil where there are none. They are those of was
// where they are the same, which is not made a second time.
func (p packed) unpack(was []int) []int {
	if len(p) == 0 {
		return nil
	}
	var room [trendLength]int
	list := p.appendTo(room[:0])
	if slices.Equal(list, was) {
		return was
	}
	return slices.Clone(list)
}
