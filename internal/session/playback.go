package session

import "time"

// Playback is how a recording is being played.
type Playback struct {
	// Begin and End are the first and the last moment that there is to see, and
	// At is the one that is seen.
	Begin, End, At time.Time
	// Speed is how many times as fast as it happened.
	Speed  float64
	Paused bool
	// Ended means that At is the last moment: nothing goes on by itself.
	Ended bool
	// Seeking means that another moment is being looked up.
	Seeking bool
}

// Deck plays a recording as it is told to. Its methods do not block and are
// safe for concurrent use: what they ask for is done by whoever runs it.
type Deck interface {
	// Playback returns how it stands.
	Playback() Playback
	// Pause stops at the present moment, and goes on.
	Pause(on bool)
	// SetSpeed plays so many times as fast as it happened, 1/8 to 1000.
	SetSpeed(times float64)
	// SeekTo goes to a moment, or to the end that is nearer to it.
	SeekTo(at time.Time)
	// Step pauses and goes on by one tick of any node.
	Step()
}
