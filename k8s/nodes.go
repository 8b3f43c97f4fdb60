package k8s

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

// Nodes lists the cluster's nodes by name: one request, for what looks once and
// ends. What stays asks Watch.
func (c *Client) Nodes(ctx context.Context) ([]inventory.Node, error) {
	list, err := c.Clientset.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Doing(err, "listing the nodes", "")
	}
	out := make([]inventory.Node, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, nodeOf(&list.Items[i]))
	}
	slices.SortFunc(out, func(a, b inventory.Node) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
