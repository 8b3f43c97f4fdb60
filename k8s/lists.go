package k8s

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PodsLabelled lists pods of a namespace by a label selector, at most limit of
// them. It is one request.
func (c *Client) PodsLabelled(ctx context.Context, namespace, selector string, limit int64) ([]corev1.Pod, error) {
	l, err := c.Clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: limit})
	if err != nil {
		return nil, Doing(err, "listing pods", namespace+", "+selector)
	}
	return l.Items, nil
}

// Deployment reads one deployment; nil without an error when there is none of
// that name.
func (c *Client) Deployment(ctx context.Context, namespace, name string) (*appsv1.Deployment, error) {
	d, err := c.Clientset.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, Doing(err, "reading the deployment", namespace+"/"+name)
	}
	return d, nil
}
