package proof

import (
	"fmt"
	"math"
	"time"
)

// What counts as beyond noise. docs/proof.md explains each in a sentence.
const (
	// factor is how many combined standard deviations a difference must
	// exceed. Of differences that chance makes, 0.3 % exceed three where they
	// follow the normal distribution.
	factor = 3.0
	// leastPorts and leastShare are differences that are never counted, however
	// steady both sides are: one connection more or less is no news, and a
	// twentieth is less than an estimate promises.
	leastPorts = 1.0
	leastShare = 0.05
	// blockPorts is the smallest amount in which Azure Load Balancer allocates
	// ports (Load Balancer documentation, "SNAT ports allocation": multiples of
	// 8). Smaller differences are shown, and never decide about the whole.
	blockPorts = 8.0
	// slightRate is the same for events a second: six a minute.
	slightRate = 0.1
	// doubtful is the share of the larger side from which a difference within
	// noise is no longer called the same, where the noise is a swing that was
	// seen: it may be real, and a longer window would tell.
	doubtful = 0.25
)

const (
	// steady is for how long a level must have been watched to show a load's
	// swing as well as it ever does: the fading memory of session.Level, of
	// half a minute, weighs as much as a plain mean over twice that.
	steady = 60 * time.Second
	// memory is how far back a session's rates reach; it is taken off the time
	// over which events count as counted.
	memory = 5 * time.Second
	// counted is over how long events count as counted at most: the memory of
	// session.Level.
	counted = 30 * time.Second
	// shortest is the window below which nothing is said.
	shortest = 8 * time.Second
	// beat is the least time between two readings of a rate that its swing is
	// made of; what chance adds to one reading is taken out with it.
	beat = time.Second
)

// swing is how far the seen numbers swung, as a variance, allowing for a
// window too short to have shown all of it.
func swing(variance, seconds float64) float64 {
	full := steady.Seconds()
	if seconds >= full || seconds <= 0 {
		return variance
	}
	return variance * full / seconds
}

// noise is what one side of a number does by itself, as variances.
type noise struct {
	// swung is what was seen; chance is what independent events make besides.
	swung, chance float64
}

func (n noise) variance() float64 { return n.swung + n.chance }

// gaugeNoise is that of a number of connections or ports.
//
// Samples of a gauge are not independent: a connection that is open now was
// open a second ago. So the swing is never divided by the number of samples,
// and a window does not become surer by being read more often. A connection
// that comes and goes on its own makes a number n vary by √n (Poisson), but
// slowly, so that a short window cannot show it; of those, only the ones that
// were replaced between the two pictures can have made a difference, which are
// turnover × time at most. What the swing shows beyond chance (excess) is added
// to it; the swing that was seen is the least that is allowed for.
func gaugeNoise(m *measure, between time.Duration) noise {
	replaced := m.mean
	if m.turnoverKnown {
		replaced = min(m.mean, m.turnover*between.Seconds())
	}
	n := noise{swung: swing(m.excess*m.excess, m.seconds), chance: replaced}
	n.swung += max(swing(m.variance, m.seconds)-n.variance(), 0)
	return n
}

// rateNoise is that of events a second: chance in the number of events that
// were counted over the window (Poisson; one more than were seen, because none
// in a window does not mean none ever), and the swing beyond it, which is not
// divided by the number of samples either.
func rateNoise(m *measure) noise {
	over := min(m.seconds, counted.Seconds()) - memory.Seconds()
	return noise{swung: swing(m.excess*m.excess, m.seconds), chance: (m.mean*over + 1) / (over * over)}
}

// excess is what a standard deviation holds beyond chance, as a standard
// deviation; chance is the variance that independent events would make.
func excess(sd, chance float64) float64 { return math.Sqrt(max(sd*sd-chance, 0)) }

// judge compares two sides whose noise is known.
func judge(f *Figure, k kind, before, after noise) {
	diff, ok := f.Difference()
	if !ok {
		return
	}
	least, slight := leastPorts, blockPorts
	if !k.gauge() {
		least, slight = 0, slightRate
	}
	f.noise, f.slight = math.Sqrt(before.variance()+after.variance()), slight
	beyond := max(factor*f.noise, least, leastShare*f.Size())
	f.Beyond = ptr(beyond)
	switch {
	case diff > beyond:
		f.Answer = More
	case diff < -beyond:
		f.Answer = Less
	case before.swung+after.swung > before.chance+after.chance &&
		(math.Abs(diff) > max(doubtful*f.Size(), slight) || f.Size() > slight && beyond >= f.Size()):
		// The difference may be real; or even its vanishing would not count.
		f.Answer = CannotTell
		f.Why = fmt.Sprintf("it swings too much, or still moves: a difference of %s or less may be chance; watch for longer", number(beyond))
	default:
		f.Answer = Same
	}
}

// convincing reports whether a difference would still count if it had been
// looked for among many subjects: with more of them, chance has more tries.
// The factor grows so that the number of subjects times the tail of the normal
// distribution, about exp(-factor²/2), stays what it is for one.
func (f *Figure) convincing(subjects int) bool {
	diff, ok := f.Difference()
	if !ok || f.Answer != Less && f.Answer != More {
		return false
	}
	many := math.Sqrt(factor*factor + 2*math.Log(float64(max(subjects, 1))))
	return math.Abs(diff) > max(many*f.noise, f.slight)
}

func ptr[T any](v T) *T { return &v }
