package tuitest

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// Watched gives every number of a picture its level: it has stood where it is,
// swinging by 2 %, for five minutes, so that the proof can tell a change.
func Watched(s *session.Snapshot) *session.Snapshot {
	at := func(n float64) session.Level {
		return session.Level{Mean: n, SD: n / 50, Over: 5 * time.Minute}
	}
	counts := func(c *session.Counts) {
		c.Levels = session.Levels{Ports: at(float64(c.Ports.Estimate)), Open: at(float64(c.Open)), Opens: at(c.OpensPerSecond), Fails: at(c.FailedPerSecond)}
	}
	for _, n := range s.Nodes {
		if n.State != session.StateStreaming || !n.Counting() {
			continue
		}
		counts(&n.Counts)
		for _, o := range n.Owners {
			o.Node = n.Name
			counts(&o.Counts)
			for _, d := range o.Dests() {
				d.Levels = &session.Levels{Open: at(float64(d.Open())), Opens: at(d.OpensPerSecond), Fails: at(d.FailedPerSecond)}
			}
		}
	}
	return s
}
