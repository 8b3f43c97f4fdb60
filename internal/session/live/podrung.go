package live

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

// podRung looks at one pod from an ephemeral container inside it.
type podRung struct {
	reach *reach
	pod   string

	mu       sync.Mutex
	uploaded map[string]ready // by container name
	tried    int
}

// mostTries bounds the containers that one session adds to a pod.
const mostTries = 3

// ready is a probe that lies in a container.
type ready struct {
	path string
	args []string
}

// Name implements rung.
func (p *podRung) Name() string { return rungEphemeral }

// Open implements rung. A container of ours that still runs is used again:
// another could not be removed either.
func (p *podRung) Open(ctx context.Context, node inventory.Node, say func(string)) (*link, error) {
	ns, name, err := k8s.ParsePod(p.pod, p.reach.client.Namespace)
	if err != nil {
		return nil, err
	}
	pod, err := p.reach.client.GetPod(ctx, ns, name)
	if err != nil {
		return nil, err
	}
	container, running := nodepod.RunningEphemeral(pod)
	how := "an ephemeral container that was there already"
	if !running {
		container, how, err = p.add(ctx, node, pod, say)
		if err != nil {
			return nil, err
		}
	}
	target := k8s.Target{Namespace: ns, Pod: name, Container: container}
	probe, ok := p.get(container)
	if !ok {
		path, args, err := uploadProbe(ctx, p.reach, node, target, nodepod.WritableDirs(), "", say)
		if err != nil {
			return nil, err
		}
		probe = ready{path: path, args: args}
		p.put(container, probe)
	}
	say("starting the probe")
	// The stream outlives ctx: whoever holds the link ends it, leash first.
	opts := p.reach.opts
	command := nodepod.EphemeralStart(container, nodepod.Run{
		Path: probe.path, Args: probe.args, Scope: "pod", Collector: "procfs", Interval: opts.Interval, Deadline: opts.Deadline,
	}.Command())
	if opts.ProbeImage != "" {
		command = nodepod.Run{Path: probe.path, Scope: "pod", Collector: "procfs", Interval: opts.Interval, Deadline: opts.Deadline}.Command()
	}
	stream, err := p.reach.client.Exec(context.WithoutCancel(ctx), target, command)
	if err != nil {
		return nil, err
	}
	return &link{conn: stream, pod: p.pod, podUID: string(pod.UID), how: how, spoiled: func() { p.drop(container) }}, nil
}

// add adds a container of the next image to try, and waits until it runs. An
// image that failed is not tried again: each try stays in the pod for ever.
func (p *podRung) add(ctx context.Context, node inventory.Node, pod *corev1.Pod, say func(string)) (name, how string, err error) {
	opts := p.reach.opts
	choices := nodepod.ChooseEphemeral(nodepod.ImageOptions{ProbeImage: opts.ProbeImage, Image: opts.Image}, node.Images, pod)
	p.mu.Lock()
	next := p.tried
	p.mu.Unlock()
	if next >= min(len(choices), mostTries) {
		return "", "", &k8s.Error{Kind: k8s.KindOther, Object: "pod " + p.pod, What: "no image at hand starts in this pod",
			Hint: "name one with a shell with --image"}
	}
	choice := choices[next]
	container := nodepod.Ephemeral(pod, nodepod.EphemeralConfig{Suffix: opts.Suffix(), Image: choice, Deadline: opts.Deadline})
	say("adding an ephemeral container of " + choice.Reason)
	if _, err := p.reach.client.AddEphemeral(ctx, pod, container); err != nil {
		return "", "", err
	}
	if choice.HoldsProbe {
		p.put(container.Name, ready{path: nodepod.ProbeInImage})
	}
	if err := p.wait(ctx, pod, container.Name, say); err != nil {
		if ctx.Err() == nil {
			p.mu.Lock()
			p.tried++
			p.mu.Unlock()
		}
		return "", "", err
	}
	return container.Name, choice.Reason, nil
}

// wait follows the pod by a watch of its own until the container runs.
func (p *podRung) wait(ctx context.Context, pod *corev1.Pod, container string, say func(string)) error {
	waitCtx, cancel := context.WithTimeout(ctx, pullTime)
	follow := p.reach.client.FollowPod(pod.Namespace, pod.Name)
	var wg sync.WaitGroup
	wg.Go(func() { follow.Run(waitCtx) })
	defer wg.Wait()
	defer cancel()
	last, err := follow.WaitFor(waitCtx, pod.Name, func(now *corev1.Pod) (bool, error) {
		if now.UID != pod.UID {
			return false, &k8s.Error{Kind: k8s.KindNotFound, Object: "pod " + p.pod, What: "the pod was replaced by another of its name"}
		}
		ok, err := k8s.Started(now, container)
		if !ok && err == nil {
			say(k8s.Waiting(now, container))
		}
		return ok, err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	err = tooLate(ctx, p.reach.client, pod.Namespace, pod.Name, container, last, pullTime, err)
	return fmt.Errorf("ephemeral container %s: %w", container, err)
}

func (p *podRung) get(container string) (ready, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.uploaded[container]
	return r, ok
}

func (p *podRung) put(container string, r ready) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uploaded == nil {
		p.uploaded = map[string]ready{}
	}
	p.uploaded[container] = r
}

func (p *podRung) drop(container string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reach.opts.ProbeImage == "" {
		delete(p.uploaded, container)
	}
}
