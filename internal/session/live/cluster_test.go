package live_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/payload"
)

// These tests run against a real cluster when SNATTOP_TEST_KUBECONFIG names
// one, with the probe that SNATTOP_TEST_PROBE names. They leave nothing there
// but, for TestClusterEphemeral, a container in SNATTOP_TEST_POD.

func realClient(t *testing.T, change func(*clientcmd.ConfigOverrides)) (*k8s.Client, live.Options) {
	t.Helper()
	file, probe := os.Getenv("SNATTOP_TEST_KUBECONFIG"), os.Getenv("SNATTOP_TEST_PROBE")
	if file == "" || probe == "" {
		t.Skip("SNATTOP_TEST_KUBECONFIG and SNATTOP_TEST_PROBE name no cluster and probe")
	}
	over := &clientcmd.ConfigOverrides{}
	if change != nil {
		change(over)
	}
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: file}, over).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	k8s.QuietLogs(nil)
	client, err := k8s.FromConfig(cfg, k8s.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	return client, live.Options{Payload: payload.FromFile(probe), Suffix: func() string {
		return fmt.Sprintf("%s%d%d", testMark, time.Now().Unix()%1e5, n.Add(1))
	}}
}

// testMark begins the suffix of every pod that these tests make: others may
// use the cluster too.
const testMark = "tt"

// recorder keeps what a source tells, with the time since the start.
type recorder struct {
	t     *testing.T
	start time.Time
	mu    sync.Mutex
	ticks map[string]int
	pods  map[string]bool
	state map[string]session.NodeState
	moved chan struct{}
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, start: time.Now(), ticks: map[string]int{}, pods: map[string]bool{}, state: map[string]session.NodeState{}, moved: make(chan struct{}, 1)}
}

func (r *recorder) Put(ev session.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := time.Since(r.start).Round(time.Millisecond)
	switch {
	case ev.Hello != nil:
		r.t.Logf("%8s %s hello: %s %s scope %s", at, ev.Node, ev.Hello.Collector, ev.Hello.Kernel, ev.Hello.Scope)
	case ev.Tick != nil:
		if r.ticks[ev.Node] == 0 {
			r.t.Logf("%8s %s first tick: %d owners, %d rows", at, ev.Node, len(ev.Tick.Owners), len(ev.Tick.Rows))
		}
		r.ticks[ev.Node]++
		if ev.PodUID != "" {
			r.pods[ev.PodUID] = true
		}
	case ev.Bye != nil:
		r.t.Logf("%8s %s bye: %s", at, ev.Node, ev.Bye.Reason)
	case ev.State != nil:
		r.state[ev.Node] = *ev.State
		r.t.Logf("%8s %s %s %q error %q scoped %v", at, ev.Node, ev.State.State, ev.State.Progress, ev.State.Error, ev.State.Scoped)
	case ev.Problem != nil:
		r.t.Logf("%8s problem: %s", at, *ev.Problem)
	case ev.Cluster != nil:
		r.t.Logf("%8s cluster %+v", at, *ev.Cluster)
	case ev.Objects != nil:
		r.t.Logf("%8s %d nodes %d pods %d services", at, len(ev.Objects.Nodes), len(ev.Objects.Pods), len(ev.Objects.Services))
	}
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// until runs a source until ok says so, ends it, and returns its error.
func (r *recorder) until(src session.Source, limit time.Duration, ok func() bool) error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, r) }()
	for {
		select {
		case <-r.moved:
			r.mu.Lock()
			enough := ok()
			r.mu.Unlock()
			if !enough {
				continue
			}
			cancel()
			err := <-done
			r.t.Logf("%8s ended: %v", time.Since(r.start).Round(time.Millisecond), err)
			return err
		case err := <-done:
			r.t.Fatalf("the source ended first: %v", err)
		}
	}
}

