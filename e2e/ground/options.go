package ground

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Limits and defaults of a ground.
const (
	// MaxNodes is the number of nodes the address plan has room for.
	MaxNodes = 16
	// KubeVersion is the Kubernetes release every component is built from.
	KubeVersion = "v1.36.3"

	defaultNodes = 3
	defaultPorts = 1024
	defaultHold  = 240 * time.Second
	defaultReset = 15 * time.Second
	defaultHalf  = 4 * time.Minute
	defaultIdle  = 30 * time.Minute
	defaultUDP   = 4 * time.Minute
	defaultPort  = 26443
)

// Options say what ground to bring up. The zero value of a field stands for
// its default.
type Options struct {
	// Nodes is how many nodes there are; 3 by default.
	Nodes int `json:"nodes"`
	// Ports is the size of the block of source ports each node is granted per
	// protocol; 1024 by default.
	Ports int `json:"ports"`
	// Hold is how long the gateway keeps a port after a connection closed with
	// FIN; 240 s by default, as Azure's load balancer does.
	Hold time.Duration `json:"hold"`
	// HoldReset is the same for connections that ended with RST; 15 s.
	HoldReset time.Duration `json:"holdReset"`
	// HalfOpen is how long it keeps the port of an attempt that nobody answers,
	// counted from its last SYN; 4 min.
	HalfOpen time.Duration `json:"halfOpen"`
	// Idle is how long the gateway remembers a flow that says nothing; 30 min.
	Idle time.Duration `json:"idle"`
	// IdleUDP is the same for UDP, whose flows end in no other way; 4 min.
	IdleUDP time.Duration `json:"idleUDP"`
	// Tunnel puts the control plane beyond the gateway, at a public address: the
	// nodes reach it through their SNAT ports, and it reaches them through
	// konnectivity.
	Tunnel bool `json:"tunnel"`
	// Port is where the API server is reached on the loopback address of the
	// machine; 26443 by default, any free one when that is taken.
	Port int `json:"port"`
	// Progress receives one line for every step; discarded when nil.
	Progress io.Writer `json:"-"`
}

func (o Options) withDefaults() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = defaultNodes
	}
	if o.Ports == 0 {
		o.Ports = defaultPorts
	}
	if o.Hold == 0 {
		o.Hold = defaultHold
	}
	if o.HoldReset == 0 {
		o.HoldReset = defaultReset
	}
	if o.HalfOpen == 0 {
		o.HalfOpen = defaultHalf
	}
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.IdleUDP == 0 {
		o.IdleUDP = defaultUDP
	}
	if o.Port == 0 {
		o.Port = defaultPort
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		return o, fmt.Errorf("%d nodes: must be between 1 and %d", o.Nodes, MaxNodes)
	}
	if _, err := blockFor(0, o.Nodes, o.Ports); err != nil {
		return o, err
	}
	return o, o.holds().check()
}

// Dir is the directory that holds the state of the running ground:
// $SNATTOP_E2E_DIR, or a fixed place under /var/lib.
func Dir() string {
	if d := os.Getenv("SNATTOP_E2E_DIR"); d != "" {
		return d
	}
	return "/var/lib/snattop-e2e"
}

// CacheDir is the directory for what is expensive to build and outlives a
// ground: $SNATTOP_E2E_CACHE, or snattop-e2e in the user's cache directory.
func CacheDir() (string, error) {
	if d := os.Getenv("SNATTOP_E2E_CACHE"); d != "" {
		return d, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	return filepath.Join(base, "snattop-e2e"), nil
}
