package k8s

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

// LookUpPod reads one pod, cut down to what a session knows of pods. It is one
// request.
func (c *Client) LookUpPod(ctx context.Context, namespace, name string) (inventory.Pod, error) {
	pod, err := c.GetPod(ctx, namespace, name)
	if err != nil {
		return inventory.Pod{}, err
	}
	return podOf(pod), nil
}

// LookUpNode does the same for a node.
func (c *Client) LookUpNode(ctx context.Context, name string) (inventory.Node, error) {
	node, err := c.Clientset.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return inventory.Node{}, Doing(err, "reading the node", "node "+name)
	}
	return nodeOf(node), nil
}
