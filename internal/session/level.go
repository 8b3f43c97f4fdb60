package session

import (
	"math"
	"time"
)

// Level is how a number has stood over about the last half minute: its mean
// over time and how far it swung around that. Older times count ever less.
// It is what "less", "same" and "more" are judged by.
type Level struct {
	Mean float64
	// SD is the standard deviation over time.
	SD float64
	// Over is the time that it was watched for; 0 when it is not known.
	Over time.Duration
}

// Levels are those of an owner, a node or a destination. Ports is empty for
// destinations.
type Levels struct {
	Ports Level
	Open  Level
	// Opens and Fails are events a second.
	Opens, Fails Level
}

// levelMemory is the time constant of levels: long enough for a load's own
// swing to show, short enough to follow a change within a minute.
const levelMemory = 30 * time.Second

// level is the changing side of a Level: the value, which holds until the next
// one, and its sum and squares over the past, faded.
type level struct{ value, sum, squares float64 }

// fold counts the value for the time that it has held, which has that share.
func (l *level) fold(share float64) {
	l.sum = l.sum*(1-share) + l.value*share
	l.squares = l.squares*(1-share) + l.value*l.value*share
}

// fresh is the share that the time since a moment has in a level.
func fresh(since, now moment) float64 {
	if over := since.since(now); now > since && over > 0 {
		return -math.Expm1(-over.Seconds() / levelMemory.Seconds())
	}
	return 0
}

// standing is what the levels of a history have in common: since when numbers
// were noted, when last, and how much of the past there is, faded.
type standing struct {
	began, at moment
	weight    float64
}

// swing is how a number has stood: see Level.
type swing struct{ mean, sd float64 }

// swing returns what is known at a time, without the time that it was watched
// for.
func (st *standing) swing(l level, now moment) swing {
	share := fresh(st.at, now)
	weight := st.weight*(1-share) + share
	if weight <= 0 {
		return swing{mean: l.value}
	}
	l.fold(share)
	mean := l.sum / weight
	return swing{mean, math.Sqrt(max(l.squares/weight-mean*mean, 0))}
}

// over is for how long numbers have been noted, 0 when that says nothing yet.
func (st *standing) over(now moment) time.Duration {
	if st.weight <= 0 && fresh(st.at, now) <= 0 {
		return 0
	}
	return st.began.since(now)
}

// level is a swing over a time.
func (s swing) level(over time.Duration) Level { return Level{Mean: s.mean, SD: s.sd, Over: over} }
