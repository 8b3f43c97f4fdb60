package tunnel

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// askTime bounds each question to a kubelet by way of the API server, which
// itself waits longer for a node that does not answer.
const askTime = 5 * time.Second

// try is one way through the tunnel, and how it went.
type try struct {
	step.Evidence
	// err is nil where it served; skipped where it could not be tried.
	err     error
	skipped bool
}

// symptom tries what an operator would: a kubelet's health, logs and exec, for
// every node.
func symptom(ctx context.Context, l *step.Look, found func(step.Step)) {
	api, err := l.Cluster(ctx)
	if err != nil {
		found(failed("cluster", err))
		return
	}
	var (
		mu    sync.Mutex
		tries = map[string][]try{}
		ready try
		wg    sync.WaitGroup
	)
	wg.Go(func() { ready = readyz(ctx, api) })
	slots := make(chan struct{}, step.Parallel)
	for _, n := range l.Nodes {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			list := []try{health(ctx, api, n.Name), logs(ctx, api, n.Name)}
			mu.Lock()
			defer mu.Unlock()
			tries[n.Name] = list
		})
	}
	wg.Wait()
	blocked := 0
	for _, list := range tries {
		if broken(list) != nil {
			blocked++
		}
	}
	all := blocked == len(l.Nodes) && blocked > 1 && ready.err == nil
	eachNode(l, func(n inventory.Node) {
		list := tries[n.Name]
		if n.OS == "linux" || n.OS == "" {
			list = append(list, exec(ctx, l, n.Name))
		}
		found(judge(n, append(list, ready), all))
	})
}

// judge says of one node whether the API server gets through to it.
func judge(n inventory.Node, list []try, all bool) step.Step {
	s := step.Step{Subject: subject(n.Name)}
	served := 0
	var denied []string
	for _, t := range list {
		s.Evidence = append(s.Evidence, t.Evidence)
		switch {
		case t.skipped:
		case t.err == nil:
			served++
		case k8s.IsDenied(t.err):
			denied = append(denied, t.err.Error())
		}
	}
	served-- // the API server's own readiness is no way to a node
	bad := broken(list[:len(list)-1])
	switch {
	case bad != nil && !n.Ready:
		s.Verdict, s.Summary = step.Unknown, "the node is not ready, so its kubelet need not answer: "+n.NotReady
	case bad != nil && all:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("the API server is ready and reaches no node at all: it is the tunnel (%s: %s)", bad.Command, reason(bad.err))
		s.Remedies = []runbook.Remedy{{Text: "See how the tunnel's agents are; new ones connect anew.", Command: "kubectl rollout restart deployment -n kube-system konnectivity-agent",
			Warning: "What goes through the agents (exec, logs, webhooks) is cut off for a moment. Look at tunnel.agents and tunnel.egress-ports first: agents that cannot get out will not get out after a restart."}}
	case bad != nil:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("the API server reaches other nodes and not this one: something keeps port %d shut (%s: %s)", facts.KubeletPort, bad.Command, reason(bad.err))
		s.Remedies = []runbook.Remedy{{Text: fmt.Sprintf("Let port %d of the node in from the nodes of the tunnel's agents: network security group, firewall, or the rules that tunnel.iptables and tunnel.ufw name.", facts.KubeletPort)}}
	case served > 0:
		s.Verdict, s.Summary = step.OK, "the API server reaches the node's kubelet"
	case len(denied) > 0:
		s.Verdict, s.Summary = step.Unknown, "nothing that would tell is allowed: "+denied[0]
	default:
		s.Verdict, s.Summary = step.Unknown, "nothing could be tried: "+reason(firstError(list))
	}
	return s
}

// broken returns the first way that did not serve and was not refused.
func broken(list []try) *try {
	for i := range list {
		t := &list[i]
		if t.skipped || t.err == nil {
			continue
		}
		switch k8s.KindOf(t.err) {
		case k8s.KindKubelet, k8s.KindTimeout:
			return t
		default:
		}
	}
	return nil
}

func firstError(list []try) error {
	for _, t := range list {
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// reason is an error without what was done and what to do.
func reason(err error) string {
	if err == nil {
		return "nothing answered"
	}
	if e, ok := k8s.Explain(err).(*k8s.Error); ok { //nolint:errorlint // the outermost is what was explained
		return e.What
	}
	return err.Error()
}

func health(ctx context.Context, api *k8s.Client, node string) try {
	t := try{Evidence: step.Evidence{Command: "kubectl get --raw /api/v1/nodes/" + node + "/proxy/healthz"}}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	t.Output, t.err = api.Kubelet(ctx, node)
	return t.printed()
}

func readyz(ctx context.Context, api *k8s.Client) try {
	t := try{Evidence: step.Evidence{Command: "kubectl get --raw /readyz"}}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	t.Output, t.err = api.Ready(ctx)
	return t.printed()
}

func logs(ctx context.Context, api *k8s.Client, node string) try {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	pod, err := api.RunningOn(ctx, node)
	if err != nil || pod == nil || len(pod.Spec.Containers) == 0 {
		t := try{Evidence: step.Evidence{Command: "kubectl get pods -A --field-selector spec.nodeName=" + node + ",status.phase=Running", Output: "No resources found"}, err: err, skipped: err == nil || !k8s.IsDenied(err)}
		return t.printed()
	}
	t := try{Evidence: step.Evidence{Command: "kubectl logs -n " + pod.Namespace + " " + pod.Name + " -c " + pod.Spec.Containers[0].Name + " --tail=0", Output: "(nothing, as asked)"}}
	t.err = api.NoLogs(ctx, pod.Namespace, pod.Name, pod.Spec.Containers[0].Name)
	return t.printed()
}

// exec is told by the visit that every node gets anyway: it begins with an
// exec in a pod of ours.
func exec(ctx context.Context, l *step.Look, node string) try {
	t := try{Evidence: step.Evidence{Command: "kubectl exec -n kube-system POD -- /bin/sh"}}
	_, err := l.Section(ctx, node, facts.PartFirewall)
	how := l.How(node)
	switch {
	case strings.Contains(how, "exec: "):
		_, why, _ := strings.Cut(how, "exec: ")
		t.err = &k8s.Error{Kind: k8s.KindKubelet, Doing: "exec", Object: "node " + node, What: strings.TrimSuffix(why, ")")}
	case how != "":
		t.Output = "reached: " + how
	default:
		t.skipped, t.err = true, err
	}
	return t.printed()
}

// printed puts an error where kubectl would print it.
func (t try) printed() try {
	if t.err != nil {
		t.Output = "Error: " + t.err.Error()
	}
	return t
}
