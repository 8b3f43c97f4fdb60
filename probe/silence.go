package probe

import (
	"math/bits"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// silence is what a list of sockets tells of one connection's last packets.
type silence struct {
	// known is whether the list was asked to tell.
	known bool
	// idle is how long ago data was sent, data came, or an acknowledgement came,
	// whichever is the shortest.
	idle time.Duration
	// segments are those that passed in both directions, in all; they wrap
	// around.
	segments uint32
}

// silentBucket is 0 for a connection that is not silent, and else 1 more than
// the index in wire.Row.
func silentBucket(idle, minute time.Duration) uint8 {
	if idle < minute {
		return 0
	}
	return uint8(min(bits.Len64(uint64(idle/minute)), wire.SilentBuckets)) //nolint:gosec // 7 at the most
}

// silences decides when a list of sockets is to tell how silent they are, and
// corrects what it tells. It is not safe for concurrent use.
//
// The kernel notes the time of data and acknowledgements, but not that of a
// keep-alive of the other side, which refreshes a balancer's idle timer as well.
// The number of segments tells: when it has changed since the connection was
// asked before, something has passed.
type silences struct {
	// minute is the unit of silence, every the time between two answers.
	minute, every time.Duration
	// next is when the next answer is due; asked is whether this snapshot gets
	// one, at now.
	next, now time.Time
	asked     bool
	// heard holds the connections that seem silent, by key.
	heard map[uint64]heard
	gen   uint32
}

// heard is when a silent connection had more segments than before, zero when
// that was not seen.
type heard struct {
	at       time.Time
	segments uint32
	gen      uint32
}

// silenceEvery is the time between two lists that tell silence: they take 1.4
// times the processor time of the others (BenchmarkDiag), and the shortest
// silence is a minute.
const silenceEvery = 10 * time.Second

func newSilences() *silences {
	return &silences{minute: time.Minute, every: silenceEvery, heard: make(map[uint64]heard)}
}

// begin starts a snapshot, and reports whether lists are to tell silence.
func (s *silences) begin(now time.Time) bool {
	if s.asked = !now.Before(s.next); s.asked {
		s.now, s.next = now, now.Add(s.every)
		s.gen++
	}
	return s.asked
}

// correct makes the silence of a socket what it is.
func (s *silences) correct(sock *Socket) {
	if !s.asked || !sock.Silence.known || sock.Silence.idle < s.minute || sock.State != StateEstablished {
		return
	}
	h, met := s.heard[sock.Key]
	if met && h.segments != sock.Silence.segments {
		h.at = s.now
	}
	h.segments, h.gen = sock.Silence.segments, s.gen
	s.heard[sock.Key] = h
	if !h.at.IsZero() {
		sock.Silence.idle = min(sock.Silence.idle, s.now.Sub(h.at))
	}
}

// end forgets the connections that this snapshot did not find silent.
func (s *silences) end() {
	if !s.asked {
		return
	}
	s.asked = false
	for key, h := range s.heard {
		if h.gen != s.gen {
			delete(s.heard, key)
		}
	}
}
