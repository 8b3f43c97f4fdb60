package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/capture"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe"
)

// capturer captures in node pods, or on this host where there is no cluster.
type capturer struct {
	o        *options
	client   *k8s.Client
	commands *live.Commands
}

// captured is whose packets are wanted.
type captured struct {
	// short is "shop/web" or "node/a", about says it in words.
	short, about string
	node         inventory.Node
	pod          *inventory.Pod
	// netns is the inode of a network namespace of this host; 0 is its own.
	netns uint64
}

// find looks up "namespace/pod", a pod of the flags' namespace, or "node/name".
func (c *capturer) find(ctx context.Context, target string) (captured, error) {
	if c.client == nil {
		return captured{short: "this-host", about: "this host"}, nil
	}
	if name, ok := strings.CutPrefix(target, "node/"); ok {
		node, err := c.client.LookUpNode(ctx, name)
		return captured{short: target, about: "node " + name, node: node}, err
	}
	ns, name, err := k8s.ParsePod(target, c.client.Namespace)
	if err != nil {
		return captured{}, usage("%q: use NAMESPACE/POD, or node/NAME", target)
	}
	pod, err := c.client.LookUpPod(ctx, ns, name)
	if err != nil {
		return captured{}, err
	}
	out := captured{short: ns + "/" + name, about: "pod " + ns + "/" + name + " on node " + pod.Node, pod: &pod}
	switch {
	case pod.Phase == "Succeeded" || pod.Phase == "Failed":
		return out, fmt.Errorf("pod %s has ended (%s): it sends nothing any more", out.short, pod.Phase)
	case pod.Node == "":
		return out, fmt.Errorf("pod %s is on no node yet; `kubectl describe pod` says what it waits for", out.short)
	}
	out.node, err = c.client.LookUpNode(ctx, pod.Node)
	return out, err
}

// file is where a capture goes that names none.
func (c *capturer) file(named string, who captured) string {
	if named != "" {
		return named
	}
	return filepath.Join(cmp.Or(c.o.outDir, "."), capture.FileName(who.short, time.Now()))
}

// run captures to a file until it ends or ctx does.
func (c *capturer) run(ctx context.Context, who captured, file string, w capture.Wanted, say func(string), progress func(capture.Progress)) (capture.Progress, error) {
	opts := capture.Options{
		About:   capture.About{Target: who.about, By: live.Whoami(), Version: c.o.version},
		MaxSize: w.MaxSize, Duration: w.Duration, Progress: progress,
	}
	if c.client == nil {
		cfg := w.Config()
		cfg.Version, cfg.NetNS = c.o.version, who.netns
		return capture.ToFile(ctx, file, func(ctx context.Context) (capture.Stream, error) { return capture.Local(ctx, cfg), nil }, opts)
	}
	cfg := w.Config()
	if who.pod != nil {
		cfg = w.ConfigFor(who.pod)
	}
	opts.About.Context = c.client.Context
	return capture.ToFile(ctx, file, func(ctx context.Context) (capture.Stream, error) {
		return c.commands.Start(ctx, who.node, say, probe.CaptureCommand, cfg.Flags()...)
	}, opts)
}

// captureError names what failed, and sorts it for the exit code: a node that
// is refused or cannot be reached is not a failure of the tool.
func captureError(who captured, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	out := fmt.Errorf("capturing %s: %w", who.about, err)
	switch kind := k8s.KindOf(err); {
	case k8s.IsDenied(err), kind == k8s.KindUnreachable, kind == k8s.KindKubelet, kind == k8s.KindTimeout:
		return cannotTell(out)
	default:
		return out
	}
}
