package session

import "time"

// moment is a time as Unix nanoseconds, a third of the size of a time.Time;
// zero is that it never was.
type moment int64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.UnixNano())
}

// since is the time from a moment until then.
func (m moment) since(now moment) time.Duration { return time.Duration(now - m) }
