package live

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

// Stream is a probe's standard output and input.
type Stream interface {
	io.Reader
	io.Writer
	// CloseStdin lets go of the leash: the probe ends in good order, and what
	// it still says can be read.
	CloseStdin() error
	// Close closes standard input, waits for the end for at most grace, and
	// then breaks the connection.
	Close(grace time.Duration)
	// Wait waits for the end and says why: nil after exit code 0, else an
	// *k8s.Error that wraps a *k8s.ExitError with what standard error said.
	Wait() error
}

// Commands starts sub-commands of the probe in node pods. It is safe for
// concurrent use: what runs on one node shares one pod.
type Commands struct {
	reach cluster
	// owned says that nobody else runs what is behind the rungs, and nobody
	// else removes what they make.
	owned bool

	mu         sync.Mutex
	stop       context.CancelFunc
	background sync.WaitGroup
}

// Open returns commands with pods of their own. Nothing is sent before Start;
// Close removes what was made.
func Open(client *k8s.Client, opts Options) *Commands {
	return &Commands{reach: newReach(client, opts.withDefaults()), owned: true}
}

// Within returns commands that use the node pods of a session, whose source
// New made; ok is false for any other. The source removes the pods when it
// ends, and has to run while Start is called.
func Within(src session.Source) (c *Commands, ok bool) {
	s, ok := src.(*source)
	if !ok {
		return nil, false
	}
	return &Commands{reach: s.reach}, true
}

// Start runs "probe NAME FLAGS…" in the node's pod, which it makes where there
// is none; the flags of nodepod.Command come first. say takes what is being
// waited for, and may be nil. The stream outlives ctx: whoever holds it closes
// it, before Close.
func (c *Commands) Start(ctx context.Context, node inventory.Node, say func(string), name string, flags ...string) (Stream, error) {
	object := "node " + node.Name
	switch {
	case node.OS != "" && node.OS != "linux":
		return nil, &k8s.Error{Kind: k8s.KindOther, Object: object, What: node.OS + " nodes are not looked at"}
	case !node.Ready:
		return nil, &k8s.Error{Kind: k8s.KindUnreachable, Object: object, What: "the node is not ready: " + node.NotReady,
			Hint: "`kubectl describe node` tells whether its kubelet and runtime work"}
	}
	if say == nil {
		say = func(string) {}
	}
	c.follow(ctx)
	return c.reach.Command(ctx, node, say, name, flags)
}

// follow starts, once, what the rungs need beside them.
func (c *Commands) follow(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.owned || c.stop != nil {
		return
	}
	// What Start waits for is told by watches, which end last: see Close.
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.background.Go(func() { c.reach.Background(ctx) })
}

// Close removes the pods that were made, within a bound of its own even when
// ctx has ended; those of a session stay its own. No Start may be under way.
func (c *Commands) Close(ctx context.Context) error {
	if !c.owned {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	err := c.reach.Cleanup(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
		c.background.Wait()
	}
	return err
}

// Command implements cluster.
func (r *reach) Command(ctx context.Context, node inventory.Node, say func(string), name string, flags []string) (Stream, error) {
	pod, err := r.nodes.ready(ctx, node, say)
	if err != nil {
		return nil, err
	}
	say("starting " + name + " on the node")
	stream, err := r.client.Exec(context.WithoutCancel(ctx), pod.target, nodepod.Command{
		Path: pod.path, Args: pod.args, Name: name, Flags: flags,
		HostRoot: nodepod.HostRoot, Lease: nodepod.LeasePath, Deadline: r.opts.Deadline,
	}.Line())
	if err != nil {
		return nil, fmt.Errorf("starting %s on node %s: %w", name, node.Name, err)
	}
	return stream, nil
}
