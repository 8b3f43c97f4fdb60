package live

import (
	"context"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
)

// cluster is what a source needs of a cluster.
type cluster interface {
	// Connect proves that the cluster answers and names it.
	Connect(ctx context.Context) (session.ClusterInfo, error)
	// Watch follows the inventory until ctx ends.
	Watch(ctx context.Context, opts k8s.WatchOptions) error
	// Background runs what the rungs need beside them until ctx ends.
	Background(ctx context.Context)
	// NodePod is the first rung: it sees a whole node.
	NodePod() rung
	// OutOfBand is the last: it sees a whole node, by one errand after the
	// other.
	OutOfBand() rung
	// Errand runs the probe once on a node that exec does not reach, with these
	// arguments, and returns what it has told.
	Errand(ctx context.Context, node inventory.Node, say func(string), args []string) ([]byte, error)
	// PodRung is the second: it sees one pod ("namespace/name").
	PodRung(pod string) rung
	// Command starts a sub-command of the probe in the node's pod.
	Command(ctx context.Context, node inventory.Node, say func(string), name string, flags []string) (Stream, error)
	// Cleanup removes everything that was made.
	Cleanup(ctx context.Context) error
}

// rung is a way in to a node.
type rung interface {
	// Name is what the operator reads: "node pod".
	Name() string
	// Open starts a probe and returns its stream. say takes what is being
	// waited for. After a break, Open takes up what is still there.
	Open(ctx context.Context, node inventory.Node, say func(string)) (*link, error)
}

// link is a running probe.
type link struct {
	conn Stream
	// pod ("namespace/name") and podUID are set when it sees one pod only.
	pod, podUID string
	// how tells the operator in a few words how it was reached.
	how string
	// patience is how long it may say nothing; 0 stands for what suits a
	// stream.
	patience time.Duration
	// spoiled is called when the probe never spoke: what was prepared for it
	// must not be used again.
	spoiled func()
}
