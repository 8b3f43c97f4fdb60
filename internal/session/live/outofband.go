package live

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
	"github.com/snattop/snattop/probe/letter"
)

const (
	rungOutOfBand = "out of band"

	// errandTime bounds the work of a probe that was sent on an errand, once
	// its container has started.
	errandTime = 30 * time.Second
	// errandDeadline is the whole life of such a pod.
	errandDeadline = pullTime + errandTime
	// knockTime is how long an exec of nothing may take before the way through
	// the API server to a kubelet counts as dead.
	knockTime = 5 * time.Second
	// deadTime is how long that is believed.
	deadTime = time.Minute
)

// outOfBand reaches nodes without any connection to them: a pod runs the probe
// once, and its kubelet reports what it leaves in termination messages.
type outOfBand struct {
	reach *reach

	mu      sync.Mutex
	parcels map[string]*parcel // by architecture
}

// parcel is the probe in ConfigMaps.
type parcel struct {
	names  []string
	sha256 string
	first  []string
	// sent is closed when they are there, or err says why not.
	sent chan struct{}
	err  error
}

// errand runs the probe once on a node and returns what it has told.
func (o *outOfBand) errand(ctx context.Context, node inventory.Node, say func(string), args []string) ([]byte, error) {
	opts := o.reach.opts
	var last error
	for _, choice := range nodepod.Choose(nodepod.ImageOptions{ProbeImage: opts.ProbeImage, Image: opts.Image}, node.Images) {
		text, err := o.send(ctx, node, choice, say, args)
		if err == nil || ctx.Err() != nil || k8s.IsDenied(err) || k8s.KindOf(err) == k8s.KindUnreachable {
			return text, err
		}
		last = err
	}
	return nil, last
}

