package k8s

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snattop/snattop/k8s/nodepod"
)

const (
	// OrphanAge is when a pod of another session that still seems to run is
	// taken for an orphan. No node pod is meant to live that long.
	OrphanAge = 6 * time.Hour
	// deleteAtOnce bounds deletions under way at the same time.
	deleteAtOnce = 16
	// politeWait is how long a kubelet may take to end a pod before the
	// object is removed without it.
	politeWait = 5 * time.Second
)

// Left is something that snattop left behind.
type Left struct {
	// Kind is "configmap", or "" for a pod.
	Kind                           string
	Namespace, Name, Node, Session string
	Phase                          string
	Created                        time.Time

	uid types.UID
}

// Find lists the pods that snattop made; an empty namespace means all of
// them, an empty session every session. It is one request.
func (c *Client) Find(ctx context.Context, namespace, session string) ([]Left, error) {
	found, _, err := c.find(ctx, namespace, session)
	return found, err
}

// find also returns the version that a watch can go on from.
func (c *Client) find(ctx context.Context, namespace, session string) ([]Left, string, error) {
	l, err := c.Clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: nodepod.Selector(session)})
	if err != nil {
		return nil, "", Doing(err, "listing snattop's pods", where(namespace))
	}
	out := make([]Left, 0, len(l.Items))
	for i := range l.Items {
		p := &l.Items[i]
		if !ours(p) {
			continue
		}
		out = append(out, Left{
			Namespace: p.Namespace, Name: p.Name, Node: p.Spec.NodeName, Session: p.Labels[nodepod.LabelSession],
			Phase: string(p.Status.Phase), Created: p.CreationTimestamp.Time, uid: p.UID,
		})
	}
	return out, l.ResourceVersion, nil
}

// Sweep removes orphans from a namespace: pods of other sessions that have
// ended, or that are older than age. A pod that lost its session ends within
// minutes, so a colleague's session is left alone.
func (c *Client) Sweep(ctx context.Context, namespace, session string, age time.Duration, now time.Time) ([]Left, error) {
	found, err := c.Find(ctx, namespace, "")
	if err != nil {
		return nil, err
	}
	var orphans []Left
	for _, p := range found {
		if p.Session != session && (ended(p.Phase) || now.Sub(p.Created) > age) {
			orphans = append(orphans, p)
		}
	}
	removed, err := c.remove(ctx, orphans, 0)
	maps, merr := c.sweepConfigMaps(ctx, namespace, session, found, now)
	return append(removed, maps...), errors.Join(err, merr)
}

// Clean removes every pod and ConfigMap that snattop made, of running sessions too; an empty
// namespace means all of them.
func (c *Client) Clean(ctx context.Context, namespace string) ([]Left, error) {
	found, version, err := c.find(ctx, namespace, "")
	if err != nil {
		return nil, err
	}
	removed, err := c.removeAndWait(ctx, namespace, "", version, found)
	maps, merr := c.RemoveConfigMaps(ctx, namespace, "")
	return append(removed, maps...), errors.Join(err, merr)
}

// RemoveSession removes the pods of one session and waits until they are
// gone. Its ctx must not be the one that ended the session. It asks by label,
// so it finds a pod whose creation was never answered.
func (c *Client) RemoveSession(ctx context.Context, namespace, session string) error {
	if session == "" {
		return errors.New("removing a session's pods: the session has no name")
	}
	found, version, err := c.find(ctx, namespace, session)
	if err != nil {
		return err
	}
	_, err = c.removeAndWait(ctx, namespace, session, version, found)
	return err
}

// removeAndWait asks kubelets to end the pods, waits a moment, and removes
// without them what an ill node did not confirm: such a container ends by its
// lease.
func (c *Client) removeAndWait(ctx context.Context, namespace, session, version string, pods []Left) ([]Left, error) {
	if len(pods) == 0 {
		return nil, nil
	}
	// From the list's version the watch misses no deletion, and the API server
	// need not ask etcd for the newest one first, which can take it seconds.
	watchCtx, cancel := context.WithTimeout(ctx, politeWait)
	defer cancel()
	w, werr := c.Watches.CoreV1().Pods(namespace).Watch(watchCtx, metav1.ListOptions{LabelSelector: nodepod.Selector(session), ResourceVersion: version})
	removed, err := c.remove(ctx, pods, 1)
	if werr != nil {
		return removed, err
	}
	defer w.Stop()
	left := map[types.UID]Left{}
	for _, p := range removed {
		left[p.uid] = p
	}
	for len(left) > 0 {
		select {
		case ev, ok := <-w.ResultChan():
			if !ok {
				return removed, errors.Join(err, c.force(ctx, left))
			}
			if p, isPod := ev.Object.(*corev1.Pod); isPod && ev.Type == "DELETED" {
				delete(left, p.UID)
			}
		case <-watchCtx.Done():
			return removed, errors.Join(err, c.force(ctx, left))
		}
	}
	return removed, err
}

func (c *Client) force(ctx context.Context, left map[types.UID]Left) error {
	pods := make([]Left, 0, len(left))
	for _, p := range left {
		pods = append(pods, p)
	}
	_, err := c.remove(ctx, pods, 0)
	return err
}

// remove deletes pods, each only while it still is the object that was seen.
func (c *Client) remove(ctx context.Context, pods []Left, graceSeconds int64) ([]Left, error) {
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		removed []Left
		errs    []error
		slots   = make(chan struct{}, deleteAtOnce)
	)
	for _, p := range pods {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := c.Clientset.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
				GracePeriodSeconds: new(graceSeconds),
				PropagationPolicy:  new(metav1.DeletePropagationBackground),
				Preconditions:      &metav1.Preconditions{UID: new(p.uid)},
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				removed = append(removed, p)
			case KindOf(err) == KindNotFound, KindOf(err) == KindConflict:
				// Somebody was faster.
			default:
				errs = append(errs, Doing(err, "deleting the node pod", "pod "+p.Namespace+"/"+p.Name))
			}
		})
	}
	wg.Wait()
	return removed, errors.Join(errs...)
}

// ours is the last check before anything is deleted.
func ours(p *corev1.Pod) bool {
	return p.Labels[nodepod.LabelName] == nodepod.Name && p.Labels[nodepod.LabelManagedBy] == nodepod.Name && p.Labels[nodepod.LabelSession] != ""
}

func ended(phase string) bool {
	return phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed)
}

func where(namespace string) string {
	if namespace == "" {
		return "all namespaces"
	}
	return "namespace " + namespace
}
