package nodepod

import "time"

// Run is how a probe is started.
type Run struct {
	// Path is the executable, Args what comes before the flags.
	Path string
	Args []string
	// Scope is "node" or "pod".
	Scope     string
	Collector string
	Interval  time.Duration
	// HostRoot and Lease may be empty.
	HostRoot, Lease string
	Deadline        time.Duration
}

// Command returns the probe's command line.
func (r Run) Command() []string {
	collector := r.Collector
	if collector == "" {
		collector = "auto"
	}
	out := append([]string{r.Path}, r.Args...)
	out = append(out, "--scope", r.Scope, "--collector", collector, "--interval", orDefault(r.Interval, time.Second).String(), "--proc", "/proc")
	if r.HostRoot != "" {
		out = append(out, "--host-root", r.HostRoot)
	}
	if r.Deadline > 0 {
		out = append(out, "--deadline", r.Deadline.String())
	}
	if r.Lease != "" {
		out = append(out, "--lease", r.Lease)
	}
	return out
}
