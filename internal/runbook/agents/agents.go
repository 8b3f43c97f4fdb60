// Package agents finds the pods that connect a cluster's nodes with its control
// plane: konnectivity-agent, and tunnelfront and aks-link before it. The
// runbooks on the tunnel and on the API server both begin with them.
package agents

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
)

// Namespace is where they live, on AKS as on GKE.
const Namespace = "kube-system"

// Kind is which of the agents a pod is.
type Kind string

// The kinds. AKS replaced the other two by konnectivity-agent.
//
// Source: AKS, "Tunnel connectivity issues"; "TCP time-outs when kubectl or
// other third-party tools connect to the API server".
const (
	Konnectivity Kind = "konnectivity-agent"
	TunnelFront  Kind = "tunnelfront"
	AKSLink      Kind = "aks-link"
)

// selectors find the pods: AKS labels its agents with app, GKE with k8s-app,
// and tunnelfront carried component=tunnel.
func selectors() []string {
	return []string{
		"app in (konnectivity-agent,tunnelfront,aks-link)",
		"k8s-app in (konnectivity-agent,tunnelfront,aks-link)",
		"component=tunnel",
	}
}

// maxPods bounds a list: a DaemonSet of agents has a pod on every node.
const maxPods = 1000

// Agent is one pod of the tunnel.
type Agent struct {
	Kind
	Namespace, Name, Node string
	// PodIP may be empty before the pod runs. HostNetwork is whether it is the
	// node's own.
	PodIP       string
	HostNetwork bool
	// Phase is the pod's ("Running"), Ready whether all its containers serve.
	Phase string
	Ready bool
	// Restarts is the sum over its containers; LastRestart is zero without one.
	Restarts    int
	LastRestart time.Time
	// Waiting is why a container does not run, or why the pod has no node:
	// "CrashLoopBackOff: …". Empty when all is well.
	Waiting string
	Created time.Time
	Image   string
	// Host and Port are where it connects to, by its arguments; empty and 0
	// when they do not say. Port is UDP for aks-link.
	Host string
	Port uint16
	// ALPN are the protocols that it offers there (--alpn-proto); h2 follows
	// them always.
	ALPN []string
	// Identifiers is --agent-identifiers: "default-route=true".
	Identifiers string

	// gke: labelled with k8s-app.
	gke bool
}

// Subject names the pod as a step does.
func (a *Agent) Subject() string { return "pod/" + a.Namespace + "/" + a.Name }

// Found is what there is of the tunnel.
type Found struct {
	// Agents are sorted by node and name.
	Agents []Agent
	// Idle are deployments of agents that want none: "konnectivity-agent".
	Idle []string
	// Wanting are deployments that want agents, and how many.
	Wanting map[string]int
	// Unread says which deployments could not be read, and why; nil when all
	// could.
	Unread error
}

// Nodes are the nodes that hold agents, each once, by name.
func (f *Found) Nodes() []string {
	var out []string
	for i := range f.Agents {
		if n := f.Agents[i].Node; n != "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// On returns the agents of one node.
func (f *Found) On(node string) []Agent {
	var out []Agent
	for i := range f.Agents {
		if f.Agents[i].Node == node {
			out = append(out, f.Agents[i])
		}
	}
	return out
}

// Find looks for the agents, once for all checks of a run. The error is one
// line: without a list of pods nothing is known.
func Find(ctx context.Context, l *step.Look) (*Found, error) {
	return step.Once(ctx, l, "agents.found", func(ctx context.Context) (*Found, error) {
		api, err := l.Cluster(ctx)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, findLimit)
		defer cancel()
		return find(ctx, api)
	})
}

// findLimit bounds the look for agents.
const findLimit = 15 * time.Second

func find(ctx context.Context, api *k8s.Client) (*Found, error) {
	f := &Found{Wanting: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	byName := map[string]Agent{}
	for _, selector := range selectors() {
		wg.Go(func() {
			pods, err := api.PodsLabelled(ctx, Namespace, selector, maxPods)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if failed == nil {
					failed = err
				}
				return
			}
			for i := range pods {
				if a, ok := agentOf(&pods[i]); ok {
					byName[a.Name] = a
				}
			}
		})
	}
	for _, kind := range []Kind{Konnectivity, TunnelFront, AKSLink} {
		wg.Go(func() {
			d, err := api.Deployment(ctx, Namespace, string(kind))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				if f.Unread == nil {
					f.Unread = err
				}
			case d == nil:
			case d.Spec.Replicas != nil && *d.Spec.Replicas == 0:
				f.Idle = append(f.Idle, d.Name)
			case d.Spec.Replicas != nil:
				f.Wanting[d.Name] = int(*d.Spec.Replicas)
			default:
				f.Wanting[d.Name] = 1
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return nil, fmt.Errorf("looking for the tunnel's agents: %w", failed)
	}
	for _, a := range byName {
		f.Agents = append(f.Agents, a)
	}
	slices.SortFunc(f.Agents, func(a, b Agent) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.Name, b.Name))
	})
	slices.Sort(f.Idle)
	return f, nil
}

// kindOf knows an agent by its labels, and tunnelfront by its name.
func kindOf(pod *corev1.Pod) (Kind, bool) {
	for _, label := range []string{"app", "k8s-app"} {
		switch k := Kind(pod.Labels[label]); k {
		case Konnectivity, TunnelFront, AKSLink:
			return k, true
		}
	}
	if pod.Labels["component"] == "tunnel" && (strings.HasPrefix(pod.Name, "tunnelfront") || strings.HasPrefix(pod.Name, "tunnel-front")) {
		return TunnelFront, true
	}
	return "", false
}

func agentOf(pod *corev1.Pod) (Agent, bool) {
	kind, ok := kindOf(pod)
	if !ok || pod.Status.Phase == corev1.PodSucceeded || gone(pod) {
		return Agent{}, false
	}
	a := Agent{
		Kind: kind, Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, PodIP: pod.Status.PodIP,
		HostNetwork: pod.Spec.HostNetwork, Phase: string(pod.Status.Phase), Created: pod.CreationTimestamp.Time,
		gke: pod.Labels["app"] == "" && pod.Labels["k8s-app"] != "",
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		if i == 0 || c.Name == string(kind) {
			a.Image = c.Image
			a.parse(append(slices.Clone(c.Command), c.Args...))
		}
	}
	a.Port = cmp.Or(a.Port, defaultPort(kind))
	for _, c := range pod.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady:
			a.Ready = c.Status == corev1.ConditionTrue
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			a.Waiting = words(c.Reason, c.Message)
		}
	}
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		a.Restarts += int(s.RestartCount)
		if t := s.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(a.LastRestart) {
			a.LastRestart = t.FinishedAt.Time
		}
		switch {
		case s.State.Waiting != nil:
			a.Waiting = words(s.State.Waiting.Reason, s.State.Waiting.Message)
		case s.State.Terminated != nil:
			a.Waiting = words(fmt.Sprintf("ended with code %d", s.State.Terminated.ExitCode), s.State.Terminated.Reason)
		}
	}
	return a, true
}

// gone reports whether a pod is only a name by now: somebody deletes it, or it
// was evicted, which leaves its object behind.
func gone(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "Evicted"
}

func words(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}
