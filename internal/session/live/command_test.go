package live

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/nodepod"
)

func TestCommandsHaveALifeOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		var followed int
		f.cleanup = func(ctx context.Context) error {
			followed = f.followed // f.mu is held
			if ctx.Err() != nil {
				t.Error("cleaned up with the context that had ended")
			}
			return errors.New("one pod is left")
		}
		c := &Commands{reach: f, owned: true}
		ctx, cancel := context.WithCancel(t.Context())
		for _, name := range []string{"capture", "look"} {
			stream, err := c.Start(ctx, node("a"), nil, name, "--port", "53")
			if err != nil {
				t.Fatal(err)
			}
			stream.Close(time.Second)
		}
		synctest.Wait()
		if f.followed != 1 {
			t.Errorf("%d watches of our own pods", f.followed)
		}
		cancel()
		synctest.Wait()
		if err := c.Close(ctx); err == nil || !strings.Contains(err.Error(), "one pod is left") {
			t.Errorf("closed with %v", err)
		}
		if followed != 1 || f.followed != 0 || f.cleaned != 1 {
			t.Errorf("watches while cleaning up %d, afterwards %d, cleaned up %d times", followed, f.followed, f.cleaned)
		}
		if got := strings.Join(f.commands, ", "); got != "a capture --port 53, a look --port 53" {
			t.Error(got)
		}
	})
}

func TestCommandsWithinASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		r := start(t, f, Options{})
		c, ok := Within(r.src)
		if !ok {
			t.Fatal("not within")
		}
		stream, err := c.Start(t.Context(), node("a"), nil, "capture")
		if err != nil {
			t.Fatal(err)
		}
		stream.Close(time.Second)
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil || f.cleaned != 0 || f.followed != 1 {
			t.Errorf("%v, cleaned up %d times, %d watches: the session's own were touched", err, f.cleaned, f.followed)
		}
		r.end()
	})
	if _, ok := Within(otherSource{}); ok {
		t.Error("within a source that has no pods")
	}
}

type otherSource struct{ session.Source }

func TestCommandsAskOnlyWhatCanAnswer(t *testing.T) {
	f := newFakeCluster()
	c := &Commands{reach: f, owned: true}
	win, sick := node("win"), node("sick")
	win.OS = "windows"
	sick.Ready, sick.NotReady = false, "KubeletNotReady: no network"
	if _, err := c.Start(t.Context(), win, nil, "capture"); err == nil || !strings.Contains(err.Error(), "windows") {
		t.Error(err)
	}
	if _, err := c.Start(t.Context(), sick, nil, "capture"); k8s.KindOf(err) != k8s.KindUnreachable || !strings.Contains(err.Error(), "no network") {
		t.Error(err)
	}
	if len(f.commands) > 0 {
		t.Error(f.commands)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Two that need the same node at the same time share one pod.
func TestOneNodeOnePod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.NewClientset()
		made := 0
		api.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod).DeepCopy()
			made++
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: nodepod.Container, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}}
			return true, pod, nil
		})
		r := newReach(&k8s.Client{Clientset: api, Watches: api}, Options{ProbeImage: "r.io/probe:1"}.withDefaults())
		r.knock = func(context.Context, k8s.Target) error { return nil }
		var wg sync.WaitGroup
		pods := make(chan string, 2)
		for range 2 {
			wg.Go(func() {
				// Both are about to make a pod, if they may.
				got, err := r.nodes.ready(t.Context(), node("a"), func(string) { time.Sleep(time.Second) })
				if err != nil {
					t.Error(err)
				}
				pods <- got.target.Pod + " " + got.path
			})
		}
		wg.Wait()
		if a, b := <-pods, <-pods; a != b || !strings.HasSuffix(a, nodepod.ProbeInImage) || made != 1 {
			t.Errorf("%q and %q, %d pods were made", a, b, made)
		}
	})
}