func leftovers(t *testing.T, client *k8s.Client) {
	t.Helper()
	left, err := client.Find(context.Background(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range left {
		if strings.Contains(p.Name, "-"+testMark) {
			t.Errorf("left behind: %+v", p)
		}
	}
}

func TestClusterNodePods(t *testing.T) {
	client, opts := realClient(t, nil)
	rec := newRecorder(t)
	_ = rec.until(live.New(client, opts), time.Minute, func() bool {
		good := 0
		for _, n := range rec.ticks {
			if n >= 3 {
				good++
			}
		}
		return good >= 3
	})
	leftovers(t, client)
}

func TestClusterDenied(t *testing.T) {
	client, opts := realClient(t, func(o *clientcmd.ConfigOverrides) {
		o.AuthInfo.Impersonate, o.AuthInfo.ImpersonateGroups = "nobody", []string{"system:authenticated", "snattop-viewers"}
	})
	rec := newRecorder(t)
	seen := func() bool {
		for _, st := range rec.state {
			if st.State != session.StateDenied || !strings.Contains(st.Error, "cannot create pods") {
				return false
			}
		}
		return len(rec.state) >= 3
	}
	_ = rec.until(live.New(client, opts), 20*time.Second, seen)
}

func TestClusterEphemeral(t *testing.T) {
	pod := os.Getenv("SNATTOP_TEST_POD")
	if pod == "" {
		t.Skip("SNATTOP_TEST_POD names no pod")
	}
	client, opts := realClient(t, nil)
	opts.DebugNamespace = os.Getenv("SNATTOP_TEST_DENYING_NAMESPACE")
	opts.Pods = []string{pod}
	opts.Consent = func(context.Context, []string) bool { return true }
	rec := newRecorder(t)
	_ = rec.until(live.New(client, opts), time.Minute, func() bool { return len(rec.pods) > 0 })
}

func TestClusterPreflight(t *testing.T) {
	client, _ := realClient(t, func(o *clientcmd.ConfigOverrides) {
		o.AuthInfo.Impersonate, o.AuthInfo.ImpersonateGroups = "nobody", []string{"system:authenticated", "snattop-viewers"}
	})
	for _, c := range client.Preflight(context.Background(), "kube-system", nil) {
		t.Log(c.Answer, c.Message)
	}
}

// TestClusterExecDenied may create pods and not run anything in them: the pods
// must be gone again, and the reason told.
func TestClusterExecDenied(t *testing.T) {
	client, opts := realClient(t, func(o *clientcmd.ConfigOverrides) {
		o.AuthInfo.Impersonate, o.AuthInfo.ImpersonateGroups = "nobody", []string{"system:authenticated", "snattop-viewers", "snattop-creators"}
	})
	rec := newRecorder(t)
	_ = rec.until(live.New(client, opts), 30*time.Second, func() bool {
		for _, st := range rec.state {
			if st.State != session.StateDenied || !strings.Contains(st.Error, "pods/exec") {
				return false
			}
		}
		return len(rec.state) >= 3
	})
	leftovers(t, client)
}

// TestClusterPodDeleted loses a node pod to somebody else and makes another.
func TestClusterPodDeleted(t *testing.T) {
	client, opts := realClient(t, nil)
	opts.MaxNodes = 1
	rec := newRecorder(t)
	deleted, hellos := false, 0
	_ = rec.until(live.New(client, opts), time.Minute, func() bool {
		for node, n := range rec.ticks {
			if n >= 2 && !deleted {
				deleted = true
				left, err := client.Find(context.Background(), "kube-system", "")
				if err != nil {
					t.Error(err)
				}
				for _, p := range left {
					if p.Node == node && p.Created.After(rec.start.Add(-time.Second)) {
						_ = client.Delete(context.Background(), p.Namespace, p.Name)
					}
				}
			}
			if deleted && rec.state[node].State == session.StateConnecting {
				hellos = n
			}
			if hellos > 0 && n > hellos && rec.state[node].State == session.StateStreaming {
				return true
			}
		}
		return false
	})
	leftovers(t, client)
}
