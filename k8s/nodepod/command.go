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

// Command is how a sub-command of the probe is started: what it is asked once,
// beside or without the stream of readings.
type Command struct {
	// Path is the executable, Args what comes before the sub-command.
	Path string
	Args []string
	// Name is the sub-command, Flags what it alone understands.
	Name  string
	Flags []string
	// HostRoot and Lease may be empty.
	HostRoot, Lease string
	Deadline        time.Duration
}

// Line returns the command line. Every sub-command understands --proc,
// --host-root, --lease (a file to touch every ten seconds: its pod ends when
// nobody does) and --deadline.
func (c Command) Line() []string {
	out := append([]string{c.Path}, c.Args...)
	out = append(out, c.Name, "--proc", "/proc")
	if c.HostRoot != "" {
		out = append(out, "--host-root", c.HostRoot)
	}
	if c.Deadline > 0 {
		out = append(out, "--deadline", c.Deadline.String())
	}
	if c.Lease != "" {
		out = append(out, "--lease", c.Lease)
	}
	return append(out, c.Flags...)
}
