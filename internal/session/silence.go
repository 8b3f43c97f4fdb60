package session

import "time"

// SilenceBuckets is the number of buckets of a Silence.
const SilenceBuckets = 7

// Silence counts open flows by how long no packet has passed, in the buckets
// of wire.Row.Silent: bucket i holds those of at least 2^i minutes and less
// than twice that; the last one holds all longer. A keep-alive is a packet.
type Silence [SilenceBuckets]int

// silenceAge is how old a bucket may be: collectors look at silence every few
// seconds, and more seldom where there is much to look at.
const silenceAge = 15 * time.Second

// AtLeast returns the number of flows that may have been silent for d: all of
// every bucket that reaches d, or may by now. It errs upwards.
func (s *Silence) AtLeast(d time.Duration) int {
	n := 0
	for i, c := range s {
		if i == SilenceBuckets-1 || time.Minute<<(i+1)+silenceAge > d {
			n += c
		}
	}
	return n
}

// beyond returns the number of flows that have surely been silent for d: all
// of every bucket that begins at d or later.
func (s *Silence) beyond(d time.Duration) int {
	n := 0
	for i, c := range s {
		if time.Minute<<i >= d {
			n += c
		}
	}
	return n
}

// Sum returns the number of flows that have been silent for a minute or more.
func (s *Silence) Sum() int {
	n := 0
	for _, c := range s {
		n += c
	}
	return n
}

func (s *Silence) add(more *Silence) {
	for i, n := range more {
		s[i] += n
	}
}
