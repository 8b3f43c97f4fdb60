package k8s

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Pods follows a few pods by a watch: those of one session, or one pod. It
// answers questions about them without asking the API server again.
type Pods struct {
	client    kubernetes.Interface
	namespace string
	options   func(*metav1.ListOptions)

	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	gone    map[string]bool
	err     error
	changed chan struct{}
}

// FollowSelector returns the pods of a namespace that a label selector
// matches. Run has to run.
func (c *Client) FollowSelector(namespace, selector string) *Pods {
	return newPods(c.Watches, namespace, func(o *metav1.ListOptions) { o.LabelSelector = selector })
}

// FollowPod returns the one pod of that name. Run has to run.
func (c *Client) FollowPod(namespace, name string) *Pods {
	return newPods(c.Watches, namespace, func(o *metav1.ListOptions) { o.FieldSelector = "metadata.name=" + name })
}

func newPods(client kubernetes.Interface, namespace string, options func(*metav1.ListOptions)) *Pods {
	return &Pods{client: client, namespace: namespace, options: options,
		pods: map[string]*corev1.Pod{}, gone: map[string]bool{}, changed: make(chan struct{})}
}

// Run follows the pods until ctx ends. A watch that fails is repeated with a
// growing pause.
func (p *Pods) Run(ctx context.Context) {
	api := p.client.CoreV1().Pods(p.namespace)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			p.options(&o)
			l, err := api.List(ctx, o)
			p.failed(err)
			return l, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			p.options(&o)
			w, err := api.Watch(ctx, o)
			p.failed(err)
			return w, err
		},
	}
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, p.client), &corev1.Pod{}, (*podStore)(p), cache.ReflectorOptions{Name: "snattop/own-pods"})
	for pause := firstRetry; ctx.Err() == nil; {
		started := time.Now()
		if err := r.ListAndWatchWithContext(ctx); err != nil {
			p.failed(err)
		}
		if time.Since(started) > lastRetry {
			pause = firstRetry
		}
		if !sleep(ctx, jitter(pause)) {
			return
		}
		pause = min(2*pause, lastRetry)
	}
}

// Put adds what a request returned, which the watch may not have told yet.
func (p *Pods) Put(pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.pods[pod.Name]; known || p.gone[pod.Name] {
		return
	}
	p.pods[pod.Name] = pod
	p.signal()
}

// Get returns a pod as the watch last told; nil when it is not there.
func (p *Pods) Get(name string) *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pods[name]
}

// WaitFor waits until ready says done or fails; it is called with every new
// state of the pod. It never polls. A pod that was deleted is an error.
func (p *Pods) WaitFor(ctx context.Context, name string, ready func(*corev1.Pod) (done bool, err error)) (*corev1.Pod, error) {
	for {
		p.mu.Lock()
		pod, gone, changed, werr := p.pods[name], p.gone[name], p.changed, p.err
		p.mu.Unlock()
		if gone {
			return nil, &Error{Kind: KindNotFound, Object: "pod " + p.namespace + "/" + name, What: "somebody deleted the pod"}
		}
		if pod != nil {
			if done, err := ready(pod); done || err != nil {
				return pod, err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if werr != nil {
				return pod, Doing(fmt.Errorf("%w (the watch failed: %w)", ctx.Err(), werr), "waiting for the pod", p.namespace+"/"+name)
			}
			return pod, ctx.Err()
		}
	}
}

func (p *Pods) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// signal wakes every waiter; p.mu is held.
func (p *Pods) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// podStore is Pods as a reflector sees it.
type podStore Pods

func (s *podStore) Add(obj any) error { return s.Update(obj) }

func (s *podStore) Update(obj any) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	p := (*Pods)(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pods[pod.Name] = pod
	delete(p.gone, pod.Name)
	p.signal()
	return nil
}

func (s *podStore) Delete(obj any) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	p := (*Pods)(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pods, pod.Name)
	p.gone[pod.Name] = true
	p.signal()
	return nil
}

