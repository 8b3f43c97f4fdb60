package k8s

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestLookUp(t *testing.T) {
	c := &Client{Clientset: fake.NewClientset(
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u"}, Spec: corev1.PodSpec{NodeName: "a"}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{OperatingSystem: "linux"}}},
	)}
	if p, err := c.LookUpPod(t.Context(), "shop", "web"); err != nil || p.UID != "u" || p.Node != "a" {
		t.Errorf("%+v, %v", p, err)
	}
	if n, err := c.LookUpNode(t.Context(), "a"); err != nil || n.Name != "a" || n.OS != "linux" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := c.LookUpPod(t.Context(), "shop", "none"); KindOf(err) != KindNotFound {
		t.Error(err)
	}
	if _, err := c.LookUpNode(t.Context(), "none"); KindOf(err) != KindNotFound {
		t.Error(err)
	}
}
