package step

import (
	"context"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Patient is what checks look at. What is nil or empty cannot be looked at
// here; a check that needs it answers Unknown or NotApplicable.
type Patient struct {
	// API is the cluster. It may be one that does not answer, with its Server
	// alone known: checks take it from Look.Cluster.
	API *k8s.Client
	// Nodes are those that were asked for, by name.
	Nodes []inventory.Node
	// Examiner asks nodes for facts.
	Examiner Examiner
	// Picture measures connections, or returns what a running session shows.
	// It may take seconds; the engine calls it once.
	Picture func(ctx context.Context) (*session.Snapshot, error)
	// Access reads from the cloud who may reach the API server of this name; nil
	// asks no cloud. It bounds itself.
	Access func(ctx context.Context, server string, nodes []inventory.Node) (*cloud.Access, error)
	// Now is the clock.
	Now func() time.Time
}

// Examiner asks one node for facts.
type Examiner interface {
	// Examine asks for every part in ask, once, and tells each section as it
	// arrives; say takes what is being waited for. It returns how the node was
	// reached ("node pod"; "node pod, by its termination message") when every
	// section has arrived, and an error in one line when some have not.
	Examine(ctx context.Context, node inventory.Node, ask facts.Ask, say func(string), got func(*facts.Section)) (how string, err error)
}
