// Package rollup adds up what a picture holds along one of its sides: the same
// connections by node, pod, workload, namespace, destination, process or
// container.
//
// Flows are counts, and counts add up. Ports do not: on one node they are the
// peak over destinations, since a balancer uses a port once for each, and only
// what different nodes use adds up. So a row's ports are worked out anew from
// its destinations, node by node, with the bounds that a node's own are made
// of.
package rollup

import (
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// By is the side along which connections are added up.
type By int

// The sides, in the order in which a key goes through them.
const (
	Node By = iota
	Pod
	Workload
	Namespace
	Dest
	Process
	Container
)

// All lists the sides in order.
func All() []By { return []By{Node, Pod, Workload, Namespace, Dest, Process, Container} }

// String names a row of that side.
func (b By) String() string {
	switch b {
	case Node:
		return "node"
	case Pod:
		return "pod"
	case Workload:
		return "workload"
	case Namespace:
		return "namespace"
	case Dest:
		return "destination"
	case Process:
		return "process"
	case Container:
		return "container"
	default:
		return "row"
	}
}

// Detail reports whether the side is known only of owners whose detail was
// asked for.
func (b By) Detail() bool { return b == Process || b == Container }

// Scope is what of a picture is added up.
type Scope struct {
	// Node and Owner narrow it to a node, by name, and to one owner on it; empty
	// is all.
	Node  string
	Owner session.Key
	// Within narrows it to what belongs to each of some rows.
	Within []Member
}

// Member is a row of a side, by its key. Name is what it was called.
type Member struct {
	By        By
	Key, Name string
	// Dest is the key of a destination.
	Dest snat.Dest
}
