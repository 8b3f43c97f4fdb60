package k8s

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	k8stesting "k8s.io/client-go/testing"

	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
)

func fakeClient(objects ...runtime.Object) (*Client, *fake.Clientset) {
	set := fake.NewClientset(objects...)
	return &Client{Clientset: set, Watches: set, Context: "fake"}, set
}

// told gathers what a watch says.
type told struct {
	mu       sync.Mutex
	nodes    map[string]inventory.Node
	pods     map[string]inventory.Pod
	public   map[string]inventory.Endpoints
	problems []string
	changes  int
}

func (w *told) options(namespace string) WatchOptions {
	w.nodes, w.pods, w.public = map[string]inventory.Node{}, map[string]inventory.Pod{}, map[string]inventory.Endpoints{}
	return WatchOptions{
		Namespace: namespace,
		Changed: func(ch inventory.Change) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changes++
			for _, n := range ch.Nodes {
				w.nodes[n.Name] = n
			}
			for _, p := range ch.Pods {
				w.pods[p.UID] = p
			}
			for _, uid := range ch.GonePods {
				delete(w.pods, uid)
			}
			for _, e := range ch.Endpoints {
				w.public[e.UID] = e
			}
			for _, uid := range ch.GoneEndpoints {
				delete(w.public, uid)
			}
		},
		Problem: func(resource, sentence string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.problems = append(w.problems, resource+": "+sentence)
		},
	}
}

// slices returns the UIDs of the endpoint slices that are told.
func (w *told) slices() []string { return slices.Sorted(maps.Keys(w.public)) }

func TestWatchFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, set := fakeClient(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, samplePod())
		ctx, cancel := context.WithCancel(t.Context())
		var got told
		done := make(chan error, 1)
		opts := got.options("")
		go func() { done <- c.Watch(ctx, opts) }()
		settle(time.Second)
		if len(got.nodes) != 1 || got.pods["u1"].Workload.Name != "web" || len(got.problems) != 0 {
			t.Fatalf("first picture: %+v", &got)
		}
		pods := set.CoreV1().Pods("shop")
		p := samplePod()
		p.Annotations["heartbeat"] = "1"
		before := got.changes
		if _, err := pods.Update(ctx, p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		if got.changes != before {
			t.Error("a change of nothing was told")
		}
		p.Status.Phase = corev1.PodFailed
		if _, err := pods.Update(ctx, p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		if got.pods["u1"].Phase != "Failed" {
			t.Errorf("phase %q", got.pods["u1"].Phase)
		}
		if err := pods.Delete(ctx, "p", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		if len(got.pods) != 0 {
			t.Errorf("still there: %v", got.pods)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestWatchForbidden(t *testing.T) {
	for _, namespace := range []string{"", "shop"} {
		t.Run("namespace "+namespace, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, set := fakeClient(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, samplePod())
				asked := 0
				no := func(a k8stesting.Action) (bool, error) {
					if a.GetNamespace() != "" {
						return false, nil
					}
					asked++
					return true, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(`User "jane" cannot watch resource "pods" in API group "" at the cluster scope`))
				}
				set.PrependReactor("list", "pods", func(a k8stesting.Action) (bool, runtime.Object, error) {
					handled, err := no(a)
					return handled, nil, err
				})
				set.PrependWatchReactor("pods", func(a k8stesting.Action) (bool, watch.Interface, error) {
					handled, err := no(a)
					return handled, nil, err
				})
				ctx, cancel := context.WithCancel(t.Context())
				var got told
				done := make(chan error, 1)
				opts := got.options(namespace)
				go func() { done <- c.Watch(ctx, opts) }()
				settle(4 * time.Minute)
				cancel()
				<-done
				if len(got.nodes) != 1 {
					t.Error("the others stopped too")
				}
				if len(got.problems) != 1 || !strings.Contains(got.problems[0], "user jane cannot watch pods") {
					t.Errorf("problems %q, want one", got.problems)
				}
				if (len(got.pods) == 1) != (namespace != "") {
					t.Errorf("pods %v", got.pods)
				}
				if asked > 2 {
					t.Errorf("asked %d times in 4 minutes", asked)
				}
			})
		})
	}
}

func nodePod(name, session, phase string, age time.Duration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system", CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
			Labels: map[string]string{nodepod.LabelName: nodepod.Name, nodepod.LabelManagedBy: nodepod.Name, nodepod.LabelSession: session}},
		Status: corev1.PodStatus{Phase: corev1.PodPhase(phase)},
	}
}

