package dests

import (
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// states are what state: may mean of a destination: whether it takes a port,
// and what its connections do.
func states() []string {
	return []string{"eligible", "excluded", "public", "private", "open", "trying", "cooling", "failing", "tcp", "udp"}
}

func stateOf(d *session.Dest) []string {
	out := make([]string, 0, 8)
	add := func(is bool, yes, no string) {
		switch {
		case is:
			out = append(out, yes)
		case no != "":
			out = append(out, no)
		}
	}
	add(d.Eligible, "eligible", "excluded")
	add(d.Public, "public", "private")
	add(d.Open() > 0, "open", "")
	add(d.SynSent > 0, "trying", "")
	add(d.Cooling > 0, "cooling", "")
	add(d.FailedPerSecond > 0, "failing", "")
	add(d.Protocol == snat.UDP, "udp", "tcp")
	return out
}
