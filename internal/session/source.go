package session

import (
	"context"
	"net/netip"
	"time"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// Source feeds a session: a live cluster, this host, or a recording.
type Source interface {
	// Run feeds sink until ctx ends or the source does. It returns nil when a
	// source ends on its own, and ctx.Err() or the reason otherwise. Nothing
	// is fed after it returns. Whatever the source made elsewhere (debug
	// pods) is gone by then.
	Run(ctx context.Context, sink Sink) error
	// Focus asks for process detail of owners; see Focus. Sources without
	// detail to ask for ignore it. It never blocks.
	Focus(f Focus)
}

// Sink takes events; it is safe for concurrent use and does not block for
// longer than it takes to store one.
type Sink interface {
	Put(Event)
}

// Focus names the owners whose processes are wanted.
type Focus struct {
	// All asks for every owner of every node.
	All bool
	// Node and Owners ask for some owners (wire IDs) of one node.
	Node   string
	Owners []uint32
}

// Event is one thing that a source tells. Exactly one of the pointers is set.
// Events are also what a recording stores, hence the tags.
type Event struct {
	Time time.Time `cbor:"1,keyasint"`
	// Node is the node that Hello, Tick, Bye and State speak of.
	Node string `cbor:"2,keyasint,omitempty"`

	Hello   *wire.Hello   `cbor:"3,keyasint,omitempty"`
	Tick    *wire.Tick    `cbor:"4,keyasint,omitempty"`
	Bye     *wire.Bye     `cbor:"5,keyasint,omitempty"`
	State   *NodeState    `cbor:"6,keyasint,omitempty"`
	Cluster *ClusterInfo  `cbor:"7,keyasint,omitempty"`
	Objects *ObjectChange `cbor:"8,keyasint,omitempty"`
	// Problem is a sentence about the source as a whole; "" takes it back.
	Problem *string `cbor:"9,keyasint,omitempty"`
}

// ClusterInfo names the whole.
type ClusterInfo struct {
	Context       string        `cbor:"1,keyasint"`
	ServerVersion string        `cbor:"2,keyasint,omitempty"`
	Source        string        `cbor:"3,keyasint"`
	Provider      snat.Provider `cbor:"4,keyasint,omitempty"`
}

// NodeState is how the reach to a node stands.
type NodeState struct {
	State    State  `cbor:"1,keyasint"`
	Error    string `cbor:"2,keyasint,omitempty"`
	Progress string `cbor:"3,keyasint,omitempty"`
	Rung     string `cbor:"4,keyasint,omitempty"`
	// Scoped lists the pods ("namespace/name") that are seen when not the
	// whole node is.
	Scoped []string `cbor:"5,keyasint,omitempty"`
}

// ObjectChange is what the watches told.
type ObjectChange struct {
	// Nodes, Pods and Services were added or changed.
	Nodes    []NodeInfo    `cbor:"1,keyasint,omitempty"`
	Pods     []PodInfo     `cbor:"2,keyasint,omitempty"`
	Services []ServiceInfo `cbor:"3,keyasint,omitempty"`
	// GoneNodes are names; GonePods and GoneServices are UIDs.
	GoneNodes    []string `cbor:"4,keyasint,omitempty"`
	GonePods     []string `cbor:"5,keyasint,omitempty"`
	GoneServices []string `cbor:"6,keyasint,omitempty"`
}

// NodeInfo is what the API server says of a node.
type NodeInfo struct {
	Name       string `cbor:"1,keyasint"`
	InternalIP string `cbor:"2,keyasint,omitempty"`
	ProviderID string `cbor:"3,keyasint,omitempty"`
	OS         string `cbor:"4,keyasint,omitempty"`
	Arch       string `cbor:"5,keyasint,omitempty"`
	Ready      bool   `cbor:"6,keyasint,omitempty"`
	// PodCIDRs and ExternalIPs as the node's spec and status tell them.
	PodCIDRs    []string `cbor:"7,keyasint,omitempty"`
	ExternalIPs []string `cbor:"8,keyasint,omitempty"`
}

// PodInfo is what the API server says of a pod.
type PodInfo struct {
	UID         string          `cbor:"1,keyasint"`
	Namespace   string          `cbor:"2,keyasint"`
	Name        string          `cbor:"3,keyasint"`
	Node        string          `cbor:"4,keyasint,omitempty"`
	HostNetwork bool            `cbor:"5,keyasint,omitempty"`
	Workload    Workload        `cbor:"6,keyasint,omitempty"`
	IPs         []netip.Addr    `cbor:"7,keyasint,omitempty"`
	Phase       string          `cbor:"8,keyasint,omitempty"`
	Containers  []ContainerInfo `cbor:"9,keyasint,omitempty"`
	// ConfigHash is a static pod's kubernetes.io/config.hash, which its
	// cgroup carries in place of the UID.
	ConfigHash string `cbor:"10,keyasint,omitempty"`
}

// ContainerInfo joins a container's name to its ID (without a scheme).
type ContainerInfo struct {
	Name string `cbor:"1,keyasint"`
	ID   string `cbor:"2,keyasint"`
}

// ServiceInfo is what the API server says of a service.
type ServiceInfo struct {
	UID        string       `cbor:"1,keyasint"`
	Namespace  string       `cbor:"2,keyasint"`
	Name       string       `cbor:"3,keyasint"`
	ClusterIPs []netip.Addr `cbor:"4,keyasint,omitempty"`
}
