package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

const (
	rungNodePod   = "node pod"
	rungEphemeral = "ephemeral container"

	// heldTime and pullTime bound the wait for a container of an image that
	// the node holds, and of one that has to be pulled.
	heldTime = 60 * time.Second
	pullTime = 3 * time.Minute
	// uploadTime bounds the upload of the probe.
	uploadTime = 10 * time.Minute
	// eventTime bounds the question for events after a failure.
	eventTime = 5 * time.Second
)

// nodePods is the rung of node pods, for all nodes.
type nodePods struct {
	reach *reach

	mu    sync.Mutex
	live  map[string]*livePod
	turns map[string]chan struct{}
	// refused is a refusal that holds for every node, believed for a while.
	refused   error
	refusedAt time.Time
}

// livePod is a node pod that was made and is worth coming back to.
type livePod struct {
	name string
	how  nodepod.Choice
	// uploaded is the probe's path, "" before the upload.
	uploaded string
	args     []string
	// heard is when something came back from it last.
	heard time.Time
}

// Name implements rung.
func (n *nodePods) Name() string { return rungNodePod }

// Open implements rung: create, wait, upload, start; what an earlier Open did
// and is still there is not done again.
func (n *nodePods) Open(ctx context.Context, node inventory.Node, say func(string)) (*link, error) {
	pod, err := n.ready(ctx, node, say)
	if err != nil {
		return nil, err
	}
	say("starting the probe")
	// The stream outlives ctx: whoever holds the link ends it, leash first.
	opts := n.reach.opts
	stream, err := n.reach.client.Exec(context.WithoutCancel(ctx), pod.target, nodepod.Run{
		Path: pod.path, Args: pod.args, Scope: "node", Collector: opts.Collector, Interval: opts.Interval,
		HostRoot: nodepod.HostRoot, Lease: nodepod.LeasePath, Deadline: opts.Deadline,
	}.Command())
	if err != nil {
		return nil, err
	}
	return &link{conn: stream, how: pod.how, spoiled: pod.spoiled}, nil
}

// readyPod is a pod in which the probe lies.
type readyPod struct {
	target k8s.Target
	// path is the probe's, args come first on its command line.
	path    string
	args    []string
	how     string
	spoiled func()
}

// ready returns the node's pod with the probe in it, one caller at a time for
// each node: two that need the same node share its pod.
func (n *nodePods) ready(ctx context.Context, node inventory.Node, say func(string)) (readyPod, error) {
	turn := n.turn(node.Name)
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return readyPod{}, ctx.Err()
	}
	if err := n.recentRefusal(); err != nil {
		return readyPod{}, err
	}
	if err := n.reach.dead.why(node.Name, n.reach.opts.Now()); err != nil {
		return readyPod{}, err
	}
	pod, err := n.pod(ctx, node, say)
	if err != nil {
		return readyPod{}, n.remember(err)
	}
	target := k8s.Target{Namespace: n.reach.opts.DebugNamespace, Pod: pod.name, Container: nodepod.Container}
	path, args, err := n.arrive(ctx, node, pod, target, say)
	if err != nil {
		return readyPod{}, n.giveUp(ctx, node, pod, err)
	}
	return readyPod{target: target, path: path, args: args, how: pod.how.Reason, spoiled: func() { n.spoil(node.Name, pod) }}, nil
}

// arrive sends the probe where it does not lie yet. A dead way to the kubelet
// would hold that up for minutes, so an exec of nothing goes beside it.
func (n *nodePods) arrive(ctx context.Context, node inventory.Node, pod *livePod, target k8s.Target, say func(string)) (string, []string, error) {
	path, args := n.probe(pod)
	if path != "" && n.heardLately(pod) {
		return path, args, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	knocked := make(chan error, 1)
	go func() {
		err := n.reach.knock(ctx, target)
		if err != nil {
			stop(err)
		}
		knocked <- err
	}()
	var err error
	if path == "" {
		if path, args, err = n.upload(ctx, node, pod, target, say); err != nil {
			stop(nil) // nobody waits for the other
		}
	}
	if kerr := <-knocked; kerr != nil {
		err = kerr
	}
	switch {
	case err == nil:
		n.hear(pod)
	case isDead(err):
		n.reach.dead.mark(node.Name, n.reach.opts.Now(), err)
	}
	return path, args, err
}

// heardFor is how long a way that has served is taken to serve still.
const heardFor = 20 * time.Second

func (n *nodePods) heardLately(pod *livePod) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reach.opts.Now().Sub(pod.heard) < heardFor
}