func (s *podStore) Replace(list []any, _ string) error {
	p := (*Pods)(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := map[string]*corev1.Pod{}
	for _, obj := range list {
		if pod, ok := obj.(*corev1.Pod); ok {
			now[pod.Name] = pod
			delete(p.gone, pod.Name)
		}
	}
	for name, pod := range p.pods {
		// What Put added after the list was made is not gone.
		if now[name] == nil && time.Since(pod.CreationTimestamp.Time) < time.Minute {
			now[name] = pod
		} else if now[name] == nil {
			p.gone[name] = true
		}
	}
	p.pods = now
	p.signal()
	return nil
}

func (s *podStore) Resync() error { return nil }

// Started reports whether a container of a pod runs. The error says why it
// never will, as far as its status tells.
func Started(pod *corev1.Pod, container string) (bool, error) {
	object := "pod " + pod.Namespace + "/" + pod.Name
	if pod.DeletionTimestamp != nil {
		return false, &Error{Kind: KindNotFound, Object: object, What: "somebody is deleting the pod"}
	}
	for _, set := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range set {
			st := &set[i]
			if st.Name != container {
				continue
			}
			switch {
			case st.State.Running != nil:
				return true, nil
			case st.State.Terminated != nil:
				t := st.State.Terminated
				return false, &Error{Kind: KindOther, Object: object, What: oneLine(fmt.Sprintf("its container ended with code %d: %s %s", t.ExitCode, t.Reason, t.Message))}
			case st.State.Waiting != nil && hopeless[st.State.Waiting.Reason]:
				w := st.State.Waiting
				hint := ""
				if strings.Contains(w.Reason, "Image") {
					hint = "name an image that the node holds or can pull with --image, or mirror it"
				}
				return false, &Error{Kind: KindOther, Object: object, What: oneLine(w.Reason + ": " + w.Message), Hint: hint}
			}
		}
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return false, &Error{Kind: KindOther, Object: object,
			What: oneLine(fmt.Sprintf("the pod has ended: %s %s", pod.Status.Reason, pod.Status.Message))}
	}
	return false, nil
}

// hopeless are reasons to wait that do not pass by waiting.
var hopeless = map[string]bool{
	"ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true, "CrashLoopBackOff": true,
}

// Waiting says in words what a pod's container is waiting for.
func Waiting(pod *corev1.Pod, container string) string {
	for _, set := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range set {
			if set[i].Name != container || set[i].State.Waiting == nil {
				continue
			}
			switch reason := set[i].State.Waiting.Reason; reason {
			case "ErrImagePull":
				return "waiting for the image (the first pull failed)"
			case "ContainerCreating", "PodInitializing", "":
				return "waiting for the image and the container"
			default:
				return "waiting: " + reason
			}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return oneLine("waiting for a place: " + c.Reason + " " + c.Message)
		}
	}
	return "waiting for the node to take the pod"
}

// Events returns what the cluster says about a pod, newest last, in one line.
// It is one request; "" when there is nothing or it is not allowed.
func (c *Client) Events(ctx context.Context, namespace, pod string) string {
	l, err := c.Clientset.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + pod, Limit: 50,
	})
	if err != nil {
		return ""
	}
	var words []string
	for i := range l.Items {
		e := &l.Items[i]
		if e.Type == corev1.EventTypeWarning {
			words = append(words, e.Reason+": "+e.Message)
		}
	}
	words = slices.Compact(words)
	if len(words) > 3 {
		words = words[len(words)-3:]
	}
	return oneLine(strings.Join(words, " · "))
}

// Create makes a pod.
func (c *Client) Create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	made, err := c.Clientset.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{FieldManager: "snattop"})
	return made, Doing(err, "creating the node pod", "pod "+pod.Namespace+"/"+pod.Name)
}

// Delete removes one pod by name without waiting; one that is gone already is
// no error.
func (c *Client) Delete(ctx context.Context, namespace, name string) error {
	err := c.Clientset.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)),
		PropagationPolicy:  new(metav1.DeletePropagationBackground),
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return Doing(err, "deleting the node pod", "pod "+namespace+"/"+name)
}
