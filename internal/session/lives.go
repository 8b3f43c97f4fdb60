package session

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// Lives is a histogram of how long connections had been established when they
// ended, in the buckets of wire.Life. What a picture holds is never written
// again.
type Lives [wire.LifeBuckets]uint64

// Ended is the number of connections in the histogram.
func (l *Lives) Ended() uint64 {
	var sum uint64
	for _, n := range l {
		sum = addUp(sum, n)
	}
	return sum
}

// Span is a range of durations: at least From and less than Below, or without
// an upper end where Below is 0.
type Span struct{ From, Below time.Duration }

// String writes the end of the range that says the most: "<8 ms", "≥69 min".
func (s Span) String() string {
	if s.Below == 0 {
		return "≥" + s.Bound()
	}
	return "<" + s.Bound()
}

// Bound writes that end alone: "8 ms". It is rounded away from the range, so
// that what is said of it stays true.
func (s Span) Bound() string {
	d, away := s.Below, math.Ceil
	if d == 0 {
		d, away = s.From, math.Floor
	}
	in := func(unit time.Duration, name string) string {
		n := float64(d) / float64(unit)
		if n < 10 {
			return strconv.FormatFloat(away(n*10)/10, 'f', -1, 64) + " " + name
		}
		return strconv.FormatFloat(away(n), 'f', -1, 64) + " " + name
	}
	switch {
	case d < time.Second:
		return in(time.Millisecond, "ms")
	case d < 100*time.Second:
		return in(time.Second, "s")
	default:
		return in(time.Minute, "min")
	}
}

// Quantile returns the range in which the life lies that a share q of all does
// not exceed; ok is false when none has ended. A histogram knows ranges: an
// exact figure would be made up.
func (l *Lives) Quantile(q float64) (span Span, ok bool) {
	ended := l.Ended()
	if ended == 0 {
		return Span{}, false
	}
	rank := uint64(math.Ceil(q * float64(ended)))
	var seen uint64
	for i, n := range l {
		seen = addUp(seen, n)
		if n > 0 && seen >= rank {
			return lifeSpan(i), true
		}
	}
	return l.longest(), true
}

// longest is the range of the last bucket that holds anything: where a share
// of nearly all rounds up to more than there are.
func (l *Lives) longest() Span {
	for i := len(l) - 1; i > 0; i-- {
		if l[i] > 0 {
			return lifeSpan(i)
		}
	}
	return lifeSpan(0)
}

func lifeSpan(bucket int) Span {
	s := Span{Below: time.Millisecond << bucket}
	if bucket > 0 {
		s.From = s.Below / 2
	}
	if bucket == wire.LifeBuckets-1 {
		s.Below = 0
	}
	return s
}

// Compare orders histograms by the life that half of their connections did
// not exceed; what is not known comes first.
func (l *Lives) Compare(other *Lives) int { return cmp.Compare(l.median(), other.median()) }

func (l *Lives) median() time.Duration {
	if l == nil {
		return -2
	}
	if s, ok := l.Quantile(0.5); ok {
		return s.From
	}
	return -1
}

// with returns the histogram with what a tick tells added to it; l may be nil.
// A bucket beyond the last holds what is longer still.
func (l *Lives) with(list []wire.Life) *Lives {
	var out Lives
	if l != nil {
		out = *l
	}
	for _, b := range list {
		i := min(int(b.Bucket), wire.LifeBuckets-1)
		out[i] = addUp(out[i], uint64(b.Count))
	}
	return &out
}

// add counts another histogram in; more may be nil.
func (l *Lives) add(more *Lives) {
	if more == nil {
		return
	}
	for i, n := range more {
		l[i] = addUp(l[i], n)
	}
}

// addUp adds without beginning anew at the end of the range.
func addUp(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// bury keeps the lives of a destination that is forgotten.
func (st *stream) bury(owner Key, lives *Lives) {
	if st.ended[owner] == nil {
		st.ended[owner] = &Lives{}
	}
	st.ended[owner].add(lives)
}

// buried counts in what an owner's forgotten destinations were told of.
func (n *node) buried(h *holder, c *Counts) {
	for _, st := range n.streams {
		if c.Lives != nil {
			c.Lives.add(st.ended[h.key])
		}
	}
}

// buriedElsewhere does the same for a node's forgotten owners.
func (n *node) buriedElsewhere(out *Node) {
	for _, st := range n.streams {
		if out.Lives != nil {
			out.Lives.add(&st.endedElsewhere)
		}
	}
}
