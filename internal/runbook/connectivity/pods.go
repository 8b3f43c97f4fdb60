package connectivity

import (
	"context"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/internal/runbook/step"
)

// maxPods bounds the pods of one node; a kubelet takes 250 at most by default.
const maxPods = 1000

// listLimit bounds a list of pods, so that nodes are not kept waiting by an API
// server that does not answer.
const listLimit = 10 * time.Second

// pod is what the API server says of a pod, as far as it matters here.
type pod struct {
	UID, ConfigHash string
	Namespace, Name string
	HostNetwork     bool
	Running         bool
	IPs             []netip.Addr
	Started         time.Time
	Containers      []container
}

// container is one container's state.
type container struct {
	Name, ID string
	Running  bool
	Restarts int
	// Waiting is the reason of a container that waits: "CrashLoopBackOff".
	Waiting string
	// EndedID, Message and Ended are of how it ended last: the container's ID,
	// its termination message, and when; Failed means that it was not by itself.
	EndedID, Message string
	Ended            time.Time
	Failed           bool
}

// subject names the pod as a step does.
func (p *pod) subject() string { return "pod/" + p.Namespace + "/" + p.Name }

// cgroup is the UID that the pod's control group carries: a static pod's is the
// hash of its file.
func (p *pod) cgroup() string {
	if p.ConfigHash != "" {
		return p.ConfigHash
	}
	return p.UID
}

// recently is how long ago a container may have failed for its port to be looked
// at: a crash loop waits five minutes at most between two tries.
const recently = 10 * time.Minute

// failing are the containers that end again and again.
func (p *pod) failing(now time.Time) []container {
	var out []container
	for _, c := range p.Containers {
		if c.Failed && (!c.Running || c.Restarts > 0) && (c.Waiting == "CrashLoopBackOff" || now.Sub(c.Ended) < recently) {
			out = append(out, c)
		}
	}
	return out
}

// podsOn lists a node's pods, once for all checks.
func podsOn(ctx context.Context, l *step.Look, node string) ([]pod, error) {
	return step.Once(ctx, l, "connectivity.pods."+node, func(ctx context.Context) ([]pod, error) {
		return listPods(ctx, l, node, true)
	})
}

func listPods(ctx context.Context, l *step.Look, node string, cached bool) ([]pod, error) {
	api, err := l.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	items, err := api.PodsOn(ctx, node, maxPods, cached)
	if err != nil {
		return nil, err
	}
	out := make([]pod, 0, len(items))
	for i := range items {
		out = append(out, podOf(&items[i]))
	}
	return out, nil
}

func podOf(p *corev1.Pod) pod {
	out := pod{
		UID: string(p.UID), ConfigHash: p.Annotations["kubernetes.io/config.hash"], Namespace: p.Namespace, Name: p.Name,
		HostNetwork: p.Spec.HostNetwork, Running: p.Status.Phase == corev1.PodRunning,
	}
	if p.Annotations["kubernetes.io/config.mirror"] == "" {
		out.ConfigHash = ""
	}
	if p.Status.StartTime != nil {
		out.Started = p.Status.StartTime.Time
	}
	for _, ip := range p.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			out.IPs = append(out.IPs, a)
		}
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses} {
		for i := range list {
			out.Containers = append(out.Containers, containerOf(&list[i]))
		}
	}
	return out
}

func containerOf(s *corev1.ContainerStatus) container {
	c := container{Name: s.Name, ID: bareID(s.ContainerID), Running: s.State.Running != nil, Restarts: int(s.RestartCount)}
	if s.State.Waiting != nil {
		c.Waiting = s.State.Waiting.Reason
	}
	ended := s.State.Terminated
	if ended == nil {
		ended = s.LastTerminationState.Terminated
	}
	if ended != nil {
		c.EndedID, c.Message, c.Ended = bareID(ended.ContainerID), ended.Message, ended.FinishedAt.Time
		c.Failed = ended.ExitCode != 0
	}
	return c
}

// bareID is a container's ID without "containerd://".
func bareID(id string) string {
	_, bare, ok := strings.Cut(id, "://")
	if !ok {
		return id
	}
	return bare
}

// byCgroup finds a pod by what its control group says; nil when the API server
// knows none, or was not asked.
func byCgroup(pods []pod, uid string) *pod {
	for i := range pods {
		if uid != "" && (pods[i].UID == uid || pods[i].ConfigHash == uid) {
			return &pods[i]
		}
	}
	return nil
}

// name returns how a pod is called: by its UID when nothing else is known.
func (v *view) name(uid string) string {
	if p := byCgroup(v.pods, uid); p != nil {
		return p.subject()
	}
	return "pod/" + uid
}
