package session

import (
	"context"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
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
	// PodUID is set on Hello, Tick and Bye of a probe that sees one pod only;
	// a node may have several of those streams beside each other.
	PodUID string `cbor:"10,keyasint,omitempty"`

	Hello   *wire.Hello       `cbor:"3,keyasint,omitempty"`
	Tick    *wire.Tick        `cbor:"4,keyasint,omitempty"`
	Bye     *wire.Bye         `cbor:"5,keyasint,omitempty"`
	State   *NodeState        `cbor:"6,keyasint,omitempty"`
	Cluster *ClusterInfo      `cbor:"7,keyasint,omitempty"`
	Objects *inventory.Change `cbor:"8,keyasint,omitempty"`
	// Problem is a sentence about the source as a whole; "" takes it back.
	Problem *string `cbor:"9,keyasint,omitempty"`
	// Cloud is everything that the cloud has told so far.
	Cloud *cloud.Reading `cbor:"11,keyasint,omitempty"`
	// Settings are those that a recording was made with.
	Settings *Settings `cbor:"12,keyasint,omitempty"`
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
	// LeftOut means that the operator did not ask for this node: nothing is
	// to be waited for.
	LeftOut bool `cbor:"6,keyasint,omitempty"`
}

// View is what the pages and reports read: a session, or a test's stand-in.
type View interface {
	// Snapshot returns the newest picture; never nil.
	Snapshot() *Snapshot
	// Changed receives when the picture has changed since the last receive.
	// Changes in between are coalesced. The channel is closed when the source
	// has ended.
	Changed() <-chan struct{}
	// FocusOn asks for process detail of one owner of a node; an empty node
	// takes the wish back. It never blocks.
	FocusOn(node string, owner Key)
}
