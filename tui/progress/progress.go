// Package progress keeps count of what takes time: for how long it has, how
// much of it is done, and how long it will still take if it goes on so. Nothing
// that is over within a moment is ever shown.
package progress

import "time"

// Patience is for how long something may take before it is shown.
const Patience = 300 * time.Millisecond

// Job is something that takes time, as it stands.
type Job struct {
	// Name tells it from others, and is what is written: "reaching nodes".
	Name string
	// Done are those of Total that are; a Total of 0 is that nobody knows.
	Done, Total int
	// Note says what it waits for.
	Note string
}

// Shown is a job that has taken long enough to be shown.
type Shown struct {
	Job
	// For is how long it has taken.
	For time.Duration
	// Left is how long it will still take if it goes on as it has; it means
	// something where Known is set.
	Left  time.Duration
	Known bool
}

// Percent is how much is done; -1 when that is not known.
func (s Shown) Percent() int {
	if s.Total <= 0 {
		return -1
	}
	return max(0, min(100, 100*s.Done/s.Total))
}

// Tracker follows jobs from one look to the next. The zero value is ready.
type Tracker struct {
	jobs map[string]*running
	// order is that in which they stand now.
	order []string
}

type running struct {
	Job
	since time.Time
	// begun is how many were done already when it began.
	begun int
}

// Look takes the jobs as they stand. Those that are not among them any more
// have ended; one of the same name later is another.
func (t *Tracker) Look(now time.Time, jobs []Job) {
	next := make(map[string]*running, len(jobs))
	t.order = t.order[:0]
	for _, j := range jobs {
		r := t.jobs[j.Name]
		if r == nil {
			r = &running{since: now, begun: j.Done}
		}
		r.Job = j
		next[j.Name] = r
		t.order = append(t.order, j.Name)
	}
	t.jobs = next
}

// Shown returns the jobs that have taken long enough, in the order in which they
// were told.
func (t *Tracker) Shown(now time.Time) []Shown {
	var out []Shown
	for _, name := range t.order {
		r := t.jobs[name]
		s := Shown{Job: r.Job, For: now.Sub(r.since)}
		if s.For < Patience {
			continue
		}
		if news := r.Done - r.begun; news > 0 && r.Total > r.Done {
			s.Left, s.Known = s.For*time.Duration(r.Total-r.Done)/time.Duration(news), true
		}
		out = append(out, s)
	}
	return out
}

// Young reports whether there is a job that is not shown yet.
func (t *Tracker) Young(now time.Time) bool {
	for _, r := range t.jobs {
		if now.Sub(r.since) < Patience {
			return true
		}
	}
	return false
}
