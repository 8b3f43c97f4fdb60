package rollup

import "github.com/snattop/snattop/internal/session"

// part is what one process holds to a destination, or what none does.
type part struct {
	dest    *session.Dest
	process *session.Process
	missing Missing
}

// partsOf takes a destination apart by process. What is told by socket goes to
// the process that holds it. What is told of the destination as a whole (ports
// that cool down, rates) belongs to none; and without detail nothing does.
func partsOf(d *session.Dest) []part {
	if !d.Detailed {
		return []part{{dest: d, missing: NotAsked}}
	}
	out := make([]part, 0, len(d.Processes)+1)
	rest := *d
	for i := range d.Processes {
		p := &d.Processes[i]
		if p.Established+p.SynSent == 0 {
			continue
		}
		one := *d
		one.Established, one.Closing, one.SynSent = p.Established, 0, p.SynSent
		one.TimeWait, one.Cooling, one.Waiting, one.Abandoned = 0, 0, 0, 0
		one.OpensPerSecond, one.ClosesPerSecond, one.FailedPerSecond = 0, 0, 0
		if d.Silent != nil && p.Established < d.Open() {
			// Whose the silent ones are is not told: they may all be here.
			one.Silent = atMost(d.Silent, p.Established)
		}
		out = append(out, part{dest: &one, process: p})
		rest.Established -= p.Established
		rest.SynSent -= p.SynSent
	}
	rest.Established, rest.SynSent = max(rest.Established, 0), max(rest.SynSent, 0)
	if rest.Silent != nil {
		rest.Silent = atMost(d.Silent, rest.Open())
	}
	if rest.Open()+rest.SynSent+rest.Cooling+rest.Abandoned > 0 {
		out = append(out, part{dest: &rest, missing: NoProcess})
	}
	return out
}

// atMost keeps so many of the silent flows, and of those the ones that have
// been silent for the shortest: the estimate keeps their ports, and the lower
// bound does not.
func atMost(s *session.Silence, flows int) *session.Silence {
	out := *s
	for i := range out {
		out[i] = min(out[i], flows)
		flows -= out[i]
	}
	return &out
}
