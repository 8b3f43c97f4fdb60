package agents

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func pod(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: map[string]string{"app": "konnectivity-agent"}, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "konnectivity-agent", Image: "proxy-agent:v1", Args: []string{
			"--proxy-server-host=api.example", "--proxy-server-port", "443", "--alpn-proto=konnectivity", "--agent-identifiers=default-route=true", "--logtostderr",
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.1.0.9", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "konnectivity-agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}},
	}
	if change != nil {
		change(p)
	}
	return p
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace}, Spec: appsv1.DeploymentSpec{Replicas: &replicas}}
}

func ask(t *testing.T, set *fake.Clientset, server string) []string {
	t.Helper()
	p := step.Patient{API: &k8s.Client{Clientset: set, Version: "v1.36.3", Server: server}, Now: func() time.Time { return noon }}
	steps := step.Run(t.Context(), []step.Book{{Checks: []step.Check{{ID: "x.agents", Run: Check}}}}, p, nil)
	var out []string
	for _, s := range steps {
		out = append(out, s.Subject+" "+string(s.Verdict)+": "+s.Summary)
		if len(s.Evidence) == 0 && s.Verdict != step.Unknown {
			t.Errorf("%s: no evidence", s.Subject)
		}
		if (s.Verdict == step.Problem) != (len(s.Remedies) > 0) {
			t.Errorf("%s is %s with %d remedies", s.Subject, s.Verdict, len(s.Remedies))
		}
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		objects []runtime.Object
		server  string
		want    []string
	}{
		{"two that run", []runtime.Object{deployment("konnectivity-agent", 2), pod("a", "node1", nil), pod("b", "node2", nil)}, "", []string{
			"pod/kube-system/a ok: konnectivity-agent runs on node1, 0 restarts", "pod/kube-system/b ok: konnectivity-agent runs on node2, 0 restarts",
		}},
		{"no tunnel", []runtime.Object{pod("other", "node1", func(p *corev1.Pod) { p.Labels = map[string]string{"app": "konnectivity-agent-autoscaler"} })}, "",
			[]string{"cluster not-applicable: no konnectivity-agent, tunnelfront or aks-link: this control plane reaches its nodes without a tunnel"}},
		{"none on AKS", nil, "https://c-dns-1.hcp.westeurope.azmk8s.io:443", []string{"cluster problem: an AKS cluster without a tunnel agent: the control plane cannot reach its nodes"}},
		{"scaled to zero", []runtime.Object{deployment("konnectivity-agent", 0)}, "",
			[]string{"deployment/kube-system/konnectivity-agent problem: the tunnel's agents are scaled to zero: nothing connects the nodes with the control plane"}},
		{"no pods made", []runtime.Object{deployment("konnectivity-agent", 2)}, "", []string{"cluster problem: the cluster wants tunnel agents and has no pod of them"}},
		{"crash loop", []runtime.Object{pod("a", "node1", func(p *corev1.Pod) {
			p.Status.Conditions[0].Status = corev1.ConditionFalse
			p.Status.ContainerStatuses[0].RestartCount = 7
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s"}}
		})}, "", []string{"pod/kube-system/a problem: konnectivity-agent on node1 does not run: CrashLoopBackOff: back-off 5m0s (7 restarts)"}},
		{"between two crashes", []runtime.Object{pod("a", "node1", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].RestartCount = 3
			p.Status.ContainerStatuses[0].LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(noon.Add(-20 * time.Second))}}
		})}, "", []string{"pod/kube-system/a problem: konnectivity-agent on node1 runs now, and has crashed 3 times, last 20s ago"}},
		{"old restarts", []runtime.Object{pod("a", "node1", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].RestartCount = 30
			p.Status.ContainerStatuses[0].LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(noon.Add(-time.Hour))}}
		})}, "", []string{"pod/kube-system/a ok: konnectivity-agent runs on node1, 30 restarts"}},
		{"no place", []runtime.Object{pod("a", "", func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}}
		})}, "", []string{"pod/kube-system/a problem: konnectivity-agent on no node does not run: Unschedulable: 0/3 nodes (0 restarts)"}},
		{"not ready", []runtime.Object{pod("a", "node1", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse })}, "",
			[]string{"pod/kube-system/a problem: konnectivity-agent on node1 runs but is not ready"}},
		{"being deleted", []runtime.Object{pod("a", "node1", func(p *corev1.Pod) {
			p.DeletionTimestamp = &metav1.Time{Time: noon}
			p.Finalizers = []string{"x/y"}
		}), pod("b", "node1", nil)}, "", []string{"pod/kube-system/b ok: konnectivity-agent runs on node1, 0 restarts"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := ask(t, fake.NewClientset(tt.objects...), tt.server); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestCheckWithoutRights(t *testing.T) {
	t.Parallel()
	set := fake.NewClientset()
	set.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(`User "jane" cannot list resource "pods" in API group "" in the namespace "kube-system"`))
	})
	got := ask(t, set, "")
	if len(got) != 1 || !strings.HasPrefix(got[0], "cluster unknown: ") || !strings.Contains(got[0], `ask for the verb "list" on "pods" in namespace kube-system`) {
		t.Errorf("got %q", got)
	}
}

func TestAgentOf(t *testing.T) {
	t.Parallel()
	a, ok := agentOf(pod("a", "node1", nil))
	if !ok || a.Host != "api.example" || a.Port != 443 || !slices.Equal(a.ALPN, []string{"konnectivity"}) || a.Identifiers != "default-route=true" || a.Kind != Konnectivity || a.Image != "proxy-agent:v1" {
		t.Errorf("got %+v", a)
	}
	for labels, want := range map[string]Kind{"k8s-app=konnectivity-agent": Konnectivity, "component=tunnel": TunnelFront, "app=aks-link": AKSLink} {
		key, value, _ := strings.Cut(labels, "=")
		a, ok := agentOf(pod("tunnelfront-1", "node1", func(p *corev1.Pod) {
			p.Labels = map[string]string{key: value}
			p.Spec.Containers[0].Args = nil
		}))
		if !ok || a.Kind != want || a.Host != "" || a.Port != defaultPort(want) {
			t.Errorf("%s: got %+v", labels, a)
		}
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	f := &Found{Agents: []Agent{{Name: "a", Node: "n2"}, {Name: "b", Node: "n1"}, {Name: "c", Node: "n2"}, {Name: "d"}}}
	if got := f.Nodes(); !slices.Equal(got, []string{"n1", "n2"}) || len(f.On("n2")) != 2 {
		t.Errorf("nodes %v, %d on n2", got, len(f.On("n2")))
	}
}

// Command lines come from whoever may make pods in kube-system.
func FuzzArgs(f *testing.F) {
	f.Add("--proxy-server-host=a\n--proxy-server-port\n443")
	f.Add("--proxy-server-port=99999\n--alpn-proto=,,h2\n--")
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		var a Agent
		a.parse(args)
		if len(a.ALPN) > len(text) {
			t.Errorf("%d protocols of %d bytes", len(a.ALPN), len(text))
		}
	})
}
