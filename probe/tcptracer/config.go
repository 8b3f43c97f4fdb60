package tcptracer

import (
	"errors"
	"time"
)

var (
	// ErrUnsupported means that this platform has no tcptracer.
	ErrUnsupported = errors.New("tcptracer needs Linux")
	// ErrEnded means that the tool runs no more.
	ErrEnded = errors.New("tcptracer ended")
)

// The defaults of Config.
const (
	DefaultAttachTimeout = 5 * time.Minute
	DefaultGrace         = 2 * time.Second
)

// Config is what Start needs to know. The zero value of a field but Path means
// its default.
type Config struct {
	// Path is the tool as the node sees it: what Find returns.
	Path string
	// HostRoot is where the node's root is mounted: "/" on the node itself.
	HostRoot string
	// Proc is where procfs of the node's PID namespace is mounted: "/proc".
	Proc string
	// OnlyIPv4 passes over connections of IPv6 sockets, those to IPv4
	// destinations included, and saves the second tool: it compiles its program
	// with LLVM, so each takes more than 100 MB and seconds of a core to start.
	OnlyIPv4 bool
	// MaxConnections bounds the open connections; DefaultMaxConnections.
	MaxConnections int
	// AttachTimeout bounds how long a tool may compile and attach;
	// DefaultAttachTimeout.
	AttachTimeout time.Duration
	// Grace is how long a tool may take to end when it is asked to, before it is
	// killed; DefaultGrace.
	Grace time.Duration
	// After is time.After.
	After func(time.Duration) <-chan time.Time
}

// complete fills in defaults and checks the rest.
func (c Config) complete() (Config, error) {
	if c.Path == "" {
		return c, errors.New("starting tcptracer: no path is given")
	}
	if c.HostRoot == "" {
		c.HostRoot = "/"
	}
	if c.Proc == "" {
		c.Proc = "/proc"
	}
	if c.AttachTimeout <= 0 {
		c.AttachTimeout = DefaultAttachTimeout
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.After == nil {
		c.After = time.After
	}
	return c, nil
}
