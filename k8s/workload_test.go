package k8s

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

func TestWorkloadOf(t *testing.T) {
	owned := func(api, kind, name string, labels map[string]string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: api, Kind: kind, Name: name, Controller: new(true)},
		}}}
	}
	hash := map[string]string{"pod-template-hash": "5fd9d0c"}
	static := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/config.mirror": "x"}}, Spec: corev1.PodSpec{NodeName: "n1"}}
	tests := []struct {
		name string
		pod  *corev1.Pod
		want inventory.Workload
	}{
		{"deployment", owned("apps/v1", "ReplicaSet", "checkout-5fd9d0c", hash), inventory.Workload{Kind: "Deployment", Name: "checkout"}},
		{"rollout", owned("argoproj.io/v1alpha1", "ReplicaSet", "checkout-5fd9d0c", hash), inventory.Workload{Kind: "Rollout", Name: "checkout"}},
		{"bare replica set", owned("apps/v1", "ReplicaSet", "checkout", nil), inventory.Workload{Kind: "ReplicaSet", Name: "checkout"}},
		{"hash of another", owned("apps/v1", "ReplicaSet", "checkout-x", hash), inventory.Workload{Kind: "ReplicaSet", Name: "checkout-x"}},
		{"cron job", owned("batch/v1", "Job", "nightly-29919517", nil), inventory.Workload{Kind: "CronJob", Name: "nightly"}},
		{"job", owned("batch/v1", "Job", "import-7", nil), inventory.Workload{Kind: "Job", Name: "import-7"}},
		{"job with a word", owned("batch/v1", "Job", "import-deadbeef", nil), inventory.Workload{Kind: "Job", Name: "import-deadbeef"}},
		{"daemon set", owned("apps/v1", "DaemonSet", "proxy", nil), inventory.Workload{Kind: "DaemonSet", Name: "proxy"}},
		{"static", static, inventory.Workload{Kind: "Node", Name: "n1"}},
		{"bare", &corev1.Pod{}, inventory.Workload{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := WorkloadOf(tt.pod); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func samplePod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "p", Namespace: "shop", UID: "u1", Labels: map[string]string{"pod-template-hash": "h", "team": "x"},
			Annotations:   map[string]string{configHash: "c", "big": "annotation"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-h", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "n1", HostNetwork: true, Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "SECRET", Value: "s"}}}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", ContainerID: "containerd://abc", Image: "i"}},
		},
	}
}

func TestPodOf(t *testing.T) {
	want := inventory.Pod{
		UID: "u1", Namespace: "shop", Name: "p", Node: "n1", HostNetwork: true, Workload: inventory.Workload{Kind: "Deployment", Name: "web"},
		IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, Phase: "Running",
		Containers: []inventory.Container{{Name: "app", ID: "abc"}}, ConfigHash: "c",
	}
	if got := podOf(samplePod()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	trimmed := samplePod()
	trim(trimmed)
	if got := podOf(trimmed); !reflect.DeepEqual(got, want) {
		t.Errorf("trimming lost something: %+v", got)
	}
	if trimmed.ManagedFields != nil || trimmed.Spec.Containers != nil || len(trimmed.Annotations) != 1 || len(trimmed.Labels) != 1 {
		t.Errorf("not trimmed: %+v", trimmed)
	}
}

func TestNodeOf(t *testing.T) {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}},
		Spec:       corev1.NodeSpec{PodCIDR: "10.1.0.0/24", ProviderID: "azure:///x"},
		Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.5"}, {Type: corev1.NodeExternalIP, Address: "20.0.0.5"}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting"}},
			Images: []corev1.ContainerImage{
				{Names: []string{"big@sha256:1", "big:1"}, SizeBytes: 9}, {Names: []string{"<none>@<none>"}, SizeBytes: 1}, {Names: []string{"small@sha256:2"}, SizeBytes: 2}},
		},
	}
	trim(n)
	got := nodeOf(n)
	if got.OS != "linux" || got.Arch != "arm64" || got.Ready || got.InternalIP != "10.0.0.5" || !slices.Equal(got.PodCIDRs, []string{"10.1.0.0/24"}) ||
		got.NotReady != "NodeStatusUnknown: Kubelet stopped posting" || !slices.Equal(got.ExternalIPs, []string{"20.0.0.5"}) {
		t.Errorf("got %+v", got)
	}
	if want := []string{"small@sha256:2", "big:1"}; !slices.Equal(got.Images, want) {
		t.Errorf("images %q, want %q", got.Images, want)
	}
}

func TestServiceOf(t *testing.T) {
	if _, ok := serviceOf(&corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "None"}}); ok {
		t.Error("a headless service has no address")
	}
	if s, ok := serviceOf(&corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.2.0.1"}}); !ok || len(s.ClusterIPs) != 1 {
		t.Errorf("got %+v", s)
	}
}
