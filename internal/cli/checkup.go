package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
)

// checkup is one run of runbooks on a cluster, with what it needs.
type checkup struct {
	books    []step.Book
	patient  step.Patient
	client   *k8s.Client
	commands *live.Commands
	// watch measures connections; nil when no book asks for them.
	watch *watch
	// mine says that commands are this run's own, to be closed with it.
	mine bool
}

// checkup prepares a run: it connects, lists the nodes and starts to measure
// where a book wants it. An API server that does not answer is an error, unless
// a book has something to say of that.
func (o *options) checkup(ctx context.Context, chosen []book, duration time.Duration) (*checkup, error) {
	client, err := k8s.New(o.kube, k8s.Options{Version: o.version})
	if err != nil {
		return nil, cannotTell(err)
	}
	c := &checkup{client: client}
	measures, blind := false, false
	for _, b := range chosen {
		c.books = append(c.books, b.make())
		measures, blind = measures || b.measures, blind || b.blind
	}
	c.patient = step.Patient{API: client, Access: o.access(), Now: time.Now}
	if err := firstWord(ctx, client, blind); err != nil {
		if !blind || ctx.Err() != nil {
			return nil, cannotTell(err)
		}
		// The steps say what is wrong with it.
		c.patient.Picture = func(context.Context) (*session.Snapshot, error) { return nil, err }
		return c, nil
	}
	if c.patient.Nodes, err = o.listNodes(ctx, client); err != nil {
		return nil, cannotTell(err)
	}
	if !measures {
		c.commands, c.mine = live.Open(client, o.live()), true
		c.patient.Examiner = live.NewExaminer(c.commands)
		return c, nil
	}
	o.askEphemeral()
	opts := o.live()
	opts.Consent = o.consent
	src := live.New(client, opts)
	commands, ok := live.Within(src)
	if !ok {
		return nil, errors.New("a live source has no node pods")
	}
	c.commands, c.patient.Examiner = commands, live.NewExaminer(commands)
	settings, err := o.session()
	if err != nil {
		return nil, err
	}
	c.watch = startWatch(ctx, session.New(settings), src)
	c.patient.Picture = func(ctx context.Context) (*session.Snapshot, error) { return c.watch.picture(ctx, duration) }
	return c, nil
}

// silentAfter is how long an API server may take for its first word before it
// counts as silent, where a book has something to say of that.
const silentAfter = 10 * time.Second

func firstWord(ctx context.Context, client *k8s.Client, blind bool) error {
	if blind {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, silentAfter)
		defer cancel()
	}
	return client.Connect(ctx)
}

// listNodes lists the nodes that --node and --max-nodes leave.
func (o *options) listNodes(ctx context.Context, client *k8s.Client) ([]inventory.Node, error) {
	nodes, err := client.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	if o.node != "" {
		nodes = slices.DeleteFunc(nodes, func(n inventory.Node) bool { return n.Name != o.node && n.InternalIP != o.node })
		if len(nodes) == 0 {
			return nil, fmt.Errorf("there is no node %q; 'kubectl get nodes -o wide' lists names and addresses", o.node)
		}
	}
	if o.maxNodes > 0 {
		nodes = nodes[:min(len(nodes), o.maxNodes)]
	}
	return nodes, nil
}

func (c *checkup) run(ctx context.Context, tell func(step.Update)) []step.Step {
	return step.Run(ctx, c.books, c.patient, tell)
}

// close ends what was started, and removes the pods.
func (c *checkup) close() error {
	if c.watch != nil {
		return c.watch.stop()
	}
	if c.mine {
		return c.commands.Close(context.Background())
	}
	return nil
}

func (c *checkup) cluster() session.ClusterInfo {
	return session.ClusterInfo{Context: c.client.Context, ServerVersion: c.client.Version, Source: "live"}
}

// provider is what the session takes the cluster to be; unknown without one.
func (c *checkup) provider() snat.Provider {
	if c.watch == nil {
		return snat.ProviderUnknown
	}
	return c.watch.session.Snapshot().Cluster.Provider
}