func names(t *testing.T, set *fake.Clientset) []string {
	t.Helper()
	l, err := set.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range l.Items {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return out
}

func TestCleanup(t *testing.T) {
	foreign := nodePod("foreign", "other", "Succeeded", 0)
	delete(foreign.Labels, nodepod.LabelManagedBy)
	half := nodePod("half", "", "Succeeded", 0)
	all := func() []runtime.Object {
		return []runtime.Object{
			nodePod("mine", "s1", "Running", 0), nodePod("running", "s2", "Running", time.Minute), nodePod("ended", "s2", "Succeeded", time.Minute),
			nodePod("failed", "s3", "Failed", time.Minute), nodePod("old", "s4", "Running", 24*time.Hour), foreign.DeepCopy(), half.DeepCopy(),
		}
	}
	tests := []struct {
		name string
		do   func(*Client) error
		left []string
	}{
		{"sweep leaves a colleague's session", func(c *Client) error {
			_, err := c.Sweep(t.Context(), "kube-system", "s1", OrphanAge, time.Now())
			return err
		}, []string{"foreign", "half", "mine", "running"}},
		{"session", func(c *Client) error { return c.RemoveSession(t.Context(), "kube-system", "s1") },
			[]string{"ended", "failed", "foreign", "half", "old", "running"}},
		{"clean", func(c *Client) error {
			_, err := c.Clean(t.Context(), "")
			return err
		}, []string{"foreign", "half"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, set := fakeClient(all()...)
			if err := tt.do(c); err != nil {
				t.Fatal(err)
			}
			if got := names(t, set); !slices.Equal(got, tt.left) {
				t.Errorf("left %q, want %q", got, tt.left)
			}
		})
	}
	c, _ := fakeClient()
	if c.RemoveSession(t.Context(), "kube-system", "") == nil {
		t.Error("a session without a name would remove everybody's pods")
	}
}

func TestPreflight(t *testing.T) {
	c, set := fakeClient()
	set.PrependReactor("create", "selfsubjectreviews", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, &authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: "jane"}}}, nil
	})
	set.PrependReactor("create", "selfsubjectaccessreviews", func(a k8stesting.Action) (bool, runtime.Object, error) {
		r := a.(k8stesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		if r.Spec.ResourceAttributes.Resource == "services" {
			return true, nil, errors.New("no answer")
		}
		r.Status.Allowed = r.Spec.ResourceAttributes.Verb != "create"
		if r.Spec.ResourceAttributes.Resource == "endpointslices" && r.Spec.ResourceAttributes.Group != "discovery.k8s.io" {
			t.Errorf("asked about group %q", r.Spec.ResourceAttributes.Group)
		}
		return true, r, nil
	})
	set.PrependReactor("create", "pods", func(a k8stesting.Action) (bool, runtime.Object, error) {
		if opts := a.(k8stesting.CreateActionImpl).CreateOptions; len(opts.DryRun) != 1 {
			t.Error("not a dry run")
		}
		return true, nil, forbidden("pods", `violates PodSecurity "baseline:latest": host namespaces`)
	})
	var got []string
	for _, check := range c.Preflight(t.Context(), "kube-system", nodepod.New(nodepod.Config{Node: "n", Namespace: "kube-system", Suffix: "a"})) {
		got = append(got, string(check.Answer)+" "+check.Message)
	}
	for _, want := range []string{
		"allowed user jane may watch nodes in the cluster",
		"allowed user jane may watch endpointslices in the cluster",
		"refused user jane cannot create pods in namespace kube-system",
		"refused user jane cannot create pods/exec in namespace kube-system",
		"unknown could not tell whether user jane may watch services",
		`refused a node pod would be refused: creating`,
	} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, strings.TrimSuffix(want, " creating")) }) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestAddEphemeral(t *testing.T) {
	pod := samplePod()
	c, set := fakeClient(pod)
	container := nodepod.Ephemeral(pod, nodepod.EphemeralConfig{Suffix: "abcde", Image: nodepod.Choice{Image: "i"}})
	if _, err := c.AddEphemeral(t.Context(), pod, container); err != nil {
		t.Fatal(err)
	}
	actions := set.Actions()
	patch := actions[len(actions)-1].(k8stesting.PatchAction)
	var body struct {
		Metadata struct{ UID string }
		Spec     struct{ EphemeralContainers []corev1.EphemeralContainer }
	}
	if err := json.Unmarshal(patch.GetPatch(), &body); err != nil {
		t.Fatal(err)
	}
	if patch.GetSubresource() != "ephemeralcontainers" || body.Metadata.UID != "u1" || len(body.Spec.EphemeralContainers) != 1 ||
		body.Spec.EphemeralContainers[0].TargetContainerName != "app" {
		t.Errorf("patch %s of %q", patch.GetPatch(), patch.GetSubresource())
	}
}

func TestConnect(t *testing.T) {
	tests := []struct {
		name string
		code int
		body string
		kind Kind
	}{
		{"good", 200, `{"gitVersion":"v1.36.3"}`, ""},
		{"401", 401, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`, KindUnauthorized},
		{"a proxy's page", 200, `<html>`, KindOther},
		{"503", 503, `no`, KindUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("User-Agent"); got != "snattop/1.2.3" {
					t.Errorf("user agent %q", got)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer srv.Close()
			c, err := FromConfig(&rest.Config{Host: srv.URL}, Options{Version: "1.2.3"})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Connect(t.Context())
			if tt.kind == "" && (err != nil || c.Version != "v1.36.3") || tt.kind != "" && (err == nil || KindOf(err) != tt.kind) {
				t.Errorf("got %v (%s), version %q", err, KindOf(err), c.Version)
			}
		})
	}
}

func TestNew(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(`{apiVersion: v1, kind: Config, current-context: a,
		clusters: [{name: c, cluster: {server: "https://a.example:6443"}}],
		users: [{name: u, user: {token: t}}],
		contexts: [{name: a, context: {cluster: c, user: u, namespace: shop}}, {name: b, context: {cluster: c, user: u}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, context string
		want, namespace     string
		kind                Kind
	}{
		{"current context", file, "", "a", "shop", ""},
		{"--context", file, "b", "b", "default", ""},
		{"unknown context", file, "z", "", "", KindNoContext},
		{"no file", filepath.Join(dir, "none"), "", "", "", KindNoConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tt.file)
			t.Setenv("HOME", dir)
			flags := genericclioptions.NewConfigFlags(false)
			if tt.context != "" {
				flags.Context = &tt.context
			}
			c, err := New(flags, Options{})
			if tt.kind != "" {
				if err == nil || KindOf(err) != tt.kind {
					t.Errorf("got %v (%s), want %s", err, KindOf(err), tt.kind)
				}
				return
			}
			if err != nil || c.Context != tt.want || c.Namespace != tt.namespace {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}

// settle lets time pass in a bubble, and everything that is due then happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