// send sends one pod of one image, and removes it.
func (o *outOfBand) send(ctx context.Context, node inventory.Node, choice nodepod.Choice, say func(string), args []string) ([]byte, error) {
	opts := o.reach.opts
	level := nodepod.Mutator(nodepod.Privileged)
	if opts.Minimal {
		level = nodepod.Minimal
	}
	errand := nodepod.Errand{Args: args}
	var p *parcel
	var packed []byte
	if !choice.HoldsProbe {
		var err error
		if p, packed, err = o.parcel(node); err != nil {
			return nil, err
		}
		errand.Parts, errand.SHA256, errand.First = p.names, p.sha256, p.first
	}
	if p != nil && packed == nil {
		// Somebody else sends it: without it the pod would wait as well.
		select {
		case <-p.sent:
			if p.err != nil {
				return nil, p.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	spec := nodepod.NewErrand(nodepod.Config{
		Node: node.Name, Arch: node.Arch, Namespace: opts.DebugNamespace, Suffix: opts.Suffix(), Session: o.reach.session,
		Image: choice, PullSecret: opts.PullSecret, Deadline: errandDeadline, By: Whoami(), Started: opts.Now(),
	}, errand, level)
	say("sending a pod that tells by its termination message")
	o.reach.willMake()
	made, err := o.reach.client.Create(ctx, spec)
	if err == nil {
		o.reach.own.Put(made)
	}
	if packed != nil {
		if err == nil {
			err = o.deliver(ctx, p, packed, made)
		}
		o.sent(node.Arch, p, err)
	}
	if err != nil {
		if made != nil && made.Name != "" {
			o.reach.nodes.remove(ctx, made.Name)
		}
		return nil, err
	}
	if packed == nil {
		// The pod that the ConfigMaps belong to stays until the session's end.
		defer o.reach.nodes.remove(ctx, made.Name)
	}
	pod, err := o.wait(ctx, made.Name, choice, say)
	if err != nil {
		o.spoil(node.Arch, p)
		return nil, err
	}
	text, err := letter.Open(messages(pod))
	if err != nil {
		return nil, &k8s.Error{Kind: k8s.KindOther, Doing: "reading what the pod has told", Object: "pod " + made.Namespace + "/" + made.Name, What: err.Error() + said(pod), Err: err}
	}
	return text, nil
}

// parcel returns the ConfigMaps of a node's probe. Who gets packed as well has
// to deliver it, and to say that it is sent.
func (o *outOfBand) parcel(node inventory.Node) (p *parcel, packed []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.parcels[node.Arch]; p != nil {
		return p, nil, nil
	}
	exe, err := o.reach.opts.Payload.For("linux", node.Arch)
	if err != nil {
		return nil, nil, fmt.Errorf("node %s: %w", node.Name, err)
	}
	if packed, err = pack(exe.Bytes); err != nil {
		return nil, nil, err
	}
	names := nodepod.ParcelNames(o.reach.opts.Suffix(), len(packed))
	if len(names) > nodepod.MaxParts {
		return nil, nil, &k8s.Error{Kind: k8s.KindOther, Object: "node " + node.Name, What: fmt.Sprintf("%s is %d MB packed, too much to be sent without exec", exe.Name, len(packed)>>20),
			Hint: "use a released snattop, which carries a small probe, or --probe-image"}
	}
	p = &parcel{names: names, sha256: exe.SHA256, first: exe.Args, sent: make(chan struct{})}
	o.parcels[node.Arch] = p
	return p, packed, nil
}

// deliver makes the ConfigMaps, all at once. They belong to the first pod that
// needs them.
func (o *outOfBand) deliver(ctx context.Context, p *parcel, packed []byte, owner *corev1.Pod) error {
	var wg sync.WaitGroup
	errs := make([]error, len(p.names))
	o.reach.willMakeMaps()
	for i, m := range nodepod.Parcel(p.names, packed, o.reach.session, o.reach.opts.Now(), owner) {
		wg.Go(func() { errs[i] = o.reach.client.CreateConfigMap(ctx, m) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one says it all
		}
	}
	return nil
}

func (o *outOfBand) sent(arch string, p *parcel, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.err = err
	if err != nil && o.parcels[arch] == p {
		delete(o.parcels, arch) // the next one tries again
	}
	close(p.sent)
}

// spoil has the parcel made anew: somebody may have removed it.
func (o *outOfBand) spoil(arch string, p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p != nil && o.parcels[arch] == p {
		delete(o.parcels, arch)
	}
}

func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// wait waits until every container of a pod has ended.
func (o *outOfBand) wait(ctx context.Context, name string, choice nodepod.Choice, say func(string)) (*corev1.Pod, error) {
	limit := heldTime
	if choice.Policy != corev1.PullNever {
		limit = pullTime
	}
	waitCtx, cancel := context.WithTimeout(ctx, limit+errandTime)
	defer cancel()
	pod, err := o.reach.own.WaitFor(waitCtx, name, func(p *corev1.Pod) (bool, error) {
		switch running, err := k8s.Started(p, nodepod.Container); {
		case allEnded(p):
			return true, nil
		case running:
			say("waiting for the pod's termination message")
			return false, nil
		case err != nil && !mainEnded(p):
			return false, err
		default:
			say(k8s.Waiting(p, nodepod.Container))
			return false, nil
		}
	})
	if err == nil || ctx.Err() != nil {
		return pod, err
	}
	return pod, tooLate(ctx, o.reach.client, o.reach.opts.DebugNamespace, name, nodepod.Container, pod, limit, err)
}

func allEnded(p *corev1.Pod) bool {
	for i := range p.Status.ContainerStatuses {
		if p.Status.ContainerStatuses[i].State.Terminated == nil {
			return false
		}
	}
	return len(p.Status.ContainerStatuses) == len(p.Spec.Containers)
}

func mainEnded(p *corev1.Pod) bool {
	for i := range p.Status.ContainerStatuses {
		if s := &p.Status.ContainerStatuses[i]; s.Name == nodepod.Container {
			return s.State.Terminated != nil
		}
	}
	return false
}

func messages(p *corev1.Pod) []string {
	var out []string
	for i := range p.Status.ContainerStatuses {
		if t := p.Status.ContainerStatuses[i].State.Terminated; t != nil {
			out = append(out, t.Message)
		}
	}
	return out
}

// said is what a probe that failed has told in place of a letter.
func said(p *corev1.Pod) string {
	for i := range p.Status.ContainerStatuses {
		if s := &p.Status.ContainerStatuses[i]; s.Name == nodepod.Container && s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
			t := s.State.Terminated
			return strings.TrimSpace(fmt.Sprintf(" (exit code %d: %s %.200s)", t.ExitCode, t.Reason, strings.Join(strings.Fields(t.Message), " ")))
		}
	}
	return ""
}

// isDead reports whether err means that the API server does not get through to
// a kubelet: exec, attach, logs and port-forward share that way.
func isDead(err error) bool { return k8s.KindOf(err) == k8s.KindKubelet }

// knock runs nothing in a container. Whatever comes back, even that there is no
// such program, proves that the way is open; nothing within knockTime, or the
// API server's word, that it is not.
func knock(ctx context.Context, client *k8s.Client, target k8s.Target) error {
	knockCtx, cancel := context.WithTimeout(ctx, knockTime)
	defer cancel()
	_, err := client.Run(knockCtx, target, []string{"/bin/sh", "-c", ":"}, nil, 1)
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case isDead(err):
		return err
	case errors.Is(knockCtx.Err(), context.DeadlineExceeded):
		return &k8s.Error{Kind: k8s.KindKubelet, Doing: "exec", Object: target.String(), What: fmt.Sprintf("nothing came back from the node's kubelet within %s", knockTime),
			Hint: "exec, logs and attach share this way: look at port 10250 of the node, and at the konnectivity agents", Err: err}
	default:
		return nil // what else is wrong is told by who goes this way
	}
}

// deadWays remembers nodes whose kubelets are not reached, for a while.
type deadWays struct {
	mu sync.Mutex
	// all is when the whole tunnel was found dead.
	all   time.Time
	allBy error
	nodes map[string]deadWay
}

type deadWay struct {
	at  time.Time
	why error
}

func (d *deadWays) mark(node string, now time.Time, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.Contains(why.Error(), "No agent available") {
		d.all, d.allBy = now, why
	}
	if d.nodes == nil {
		d.nodes = map[string]deadWay{}
	}
	d.nodes[node] = deadWay{now, why}
}

func (d *deadWays) why(node string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w, ok := d.nodes[node]; ok && now.Sub(w.at) < deadTime {
		return w.why
	}
	if d.allBy != nil && now.Sub(d.all) < deadTime {
		return d.allBy
	}
	return nil
}
