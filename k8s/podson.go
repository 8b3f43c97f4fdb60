package k8s

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PodsOn lists the pods of all namespaces that run on a node, at most limit of
// them. It is one request; cached lets the API server answer from its memory,
// which may be a moment old.
func (c *Client) PodsOn(ctx context.Context, node string, limit int64, cached bool) ([]corev1.Pod, error) {
	opts := metav1.ListOptions{FieldSelector: "spec.nodeName=" + node, Limit: limit}
	if cached {
		opts.ResourceVersion, opts.Limit = "0", 0 // a limit goes with no such answer
	}
	l, err := c.Clientset.CoreV1().Pods("").List(ctx, opts)
	if err != nil {
		return nil, Doing(err, "listing the pods of the node", node)
	}
	return l.Items[:min(int64(len(l.Items)), limit)], nil
}
