package cloud

import (
	"context"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// Watcher follows what a cloud measures.
type Watcher interface {
	// Watch tells readings until ctx ends. nodes delivers the nodes of the
	// cluster whenever that set has changed; the channel is never closed
	// before ctx ends. tell is called from one goroutine at a time. What fails
	// is told as a Problem and tried again at the cloud's own pace; Watch
	// returns ctx.Err() only, or nil when there is nothing to follow.
	Watch(ctx context.Context, nodes <-chan []Node, tell func(Reading)) error
}

// Node is what a cloud needs to know of a node of the cluster.
type Node struct {
	Name string
	// InternalIP is what balancers know the node by.
	InternalIP string
	// ProviderID is spec.providerID: "azure:///subscriptions/…".
	ProviderID string
}

// Reading is everything that a cloud has told so far. It replaces the reading
// before.
type Reading struct {
	// Provider is whose figures these are.
	Provider snat.Provider `cbor:"1,keyasint"`
	// Source is what an operator calls them: "Azure Monitor".
	Source string `cbor:"2,keyasint,omitempty"`
	// Profile is what the outbound type grants; nil when it could not be read.
	Profile *Profile `cbor:"3,keyasint,omitempty"`
	// Nodes holds the figures that are told by node.
	Nodes []NodeReading `cbor:"4,keyasint,omitempty"`
	// Gateway holds the figures that are told for the gateway as a whole; nil
	// when there are none.
	Gateway *GatewayReading `cbor:"5,keyasint,omitempty"`
	// Problems are what could not be read, each a sentence with what to do
	// next. No credential is ever part of it.
	Problems []Problem `cbor:"6,keyasint,omitempty"`
}

// Profile is how the cluster's way out is set up.
type Profile struct {
	// Outbound is the outbound type as the cloud spells it: "loadBalancer",
	// "managedNATGateway".
	Outbound string `cbor:"1,keyasint,omitempty"`
	// PortsPerNode is what is allocated to each node by hand; 0 means that the
	// cloud decides by the size of the pool.
	PortsPerNode int `cbor:"2,keyasint,omitempty"`
	// IPs is the number of outbound addresses; 0 when it is not known.
	IPs int `cbor:"3,keyasint,omitempty"`
	// IdleTimeout is after how long a silent TCP flow loses its port; 0 when
	// it is not known.
	IdleTimeout time.Duration `cbor:"4,keyasint,omitempty"`
	// Nodes is the number of machines behind the addresses, those of other
	// clusters included; 0 when it is not known.
	Nodes int `cbor:"5,keyasint,omitempty"`
	// Surge is how many more there may be during an upgrade; 0 when it is not
	// known.
	Surge int `cbor:"6,keyasint,omitempty"`
	// Name and Group are what a command needs to name the cluster: its name
	// and its resource group, project or region.
	Name  string `cbor:"7,keyasint,omitempty"`
	Group string `cbor:"8,keyasint,omitempty"`
	// Gateway names the NAT gateway or router, where there is one.
	Gateway string `cbor:"9,keyasint,omitempty"`
	// Shared means that another cluster uses the same addresses.
	Shared bool `cbor:"10,keyasint,omitempty"`
	// MaxNodes is how many machines autoscaling may make of Nodes, before any
	// surge; 0 when it is not known.
	MaxNodes int `cbor:"11,keyasint,omitempty"`
}

// Access is who may reach a cluster's API server, as the cloud has it.
type Access struct {
	// Name and Group are what a command needs to name the cluster.
	Name, Group string
	// Authorized are the ranges of clients that are let in ("203.0.113.0/24");
	// empty when everybody is.
	Authorized []string
	// Private means that the API server has a private address only.
	Private bool
}

// NodeReading is what a cloud measures of one node. Numbers that it did not
// tell are nil.
type NodeReading struct {
	// IP is the node's internal address, or Name its name: whichever the cloud
	// knows it by.
	IP   string `cbor:"1,keyasint,omitempty"`
	Name string `cbor:"2,keyasint,omitempty"`
	// At is the end of the minute that the newest figures are of. They come
	// minutes late.
	At  time.Time `cbor:"3,keyasint"`
	TCP Usage     `cbor:"4,keyasint"`
	UDP Usage     `cbor:"5,keyasint"`
	// Both holds what the cloud counts for TCP and UDP together: Azure tells
	// failed connections so.
	Both Usage `cbor:"6,keyasint"`
}

// Usage is one protocol's side of a node.
type Usage struct {
	// Allocated and Used are ports.
	Allocated *int `cbor:"1,keyasint,omitempty"`
	Used      *int `cbor:"2,keyasint,omitempty"`
	// Failed is the number of connections, or of packets where the cloud
	// counts those, that got no port in that minute.
	Failed *int `cbor:"3,keyasint,omitempty"`
	// Lost is the unit of Failed: "connections" or "packets".
	Lost string `cbor:"4,keyasint,omitempty"`
}

// GatewayReading is what a cloud measures of a gateway that it does not tell
// by node.
type GatewayReading struct {
	At time.Time `cbor:"1,keyasint"`
	// Open is the number of connections; Failed that of connections that got
	// no port in that minute, and Dropped that of packets.
	Open    *int `cbor:"2,keyasint,omitempty"`
	Failed  *int `cbor:"3,keyasint,omitempty"`
	Dropped *int `cbor:"4,keyasint,omitempty"`
}

// Problem is something that could not be read.
type Problem struct {
	// What is the thing: "metrics", "profile", "credential".
	What string `cbor:"1,keyasint"`
	// Sentence says what failed, on which object, and what to do.
	Sentence string `cbor:"2,keyasint"`
	// Denied means that asking again will not help before somebody grants a
	// right.
	Denied bool `cbor:"3,keyasint,omitempty"`
}

// Node finds the figures of a node by its address, else by its name.
func (r *Reading) Node(name, ip string) (NodeReading, bool) {
	if r == nil {
		return NodeReading{}, false
	}
	for _, n := range r.Nodes {
		if n.IP != "" && n.IP == ip || n.Name != "" && n.Name == name {
			return n, true
		}
	}
	return NodeReading{}, false
}
