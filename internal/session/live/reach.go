package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

// reach is a real cluster.
type reach struct {
	client *k8s.Client
	opts   Options
	// session is what all pods of this run are labelled with.
	session string
	own     *k8s.Pods
	nodes   *nodePods
	oob     *outOfBand
	dead    deadWays
	// knock tells whether the API server gets through to a pod's kubelet.
	knock func(ctx context.Context, target k8s.Target) error

	mu   sync.Mutex
	pods map[string]*podRung
	// made says that there may be something to clean up, maps that there may be
	// ConfigMaps.
	made, maps bool
}

var _ cluster = (*reach)(nil)

func newReach(client *k8s.Client, opts Options) *reach {
	id := opts.Now().UTC().Format("20060102-150405") + "-" + opts.Suffix()
	r := &reach{client: client, opts: opts, session: id, pods: map[string]*podRung{},
		own: client.FollowSelector(opts.DebugNamespace, nodepod.Selector(id))}
	r.nodes = &nodePods{reach: r, live: map[string]*livePod{}, turns: map[string]chan struct{}{}}
	r.knock = func(ctx context.Context, target k8s.Target) error { return knock(ctx, client, target) }
	r.oob = &outOfBand{reach: r, parcels: map[string]*parcel{}}
	return r
}

// Connect implements cluster.
func (r *reach) Connect(ctx context.Context) (session.ClusterInfo, error) {
	var err error
	if r.client.Version == "" {
		err = r.client.Connect(ctx)
	}
	return session.ClusterInfo{Context: r.client.Context, ServerVersion: r.client.Version, Source: "live"}, err
}

// Watch implements cluster.
func (r *reach) Watch(ctx context.Context, opts k8s.WatchOptions) error {
	return r.client.Watch(ctx, opts)
}

// Background implements cluster: it follows our own pods, and removes once
// what earlier sessions left behind.
func (r *reach) Background(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { r.own.Run(ctx) })
	wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		// Whoever may not list or delete pods may not make any either, and
		// hears of it there.
		_, _ = r.client.Sweep(ctx, r.opts.DebugNamespace, r.session, k8s.OrphanAge, r.opts.Now())
	})
	wg.Wait()
}

// NodePod implements cluster.
func (r *reach) NodePod() rung { return r.nodes }

// OutOfBand implements cluster.
func (r *reach) OutOfBand() rung { return r.oob }

// Errand implements cluster.
func (r *reach) Errand(ctx context.Context, node inventory.Node, say func(string), args []string) ([]byte, error) {
	return r.oob.errand(ctx, node, say, args)
}

// PodRung implements cluster.
func (r *reach) PodRung(pod string) rung {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pods[pod]
	if p == nil {
		p = &podRung{reach: r, pod: pod}
		r.pods[pod] = p
	}
	return p
}

// Cleanup implements cluster.
func (r *reach) Cleanup(ctx context.Context) error {
	r.mu.Lock()
	made, maps := r.made, r.maps
	r.mu.Unlock()
	if !made {
		return nil
	}
	err := r.client.RemoveSession(ctx, r.opts.DebugNamespace, r.session)
	if maps {
		_, merr := r.client.RemoveConfigMaps(ctx, r.opts.DebugNamespace, r.session)
		err = errors.Join(err, merr)
	}
	if err == nil {
		return nil
	}
	var e *k8s.Error
	if errors.As(err, &e) && e.Hint == "" {
		e.Hint = "`snattop clean` removes what is left; it ends on its own too"
	}
	return err
}

func (r *reach) willMake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made = true
}

func (r *reach) willMakeMaps() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maps = true
}

var _ Stream = (*k8s.Stream)(nil)
