package k8s

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/snattop/snattop/k8s/inventory"
)

// How a watch behaves when it is refused or breaks.
const (
	// coalesce is how long changes are gathered before they are told.
	coalesce = 200 * time.Millisecond
	// coalesceFirst is the same for the first ones, which somebody waits for.
	coalesceFirst = 20 * time.Millisecond
	// firstRetry doubles up to lastRetry while the API server fails.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// deniedRetry is how often a forbidden watch asks again: rights change
	// seldom, and asking costs the API server.
	deniedRetry = 5 * time.Minute
)

// WatchOptions are what Watch needs.
type WatchOptions struct {
	// Namespace is watched for pods, services and endpoint slices when all
	// namespaces are forbidden; empty: no second try.
	Namespace string
	// Changed takes changes, from one goroutine at a time. The first change
	// of each resource is all that there is.
	Changed func(inventory.Change)
	// Problem takes a sentence when the watch of a resource fails, once for
	// each new sentence, and "" when it works again. It may be nil.
	Problem func(resource, sentence string)
}

// Watch follows nodes, pods, services and endpoint slices until ctx ends. Nothing is polled: it
// is one request for each resource, renewed by the watch protocol. A watch
// that fails is repeated with a growing pause and does not stop the others.
func (c *Client) Watch(ctx context.Context, opts WatchOptions) error {
	w := &watcher{client: c.Watches, opts: opts, gather: newGather(opts.Changed), told: map[string]string{}}
	var wg sync.WaitGroup
	wg.Go(func() { w.gather.run(ctx) })
	wg.Go(func() { w.follow(ctx, "nodes", &corev1.Node{}, newNodeTable(w.gather), false, w.nodes) })
	wg.Go(func() { w.follow(ctx, "pods", &corev1.Pod{}, newPodTable(w.gather), true, w.pods) })
	wg.Go(func() { w.follow(ctx, "services", &corev1.Service{}, newServiceTable(w.gather), true, w.services) })
	wg.Go(func() {
		w.follow(ctx, "endpointslices", &discoveryv1.EndpointSlice{}, newEndpointsTable(w.gather), true, w.endpoints)
	})
	wg.Wait()
	return ctx.Err()
}

type watcher struct {
	client kubernetes.Interface
	opts   WatchOptions
	gather *gather

	mu   sync.Mutex
	told map[string]string
}

// listWatch is the two calls that a reflector needs, of one resource.
type listWatch struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func (w *watcher) nodes(string) listWatch {
	api := w.client.CoreV1().Nodes()
	return listWatch{list: trimmed(api.List), watch: api.Watch}
}

func (w *watcher) pods(namespace string) listWatch {
	api := w.client.CoreV1().Pods(namespace)
	return listWatch{list: trimmed(api.List), watch: api.Watch}
}

func (w *watcher) services(namespace string) listWatch {
	api := w.client.CoreV1().Services(namespace)
	return listWatch{list: trimmed(api.List), watch: api.Watch}
}

func (w *watcher) endpoints(namespace string) listWatch {
	api := w.client.DiscoveryV1().EndpointSlices(namespace)
	return listWatch{list: trimmed(api.List), watch: api.Watch}
}

// trimmed cuts what a list returns down before anything holds on to it.
func trimmed[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error)) func(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		l, err := list(ctx, o)
		if err != nil {
			return nil, err
		}
		return l, meta.EachListItem(l, func(item runtime.Object) error {
			trim(item)
			return nil
		})
	}
}

// follow keeps one resource's watch alive until ctx ends.
func (w *watcher) follow(ctx context.Context, resource string, example runtime.Object, store cache.ReflectorStore, namespaced bool, build func(string) listWatch) {
	namespace, pause := "", firstRetry
	for {
		started := time.Now()
		err := w.reflect(ctx, resource, namespace, example, store, build)
		if ctx.Err() != nil {
			return
		}
		wait := pause
		switch {
		case err == nil:
			// The watch ended in its ordinary way, or broke after it had
			// worked.
		case IsDenied(err) && namespaced && namespace == "" && w.opts.Namespace != "":
			namespace = w.opts.Namespace
			w.tell(resource, fmt.Sprintf("only %s of namespace %s are watched: %s", resource, namespace, sentence(err)+meaning(resource)))
			continue
		case IsDenied(err):
			w.tell(resource, sentence(err)+meaning(resource))
			wait = deniedRetry
		default:
			w.tell(resource, sentence(err))
		}
		if time.Since(started) > lastRetry {
			pause, wait = firstRetry, min(wait, firstRetry)
		} else {
			pause = min(2*pause, lastRetry)
		}
		if !sleep(ctx, jitter(wait)) {
			return
		}
	}
}

// meaning says what is missing without a resource, where it does not say so
// itself.
func meaning(resource string) string {
	if resource == "endpointslices" {
		return "; without them Services with public endpoints pass for private"
	}
	return ""
}

// reflect lists and watches until the watch ends.
func (w *watcher) reflect(ctx context.Context, resource, namespace string, example runtime.Object, store cache.ReflectorStore, build func(string) listWatch) error {
	calls := build(namespace)
	doing := "watching " + resource
	var denied error
	seen := func(err error) error {
		switch {
		case err == nil:
			// In one namespace the watch works, and still what it cannot see
			// has to stay on the page.
			if namespace == "" {
				w.tell(resource, "")
			}
		case IsDenied(err):
			denied = err
		case ctx.Err() == nil && !expectedEnd(err):
			w.tell(resource, sentence(Doing(err, doing, "")))
		}
		return err
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			if denied != nil {
				// The watch list was refused; asking again as a list would
				// be refused again.
				return nil, denied
			}
			ctx, cancel := context.WithTimeout(ctx, 2*DefaultRequestTimeout)
			defer cancel()
			l, err := calls.list(ctx, o)
			return l, seen(err)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			wi, err := calls.watch(ctx, o)
			if seen(err) != nil {
				return nil, err
			}
			return watch.Filter(wi, func(ev watch.Event) (watch.Event, bool) {
				if ev.Type == watch.Added || ev.Type == watch.Modified || ev.Type == watch.Deleted {
					trim(ev.Object)
				}
				return ev, true
			}), nil
		},
	}
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, w.client), example, store, cache.ReflectorOptions{Name: "snattop/" + resource})
	return Doing(r.ListAndWatchWithContext(ctx), doing, "")
}

// expectedEnd are errors that the watch protocol repairs on its own: a
// version that expired, a server that does not know watch lists.
func expectedEnd(err error) bool {
	switch KindOf(err) {
	case KindOther, KindConflict, KindNotFound:
		return true
	case KindNoConfig, KindNoContext, KindUnreachable, KindTimeout, KindTLS, KindUnauthorized, KindForbidden,
		KindPodSecurity, KindAdmission, KindQuota, KindBusy, KindKubelet, KindCanceled:
		return false
	default:
		return false
	}
}

// tell reports a sentence about a resource when it is news.
func (w *watcher) tell(resource, s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[resource] == s {
		return
	}
	w.told[resource] = s
	if w.opts.Problem != nil {
		w.opts.Problem(resource, s)
	}
}

func sentence(err error) string {
	var e *Error
	if !errors.As(Explain(err), &e) {
		return oneLine(err.Error())
	}
	if e.offline() {
		// The same for every resource: told once.
		bare := *e
		bare.Doing, bare.Object = "", ""
		return bare.Error()
	}
	return e.Error()
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// jitter spreads retries of many clients over a fifth of the pause.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}
