package snat

import "fmt"

// Verdict is the answer for one node.
type Verdict string

// The verdicts, as snattop.report/v1 spells them.
const (
	Healthy   Verdict = "healthy"
	Pressured Verdict = "pressured"
	Exhausted Verdict = "exhausted"
	NotSNAT   Verdict = "not-snat"
	Unknown   Verdict = "unknown"
)

// Rank orders verdicts worst first: exhausted, pressured, not-snat, unknown,
// healthy.
func (v Verdict) Rank() int {
	switch v {
	case Exhausted:
		return 0
	case Pressured:
		return 1
	case NotSNAT:
		return 2
	case Unknown:
		return 3
	case Healthy:
		return 4
	default:
		return 3
	}
}

// PressuredAt is the share of the budget from which a node is pressured.
const PressuredAt = 0.8

// FullAt is the share of the budget from which a destination counts as having
// used it up, when connections wait there. It allows for what is not seen: the
// ports that closed flows hold are worked out.
const FullAt = 0.97

// stuck is from how many unanswered attempts on something other than a lack of
// ports is worth a verdict: one forgotten webhook is not.
const stuck = 3

// Situation is what a node's verdict follows from.
type Situation struct {
	Ports  Ports
	Budget Budget
	// Starved counts attempts that wait for an answer from destinations that
	// have used up the budget (see FullAt).
	Starved int
	// Unanswered counts attempts that wait for an answer from, or have lately
	// failed to reach, any other destination.
	Unanswered int
	// TableFull means that the node's own connection tracking table has no
	// room or refuses entries.
	TableFull bool
	// UDP are the ports of the UDP pool, which is as large as TCP's.
	UDP Ports
	// MeasuredUsed and MeasuredFailed are the cloud's own newest figures, in
	// ports and in connections or packets of one minute; nil when not known.
	MeasuredUsed, MeasuredFailed *int
}

// Judge derives a node's verdict and the reasons for it. A verdict without a
// known budget is Unknown: pressure is not invented.
func Judge(s Situation) (Verdict, []string) {
	b := s.Budget
	if !b.Known() {
		why := []string{"the port budget is not known: give it with --snat-ports, or name the outbound type with --provider"}
		if s.TableFull && s.Unanswered+s.Starved > 0 {
			return NotSNAT, []string{tableFull(s)}
		}
		return Unknown, why
	}
	use := fmt.Sprintf("about %d of %d ports (%s) are in use", s.Ports.Estimate, b.Limit(), b.Source)
	full := float64(b.Limit())
	switch {
	case s.Ports.Min >= b.Limit():
		return Exhausted, []string{fmt.Sprintf("%d flows are open to one destination; the budget is %d ports (%s)", s.Ports.Min, b.Limit(), b.Source)}
	case s.Starved > 0 && float64(s.Ports.Estimate) >= FullAt*full:
		return Exhausted, []string{fmt.Sprintf("%s and %s for one", use, waits(s.Starved))}
	case s.TableFull && s.Unanswered > 0:
		return NotSNAT, []string{tableFull(s), use}
	case s.measuredFull() && s.Unanswered+s.Starved > 0:
		return Exhausted, []string{fmt.Sprintf("the cloud measures %d of %d ports in use and %d failures in a minute; %s", *s.MeasuredUsed, b.Ports, *s.MeasuredFailed, waits(s.Unanswered+s.Starved)), use}
	case float64(s.Ports.Estimate) >= PressuredAt*full:
		return Pressured, append([]string{use}, s.elsewhere()...)
	case s.MeasuredUsed != nil && float64(*s.MeasuredUsed) >= PressuredAt*full:
		return Pressured, append([]string{fmt.Sprintf("the cloud measures %d of %d ports in use", *s.MeasuredUsed, b.Ports), use}, s.elsewhere()...)
	case float64(s.UDP.Estimate) >= PressuredAt*full:
		return Pressured, append([]string{fmt.Sprintf("about %d of %d UDP ports (%s) are in use", s.UDP.Estimate, b.Limit(), b.Source), use}, s.elsewhere()...)
	case s.Unanswered >= stuck:
		return NotSNAT, append(s.elsewhere(), use)
	default:
		return Healthy, []string{use}
	}
}

func (s Situation) measuredFull() bool {
	return s.MeasuredUsed != nil && s.MeasuredFailed != nil && *s.MeasuredFailed > 0 &&
		float64(*s.MeasuredUsed) >= FullAt*float64(s.Budget.Ports)
}

// elsewhere speaks of attempts that no lack of ports explains.
func (s Situation) elsewhere() []string {
	if s.Unanswered < stuck {
		return nil
	}
	return []string{fmt.Sprintf("%d attempts have no answer from destinations for which there are ports: a firewall, or nobody there", s.Unanswered)}
}

func tableFull(s Situation) string {
	return fmt.Sprintf("the node's connection tracking table refuses entries and %s", waits(s.Unanswered+s.Starved))
}

func waits(n int) string {
	if n == 1 {
		return "1 connection waits"
	}
	return fmt.Sprintf("%d connections wait", n)
}
