package k8s

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/nodepod"
)

// parcelAge is when ConfigMaps of a session without a running pod are taken
// for orphans: between two errands a session may have none.
const parcelAge = 10 * time.Minute

// CreateConfigMap makes a ConfigMap.
func (c *Client) CreateConfigMap(ctx context.Context, m *corev1.ConfigMap) error {
	_, err := c.Clientset.CoreV1().ConfigMaps(m.Namespace).Create(ctx, m, metav1.CreateOptions{FieldManager: "snattop"})
	return Doing(err, "creating the ConfigMap that carries the probe", "configmap "+m.Namespace+"/"+m.Name)
}

// RemoveConfigMaps removes the ConfigMaps that snattop made; an empty namespace
// means all of them, an empty session every session. Whoever may not list them
// may not have made any: that is no error.
func (c *Client) RemoveConfigMaps(ctx context.Context, namespace, session string) ([]Left, error) {
	return c.removeConfigMaps(ctx, namespace, session, func(*corev1.ConfigMap) bool { return true })
}

func (c *Client) removeConfigMaps(ctx context.Context, namespace, session string, which func(*corev1.ConfigMap) bool) ([]Left, error) {
	l, err := c.Clientset.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: nodepod.Selector(session)})
	if err != nil {
		if KindOf(err) == KindForbidden {
			return nil, nil
		}
		return nil, Doing(err, "listing snattop's ConfigMaps", where(namespace))
	}
	var removed []Left
	var errs []error
	for i := range l.Items {
		m := &l.Items[i]
		if m.Labels[nodepod.LabelName] != nodepod.Name || m.Labels[nodepod.LabelManagedBy] != nodepod.Name || m.Labels[nodepod.LabelSession] == "" || !which(m) {
			continue
		}
		err := c.Clientset.CoreV1().ConfigMaps(m.Namespace).Delete(ctx, m.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: new(m.UID)}})
		switch KindOf(err) {
		case KindNotFound, KindConflict:
			// Somebody was faster.
		default:
			if err != nil {
				errs = append(errs, Doing(err, "deleting the ConfigMap", "configmap "+m.Namespace+"/"+m.Name))
				continue
			}
			removed = append(removed, Left{Kind: "configmap", Namespace: m.Namespace, Name: m.Name, Session: m.Labels[nodepod.LabelSession], Created: m.CreationTimestamp.Time})
		}
	}
	return removed, errors.Join(errs...)
}

// sweepConfigMaps removes those of other sessions that have no pod any more.
func (c *Client) sweepConfigMaps(ctx context.Context, namespace, session string, pods []Left, now time.Time) ([]Left, error) {
	alive := map[string]bool{session: true}
	for _, p := range pods {
		if !ended(p.Phase) {
			alive[p.Session] = true
		}
	}
	return c.removeConfigMaps(ctx, namespace, "", func(m *corev1.ConfigMap) bool {
		return !alive[m.Labels[nodepod.LabelSession]] && now.Sub(m.CreationTimestamp.Time) > parcelAge
	})
}
