package progress

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// Reach follows how nodes are reached: since when each is on its way, and how
// long others have taken. The zero value is ready.
type Reach struct {
	since map[string]time.Time
	// done and took are the nodes that were reached while watched, and the time
	// that they took together.
	done int
	took time.Duration
	now  time.Time
}

// coming reports whether a node is being reached.
func coming(n *session.Node) bool {
	return n.State == session.StateConnecting || n.State == session.StateWaiting && !n.LeftOut
}

// Look takes a picture, and the time at which it is looked at.
func (r *Reach) Look(now time.Time, snap *session.Snapshot) {
	r.now = now
	next := make(map[string]time.Time)
	for _, n := range snap.Nodes {
		since, was := r.since[n.Name]
		switch {
		case n.State == session.StateConnecting && !was:
			next[n.Name] = now
		case n.State == session.StateConnecting:
			next[n.Name] = since
		case was && n.State == session.StateStreaming:
			r.done++
			r.took += now.Sub(since)
		}
	}
	r.since = next
}

// Job is the reaching of all nodes; ok is false when all are reached, or have
// turned out not to be.
func (r *Reach) Job(snap *session.Snapshot) (j Job, ok bool) {
	j = Job{Name: "reaching nodes"}
	waits := 0
	var longest *session.Node
	for _, n := range snap.Nodes {
		if n.LeftOut {
			continue
		}
		j.Total++
		if !coming(n) {
			j.Done++
			continue
		}
		waits++
		if since, on := r.since[n.Name]; on && (longest == nil || since.Before(r.since[longest.Name])) {
			longest = n
		}
	}
	if longest != nil {
		j.Note = longest.Name
		if longest.Progress != "" {
			j.Note += ": " + longest.Progress
		}
	}
	return j, waits > 0
}

// Of returns for how long a node has been on its way, and how long it still will
// be if it takes as long as the others did; known is false where none has
// arrived yet, or it has taken longer.
func (r *Reach) Of(node string) (on, left time.Duration, known bool) {
	if r == nil {
		return 0, 0, false
	}
	since, ok := r.since[node]
	if !ok {
		return 0, 0, false
	}
	on = r.now.Sub(since)
	if r.done > 0 {
		left = r.took/time.Duration(r.done) - on
	}
	return on, left, left > 0
}
