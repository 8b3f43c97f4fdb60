package session

import "time"

// waiting tells attempts that stay without an answer from those that are on
// their way: it is the least number of them over the last ticks.
type waiting struct {
	since     moment
	was, is   uint32
	attempted uint32
}

// waitStep is the time over which the least is looked for, twice. A SYN is
// sent again after a second (RFC 6298, section 2.1), so what is without an
// answer for two steps has gone unheard once. It is a little less than a tick,
// which may come early.
const waitStep = 900 * time.Millisecond

// note says that so many attempts have no answer now.
func (w *waiting) note(attempts uint32, now time.Time) {
	w.roll(now)
	w.attempted = attempts
	w.is = min(w.is, attempts)
}

func (w *waiting) roll(now time.Time) {
	switch age := w.since.since(momentOf(now)); {
	case age >= 2*waitStep:
		w.was, w.is, w.since = w.attempted, w.attempted, momentOf(now)
	case age >= waitStep:
		w.was, w.is, w.since = w.is, w.attempted, momentOf(now)
	}
}

// at returns the attempts that wait. Looking changes nothing: what is known
// later does not depend on who has looked.
func (w *waiting) at(now time.Time) int {
	if w == nil {
		return 0
	}
	then := *w
	then.roll(now)
	return int(min(then.was, then.is))
}

// over reports whether nothing waits, nor will unless something is told.
func (w *waiting) over(now time.Time) bool {
	return w.attempted == 0 && w.since.since(momentOf(now)) >= 2*waitStep
}
