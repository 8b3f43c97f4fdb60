package runbook

import (
	"slices"

	"github.com/snattop/snattop/internal/snat"
)

// Severity is how much a found cause matters now.
type Severity string

// The severities, as snattop.report/v1 spells them.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// leastStuck is from how many attempts without an answer a silent destination
// is worth a warning: one forgotten webhook is not.
const leastStuck = 3

// Severity says how much a found cause of the node matters.
func (d *Diagnosis) Severity(a *Answer) Severity {
	switch {
	case a.State != Found || d.scene == nil:
		return Info
	case a.Cause.SNAT():
		return d.shortage(a)
	case a.Cause == ConntrackFull && a.Confidence == High:
		return Critical
	case a.Cause == DeadDestination && (a.Confidence == Low || d.scene.stuck() < leastStuck || d.Healthy() && !d.scene.beyond(a.Dest)):
		return Info
	default:
		return Warning
	}
}

// shortage is the severity of a cause of a lack of ports: that of the lack.
func (d *Diagnosis) shortage(a *Answer) Severity {
	switch {
	case d.Verdict == snat.Exhausted && d.part(a) == 0:
		return Critical
	case d.short(), d.Verdict == snat.Unknown, a.Dest.Protocol == snat.UDP, d.scene.n.FullIn != nil && a.Cause == Leak:
		return Warning
	default:
		return Info
	}
}

// beyond reports whether a destination lies beyond the balancer.
func (s *scene) beyond(d snat.Dest) bool {
	return slices.ContainsFunc(s.targets, func(t *target) bool { return t.Dest == d && t.eligible })
}

// stuck is the number of attempts that wait, or have failed in the last
// seconds, for destinations for which there are ports.
func (s *scene) stuck() int {
	const seconds = 5
	n := 0
	for _, t := range s.targets {
		if t.failing() && s.portsFor(t) && !t.IP.IsLoopback() {
			n += t.waiting + int(seconds*t.fails)
		}
	}
	return n
}
