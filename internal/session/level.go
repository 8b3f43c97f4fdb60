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

// level is the changing side of a Level. The value holds until the next one.
type level struct {
	value     float64
	at, began time.Time
	// sum, squares and weight are of the past, faded.
	sum, squares, weight float64
}

// note says that the number has been value since now. share is that of a step
// of this length, which the levels of a history have in common.
func (l *level) note(value, share float64, now time.Time) {
	if l.began.IsZero() {
		l.began = now
	} else {
		l.fold(share, now)
	}
	l.value, l.at = value, now
}

// fresh is the share that the time since a moment has in a level.
func fresh(since, now time.Time) float64 {
	return -math.Expm1(-now.Sub(since).Seconds() / levelMemory.Seconds())
}

// fold counts the value for the time that it has held, which has that share.
func (l *level) fold(share float64, now time.Time) {
	if !now.After(l.at) {
		return
	}
	l.sum = l.sum*(1-share) + l.value*share
	l.squares = l.squares*(1-share) + l.value*l.value*share
	l.weight = l.weight*(1-share) + share
	l.at = now
}

// level returns what is known now. Looking changes nothing.
func (l *level) level(now time.Time) Level {
	if l.began.IsZero() {
		return Level{}
	}
	then := *l
	then.fold(fresh(l.at, now), now)
	if then.weight <= 0 {
		return Level{Mean: l.value}
	}
	mean := then.sum / then.weight
	return Level{Mean: mean, SD: math.Sqrt(max(then.squares/then.weight-mean*mean, 0)), Over: now.Sub(l.began)}
}
