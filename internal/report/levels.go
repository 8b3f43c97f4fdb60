package report

import "github.com/snattop/snattop/internal/session"

// Levels are how the numbers have stood over about the last half minute. Each
// is null when it is not known; Ports is so for destinations, which have none.
type Levels struct {
	Ports *Level `json:"ports"`
	Open  *Level `json:"open"`
	Opens *Level `json:"opens_per_second"`
	Fails *Level `json:"failed_per_second"`
}

// Level is the mean of a number over time, its standard deviation over time,
// and for how many seconds it was watched.
type Level struct {
	Mean    float64 `json:"mean"`
	SD      float64 `json:"sd"`
	Seconds float64 `json:"seconds"`
}

// destLevels are those of a destination: none where it never had many flows.
func destLevels(n *session.Node, d *session.Dest) *Levels {
	if d.Levels == nil {
		return levels(n, session.Levels{})
	}
	return levels(n, *d.Levels)
}

// levels is null in every part that the node's collector cannot see.
func levels(n *session.Node, l session.Levels) *Levels {
	out := &Levels{Ports: level(l.Ports), Open: level(l.Open), Opens: level(l.Opens)}
	if n.Sight().Attempts {
		out.Fails = level(l.Fails)
	}
	return out
}

func level(l session.Level) *Level {
	seconds := round(l.Over.Seconds())
	if seconds <= 0 {
		return nil
	}
	return &Level{Mean: round(l.Mean), SD: round(l.SD), Seconds: seconds}
}
