package poll

import "time"

// Clock is where time comes from. The zero value is this machine's.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Filled is the clock with what is missing taken from this machine.
func (c Clock) Filled() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	return c
}
