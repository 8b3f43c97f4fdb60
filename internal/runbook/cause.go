package runbook

import "github.com/snattop/snattop/internal/snat"

// Cause is why connections fail, or soon will.
type Cause string

// The causes, in the order in which they are asked for. The first five are a
// lack of SNAT ports, the others only look like one.
const (
	NoPooling        Cause = "no-pooling"
	Leak             Cause = "leak"
	HotDestination   Cause = "hot-destination"
	BudgetTooSmall   Cause = "budget-too-small"
	AllocationHalved Cause = "allocation-halved"
	ConntrackFull    Cause = "conntrack-full"
	DeadDestination  Cause = "dead-destination"
	DNS              Cause = "dns"
	EphemeralPorts   Cause = "ephemeral-ports"
)

// Causes lists every cause, in order.
func Causes() []Cause {
	return []Cause{NoPooling, Leak, HotDestination, BudgetTooSmall, AllocationHalved, ConntrackFull, DeadDestination, DNS, EphemeralPorts}
}

// SNAT reports whether the cause is a lack of ports at the balancer.
func (c Cause) SNAT() bool {
	switch c {
	case NoPooling, Leak, HotDestination, BudgetTooSmall, AllocationHalved:
		return true
	case ConntrackFull, DeadDestination, DNS, EphemeralPorts:
		return false
	default:
		return false
	}
}

// Title is what operators call the cause.
func (c Cause) Title() string {
	switch c {
	case NoPooling:
		return "no pooling"
	case Leak:
		return "leak"
	case HotDestination:
		return "one hot destination"
	case BudgetTooSmall:
		return "budget too small"
	case AllocationHalved:
		return "allocation cut by scale-out"
	case ConntrackFull:
		return "connection tracking table full"
	case DeadDestination:
		return "firewall or dead destination"
	case DNS:
		return "DNS"
	case EphemeralPorts:
		return "local ports used up in the pod"
	default:
		return string(c)
	}
}

// State is one of the three answers to whether a cause is at work. The zero
// value is CouldNotSee: who has not looked has not ruled out.
type State uint8

// The three answers.
const (
	CouldNotSee State = iota
	RuledOut
	Found
)

// String returns "found", "ruled out" or "could not see".
func (s State) String() string {
	switch s {
	case Found:
		return "found"
	case RuledOut:
		return "ruled out"
	case CouldNotSee:
		return "could not see"
	default:
		return "could not see"
	}
}

// Confidence is how sure a found cause is. The zero value belongs to causes
// that are not found.
type Confidence uint8

// The confidences. High: what proves the cause was counted. Medium: it fits,
// and one thing that would prove it was not seen. Low: it fits what little is
// seen, and so may something else.
const (
	NoConfidence Confidence = iota
	Low
	Medium
	High
)

// String returns "low", "medium", "high", or nothing.
func (c Confidence) String() string {
	switch c {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case NoConfidence:
		return ""
	default:
		return ""
	}
}

// Basis says what kind of figure a sentence stands on.
type Basis string

// The bases. Counted figures are of the node's kernel; estimated ones are
// worked out from them; measured ones are the cloud's own.
const (
	Counted   Basis = "counted"
	Estimated Basis = "estimated"
	Measured  Basis = "measured"
)

// Evidence is a sentence with its figures, and the command that an operator
// would have typed for them with what it would print.
type Evidence struct {
	Text  string
	Basis Basis
	// Command may be empty: there is none for it. Output is one line, the
	// lines of a longer output are joined by "; ".
	Command, Output string
}

// Remedy is something to do. Command may be empty; it is to be copied and is
// never run from here. Warning says what to mind before running it.
type Remedy struct{ Text, Command, Warning string }

// Answer is what is known of one cause on one node.
type Answer struct {
	Cause Cause
	State State
	// Confidence is NoConfidence unless the cause is found.
	Confidence Confidence
	// Summary is one sentence: what was found, what rules the cause out, or
	// what could not be seen.
	Summary string
	// Subject names what it is about: "shop/checkout", "20.60.1.9:443 tcp" or
	// the node.
	Subject string
	// Owners hold the connections that it is about, the most first; empty when
	// it is about none in particular.
	Owners []Subject
	// Dest is the destination that it is about; not valid when there is none.
	Dest     snat.Dest
	Evidence []Evidence
	// Remedies are there for found causes only, the best first.
	Remedies []Remedy
}
