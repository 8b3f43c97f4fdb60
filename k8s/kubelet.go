package k8s

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
)

// Kubelet asks a node's kubelet for its health by way of the API server, and
// returns its answer ("ok"). An error of KindKubelet means that the API server
// did not get through, in its own words.
func (c *Client) Kubelet(ctx context.Context, node string) (string, error) {
	return c.through(ctx, "asking the kubelet for its health", "node "+node, "nodes", node, "proxy/healthz")
}

// Ready asks the API server whether it is ready, which it says of itself alone.
func (c *Client) Ready(ctx context.Context) (string, error) {
	body, err := answer(c.Clientset.CoreV1().RESTClient().Get().AbsPath("/readyz").SetHeader("Accept", "*/*").Do(ctx))
	if err != nil {
		return "", Doing(err, "asking the API server whether it is ready", c.Server)
	}
	return oneLine(string(body)), nil
}

// NoLogs asks for the last no lines of a container's log: what serves is the
// same, and nothing of the log is seen.
func (c *Client) NoLogs(ctx context.Context, namespace, pod, container string) error {
	lines := int64(0)
	body, err := answer(c.Clientset.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, TailLines: &lines}).Do(ctx))
	return kubeletError(err, body, "asking for logs", "pod "+namespace+"/"+pod)
}

// RunningOn returns a running pod of a node, none of ours where there is
// another; nil without an error when it has none.
func (c *Client) RunningOn(ctx context.Context, node string) (*corev1.Pod, error) {
	l, err := c.Clientset.CoreV1().Pods("").List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"spec.nodeName": node, "status.phase": string(corev1.PodRunning)}.String(), Limit: 8,
	})
	if err != nil {
		return nil, Doing(err, "listing pods", "node "+node)
	}
	var found *corev1.Pod
	for i := range l.Items {
		if p := &l.Items[i]; found == nil || ours(found) {
			found = p
		}
	}
	return found, nil
}

// Addresses are those that the cluster itself has of its API server: the
// endpoints of the Service "kubernetes".
func (c *Client) Addresses(ctx context.Context) ([]netip.Addr, error) {
	l, err := c.Clientset.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kubernetes"})
	if err != nil {
		return nil, Doing(err, "listing the API server's addresses", "endpointslices in namespace default")
	}
	var out []netip.Addr
	for i := range l.Items {
		for _, e := range l.Items[i].Endpoints {
			for _, text := range e.Addresses {
				if a, err := netip.ParseAddr(text); err == nil {
					out = append(out, a.Unmap())
				}
			}
		}
	}
	return out, nil
}

// through sends a GET that the API server passes on to a kubelet.
func (c *Client) through(ctx context.Context, doing, object string, path ...string) (string, error) {
	body, err := answer(c.Clientset.CoreV1().RESTClient().Get().AbsPath("/api/v1/"+strings.Join(path, "/")).SetHeader("Accept", "*/*").Do(ctx))
	if err != nil {
		return "", kubeletError(err, body, doing, object)
	}
	return oneLine(string(body)), nil
}

// answer returns a body of any kind; the error is the server's own status where
// it sent one.
func answer(res rest.Result) ([]byte, error) {
	body, err := res.Raw()
	if err == nil {
		return body, nil
	}
	if told := res.Error(); told != nil {
		return body, told
	}
	return body, err
}

// kubeletError explains why a kubelet was not reached. What the API server says
// of its own way there is plain text, no status: body, or a cause of err.
func kubeletError(err error, body []byte, doing, object string) error {
	if err == nil {
		return nil
	}
	text := oneLine(string(body))
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		if text == "" || strings.HasPrefix(text, "{") {
			text = oneLine(status.ErrStatus.Message)
			if d := status.ErrStatus.Details; d != nil && len(d.Causes) > 0 {
				text = oneLine(d.Causes[0].Message) // what the body was
			}
		}
		// The names are of net/http, of the API server's proxy, and of
		// konnectivity's client in it.
		for _, mark := range []string{"error trying to reach service", "dial tcp", "No agent available", "rpc error", "dial timeout", "context deadline exceeded", "i/o timeout"} {
			if strings.Contains(text, mark) && !apierrors.IsForbidden(err) {
				return &Error{Kind: KindKubelet, Doing: doing, Object: object, What: text, Err: err,
					Hint: "the API server does not get through to the node's kubelet on port 10250"}
			}
		}
	}
	return Doing(err, doing, object)
}
