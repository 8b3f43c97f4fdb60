package k8s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// GetPod reads one pod whole. It is one request.
func (c *Client) GetPod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := c.Clientset.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	return pod, Doing(err, "reading the pod", "pod "+namespace+"/"+name)
}

// AddEphemeral adds an ephemeral container to a pod. It can never be removed:
// the caller must have asked first. The pod's UID is part of the request, so
// that a pod recreated under the same name is not touched.
func (c *Client) AddEphemeral(ctx context.Context, pod *corev1.Pod, container corev1.EphemeralContainer) (*corev1.Pod, error) {
	const doing = "adding an ephemeral container"
	object := "pod " + pod.Namespace + "/" + pod.Name
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"spec":     map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}},
	})
	if err != nil {
		return nil, Doing(err, doing, object)
	}
	out, err := c.Clientset.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{FieldManager: "snattop"}, "ephemeralcontainers")
	if err == nil {
		return out, nil
	}
	// A missing subresource answers as a missing pod does, but names none.
	var status apierrors.APIStatus
	if apierrors.IsNotFound(err) && errors.As(err, &status) && (status.Status().Details == nil || status.Status().Details.Name == "") {
		return nil, &Error{Kind: KindForbidden, Doing: doing, Object: object, What: "this cluster has no ephemeral containers", Err: err}
	}
	return nil, Doing(err, doing, object)
}

// ParsePod splits "namespace/name"; without a namespace the given one holds.
func ParsePod(s, namespace string) (ns, name string, err error) {
	ns, name, ok := strings.Cut(strings.TrimPrefix(s, "pod/"), "/")
	if !ok {
		ns, name = namespace, ns
	}
	if ns == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fmt.Errorf("pod %q: want namespace/name", s)
	}
	return ns, name, nil
}
