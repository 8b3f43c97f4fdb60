package probe

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Scope says how much of a node a probe looks at.
type Scope string

// The scopes.
const (
	// ScopeNode is every network namespace of the node.
	ScopeNode Scope = "node"
	// ScopePod is the network namespace that the probe itself lives in.
	ScopePod Scope = "pod"
)

// Collector names a way to read the socket tables.
type Collector string

// The collectors. Auto takes the best that works.
const (
	CollectorAuto Collector = "auto"
	// CollectorEBPF counts events in the kernel (package bpf).
	CollectorEBPF Collector = "ebpf"
	// CollectorDiag dumps the socket tables over netlink.
	CollectorDiag Collector = "diag"
	// CollectorProcfs reads /proc/<pid>/net/tcp and tcp6.
	CollectorProcfs Collector = "procfs"
	// CollectorTCPTracer runs the node's own tool (package tcptracer).
	CollectorTCPTracer Collector = "tcptracer"
)

// Collectors are those that can be asked for by name, best first.
func Collectors() []Collector {
	return []Collector{CollectorEBPF, CollectorDiag, CollectorProcfs, CollectorTCPTracer}
}

// Config is what a probe needs to know. The zero value of a field means its
// default.
type Config struct {
	// Version is the probe's own, for its Hello.
	Version   string
	Scope     Scope
	Collector Collector
	// Interval is the time between ticks; default one second, at least 100 ms.
	Interval time.Duration
	// Deadline ends the probe; 0 means none.
	Deadline time.Duration
	// Proc is where procfs of the node's PID namespace is mounted: "/proc".
	Proc string
	// HostRoot is where the node's root is mounted: "/" on the node itself.
	HostRoot string
	// Lease is a file that is touched every ten seconds; "" means none.
	Lease string
	// MaxRows bounds the destinations; default DefaultMaxRows, at most
	// LimitMaxRows.
	MaxRows int
	// FocusAll asks for the processes of every owner from the start.
	FocusAll bool
}

// ErrUnsupported is returned on platforms whose kernel the probe cannot read.
var ErrUnsupported = errors.New("the probe reads the Linux kernel's socket tables: this platform is not Linux")

// complete fills in defaults and checks the rest.
func (c Config) complete() (Config, error) {
	if c.Scope == "" {
		c.Scope = ScopeNode
	}
	if c.Scope != ScopeNode && c.Scope != ScopePod {
		return c, fmt.Errorf("scope %q: use node or pod", c.Scope)
	}
	if c.Collector == "" {
		c.Collector = CollectorAuto
	}
	if c.Collector != CollectorAuto && !slices.Contains(Collectors(), c.Collector) {
		return c, fmt.Errorf("collector %q: this probe has auto, ebpf, diag, procfs and tcptracer", c.Collector)
	}
	if c.Scope == ScopePod && (c.Collector == CollectorEBPF || c.Collector == CollectorTCPTracer) {
		return c, fmt.Errorf("collector %q sees a whole node: use diag or procfs for one pod", c.Collector)
	}
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	if c.Interval < 100*time.Millisecond || c.Interval > time.Minute {
		return c, fmt.Errorf("interval %s: use 100ms to 1m", c.Interval)
	}
	if c.Deadline < 0 {
		return c, fmt.Errorf("deadline %s is in the past", c.Deadline)
	}
	if c.MaxRows < 0 || c.MaxRows > LimitMaxRows {
		return c, fmt.Errorf("%d destinations: use 1 to %d", c.MaxRows, LimitMaxRows)
	}
	if c.MaxRows == 0 {
		c.MaxRows = DefaultMaxRows
	}
	if c.Proc == "" {
		c.Proc = "/proc"
	}
	if c.HostRoot == "" {
		c.HostRoot = "/"
	}
	return c, nil
}