func (n *nodePods) hear(pod *livePod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pod.heard = n.reach.opts.Now()
}

// turn returns the one place of those who make a node's pod ready.
func (n *nodePods) turn(node string) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.turns[node] == nil {
		n.turns[node] = make(chan struct{}, 1)
	}
	return n.turns[node]
}

// probe returns where the probe lies in a pod, "" before the upload.
func (n *nodePods) probe(pod *livePod) (string, []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return pod.uploaded, pod.args
}

// pod returns a running pod on the node, an old one or a new one.
func (n *nodePods) pod(ctx context.Context, node inventory.Node, say func(string)) (*livePod, error) {
	if old := n.get(node.Name); old != nil {
		if now := n.reach.own.Get(old.name); now != nil {
			if ok, err := k8s.Started(now, nodepod.Container); ok && err == nil {
				return old, nil
			}
		}
		n.forget(ctx, node.Name, old)
	}
	choices := nodepod.Choose(nodepod.ImageOptions{ProbeImage: n.reach.opts.ProbeImage, Image: n.reach.opts.Image}, node.Images)
	var last error
	for _, choice := range choices {
		pod, err := n.create(ctx, node, choice, say)
		if err == nil {
			n.put(node.Name, pod)
			return pod, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		last = err
		if k8s.IsDenied(err) || k8s.KindOf(err) == k8s.KindUnreachable {
			break
		}
	}
	return nil, last
}

// create makes a pod of one image and waits until its container runs. A pod
// that does not get that far is removed.
func (n *nodePods) create(ctx context.Context, node inventory.Node, choice nodepod.Choice, say func(string)) (*livePod, error) {
	opts := n.reach.opts
	level := nodepod.Mutator(nodepod.Privileged)
	if opts.Minimal {
		level = nodepod.Minimal
	}
	spec := nodepod.New(nodepod.Config{
		Node: node.Name, Arch: node.Arch, Namespace: opts.DebugNamespace, Suffix: opts.Suffix(), Session: n.reach.session,
		Image: choice, PullSecret: opts.PullSecret, Deadline: opts.Deadline, By: Whoami(), Started: opts.Now(),
	}, level)
	say("creating the node pod of " + choice.Reason)
	n.reach.willMake()
	made, err := n.reach.client.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	n.reach.own.Put(made)
	limit := heldTime
	if choice.Policy != corev1.PullNever {
		limit = pullTime
	}
	if err := n.wait(ctx, made.Name, limit, say); err != nil {
		n.remove(ctx, made.Name)
		return nil, err
	}
	pod := &livePod{name: made.Name, how: choice}
	if choice.HoldsProbe {
		pod.uploaded = nodepod.ProbeInImage
	}
	return pod, nil
}

// wait waits for the container by our watch. When it takes too long, the
// pod's events say why.
func (n *nodePods) wait(ctx context.Context, name string, limit time.Duration, say func(string)) error {
	waitCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pod, err := n.reach.own.WaitFor(waitCtx, name, func(p *corev1.Pod) (bool, error) {
		ok, err := k8s.Started(p, nodepod.Container)
		if !ok && err == nil {
			say(k8s.Waiting(p, nodepod.Container))
		}
		return ok, err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return tooLate(ctx, n.reach.client, n.reach.opts.DebugNamespace, name, nodepod.Container, pod, limit, err)
}

// tooLate explains a container that did not start: what its pod waits for, and
// what the cluster's events say of it.
func tooLate(ctx context.Context, client *k8s.Client, namespace, name, container string, pod *corev1.Pod, limit time.Duration, err error) error {
	var told *k8s.Error
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &told) {
		return err
	}
	what := fmt.Sprintf("no container after %s", limit)
	if pod != nil {
		what += ": " + k8s.Waiting(pod, container)
	}
	evCtx, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	if events := client.Events(evCtx, namespace, name); events != "" {
		what += " (" + events + ")"
	}
	return &k8s.Error{Kind: k8s.KindTimeout, Doing: "waiting for the container", Object: "pod " + namespace + "/" + name, What: what,
		Hint: "`kubectl describe node` tells whether its kubelet and runtime work", Err: err}
}

// upload sends the probe for the node's platform, and tells where it lies.
func (n *nodePods) upload(ctx context.Context, node inventory.Node, pod *livePod, target k8s.Target, say func(string)) (string, []string, error) {
	path, args, err := uploadProbe(ctx, n.reach, node, target, []string{nodepod.WorkDir}, nodepod.LeasePath, say)
	if err != nil {
		return "", nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	pod.uploaded, pod.args = path, args
	return path, args, nil
}

// uploadProbe sends the right probe and returns its path and first arguments.
func uploadProbe(ctx context.Context, r *reach, node inventory.Node, target k8s.Target, dirs []string, lease string, say func(string)) (string, []string, error) {
	probe, err := r.opts.Payload.For("linux", node.Arch)
	if err != nil {
		return "", nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	var told time.Time
	path, err := r.client.Upload(ctx, k8s.Upload{
		Target: target, Dirs: dirs, Name: "probe", Lease: lease, Bytes: probe.Bytes, SHA256: probe.SHA256,
		Progress: func(sent, total int64) {
			if now := time.Now(); sent == total || now.Sub(told) > 250*time.Millisecond {
				told = now
				say(fmt.Sprintf("uploading the probe, %.1f of %.1f MB", float64(sent)/1e6, float64(total)/1e6))
			}
		},
	})
	return path, probe.Args, err
}

// giveUp removes a pod that nothing can be done with, and leaves it where the
// next attempt may succeed.
func (n *nodePods) giveUp(ctx context.Context, node inventory.Node, pod *livePod, err error) error {
	if k8s.IsDenied(err) || k8s.KindOf(err) == k8s.KindNotFound || errors.Is(err, k8s.ErrNoShell) {
		n.forget(ctx, node.Name, pod)
	}
	return n.remember(err)
}

// spoil makes the next Open upload the probe again.
func (n *nodePods) spoil(node string, pod *livePod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.live[node] == pod && !pod.how.HoldsProbe {
		pod.uploaded = ""
	}
}

func (n *nodePods) get(node string) *livePod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.live[node]
}

func (n *nodePods) put(node string, pod *livePod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.live[node] = pod
}

func (n *nodePods) forget(ctx context.Context, node string, pod *livePod) {
	n.mu.Lock()
	delete(n.live, node)
	n.mu.Unlock()
	n.remove(ctx, pod.name)
}

// remove deletes one pod; what this misses, Cleanup finds by its label.
func (n *nodePods) remove(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTime)
	defer cancel()
	_ = n.reach.client.Delete(ctx, n.reach.opts.DebugNamespace, name)
}

// remember keeps a refusal that every node would meet.
func (n *nodePods) remember(err error) error {
	switch k8s.KindOf(err) {
	case k8s.KindForbidden, k8s.KindPodSecurity, k8s.KindAdmission:
		n.mu.Lock()
		n.refused, n.refusedAt = err, n.reach.opts.Now()
		n.mu.Unlock()
	case k8s.KindOther, k8s.KindNoConfig, k8s.KindNoContext, k8s.KindUnreachable, k8s.KindTimeout, k8s.KindTLS,
		k8s.KindUnauthorized, k8s.KindQuota, k8s.KindNotFound, k8s.KindConflict, k8s.KindBusy, k8s.KindKubelet, k8s.KindCanceled:
	}
	return err
}

// recentRefusal spares the API server a request for each of many nodes when
// one was refused for all.
func (n *nodePods) recentRefusal() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refused != nil && n.reach.opts.Now().Sub(n.refusedAt) < deniedPause/2 {
		return n.refused
	}
	return nil
}
