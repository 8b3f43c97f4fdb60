package rollup

import (
	"cmp"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Row is the sum of what has one key.
type Row struct {
	Key string
	// Name is what the row is called, and Note what else is to be said of it:
	// the workload of a pod, the name of an address, the pod of a process. Both
	// hold text from a cluster.
	Name, Note string
	// Dest is the destination, on that side.
	Dest snat.Dest
	// Node and Owner are where most of it is, by flows.
	Node  *session.Node
	Owner *session.Owner
	// Nodes, Owners and Dests say how many of them are in the sum; Dests counts
	// what one owner holds to one destination.
	Nodes, Owners, Dests int

	// Ports are the bounds of the ports in use, added up over the nodes.
	Ports snat.Ports
	// Fullest is where the row takes the largest share of a budget: a node, or
	// the nodes that share a pool.
	Fullest Use
	// Open, Trying and Cooling count flows that take a port; All counts every
	// flow of TCP and UDP, and Public those established to public addresses.
	Open, Trying, Cooling, All, Public, UDPFlows     int
	OpensPerSecond, ClosesPerSecond, FailedPerSecond float64

	// Blind and Unrated count the nodes in the sum that see no attempts, and
	// those that have not counted for long enough to know rates.
	Blind, Unrated int
	// Missing says what the row stands for when it is not one of its side.
	Missing Missing

	// What follows is used while adding up: the node and the owner that were
	// met last, the flows of that owner and the most of any, and what is asked of
	// the pool that is added.
	at            *session.Node
	by            *session.Owner
	byFlows, most int
	loads         []snat.Load
	asks          bool
}

// Use is what of a budget is used.
type Use struct {
	// Node is the node, or one of those that share the pool.
	Node   *session.Node
	Shared bool
	// Ports are those in use there, of Budget; 0 when that is not known.
	Ports  snat.Ports
	Budget int
}

// Pressure is the share of the budget that the estimate is; -1 when the budget
// is not known.
func (u Use) Pressure() float64 {
	if u.Budget <= 0 {
		return -1
	}
	return float64(u.Ports.Estimate) / float64(u.Budget)
}

// Member names the row as a part that a scope can be narrowed to.
func (r *Row) Member(by By) Member { return Member{By: by, Key: r.Key, Name: r.Name, Dest: r.Dest} }

// Missing is why connections have no place on a side.
type Missing int

// Why connections are in a row of their own.
const (
	// Placed is a row like any other.
	Placed Missing = iota
	// NotAsked are connections whose processes nobody has asked the node for.
	NotAsked
	// NoProcess are connections that no process holds (any more).
	NoProcess
)

// worse orders rows worst first. What has no place on the side comes last.
func worse(a, b *Row) int {
	return cmp.Or(
		cmp.Compare(a.Missing, b.Missing),
		cmp.Compare(b.Ports.Estimate, a.Ports.Estimate), cmp.Compare(b.Open, a.Open), cmp.Compare(b.Trying, a.Trying),
		cmp.Compare(b.All, a.All), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key),
	)
}

// Table is everything that was added up.
type Table struct {
	By    By
	Scope Scope
	// Rows are worst first.
	Rows []*Row
	// Seen and Nodes are how many nodes of the scope have numbers, of how many.
	Seen, Nodes int
}

// Row returns the row with a key, or nil.
func (t *Table) Row(key string) *Row {
	for _, r := range t.Rows {
		if r.Key == key {
			return r
		}
	}
	return nil
}
