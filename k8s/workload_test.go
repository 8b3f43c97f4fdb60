package k8s

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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
	created := func(p *corev1.Pod, minutes int64) *corev1.Pod {
		p.CreationTimestamp = metav1.NewTime(time.Unix(60*minutes, 0))
		return p
	}
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
		{"cron job, its pod made at once", created(owned("batch/v1", "Job", "nightly-29919517", nil), 29919517), inventory.Workload{Kind: "CronJob", Name: "nightly"}},
		{"cron job, its pod made days later", created(owned("batch/v1", "Job", "nightly-29919517", nil), 29919517+9999), inventory.Workload{Kind: "CronJob", Name: "nightly"}},
		{"cron job, clocks apart", created(owned("batch/v1", "Job", "nightly-29919517", nil), 29919517-59), inventory.Workload{Kind: "CronJob", Name: "nightly"}},
		{"cron job with a number of its own", owned("batch/v1", "Job", "nightly-12345678-29919517", nil), inventory.Workload{Kind: "CronJob", Name: "nightly-12345678"}},
		{"job with a date", owned("batch/v1", "Job", "import-20260131", nil), inventory.Workload{Kind: "Job", Name: "import-20260131"}},
		{"job with a date, day first", created(owned("batch/v1", "Job", "import-31122026", nil), 29919517), inventory.Workload{Kind: "Job", Name: "import-31122026"}},
		{"job with nothing but minutes", owned("batch/v1", "Job", "-29919517", nil), inventory.Workload{Kind: "Job", Name: "-29919517"}},
		{"job with seconds", owned("batch/v1", "Job", "import-1795171020", nil), inventory.Workload{Kind: "Job", Name: "import-1795171020"}},
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
	// What tells a CronJob's pod from that of a Job with a date.
	dated := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(time.Unix(60*29919517, 0)), OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "batch/v1", Kind: "Job", Name: "import-31122026", Controller: new(true)}}}}
	trim(dated)
	if got := podOf(dated).Workload; got.Kind != "Job" {
		t.Errorf("trimming made it %s", got)
	}
	if trimmed.ManagedFields != nil || trimmed.Spec.Containers != nil || len(trimmed.Annotations) != 1 || len(trimmed.Labels) != 1 {
		t.Errorf("not trimmed: %+v", trimmed)
	}
}

func TestOwnEgress(t *testing.T) {
	for name, tt := range map[string]struct {
		annotation string
		host       bool
		want       string
	}{
		"none":               {},
		"a gateway":          {"egress-1", false, "static egress gateway egress-1"},
		"on the host":        {"egress-1", true, ""},
		"escapes":            {"a\x1b[31mb\nc", false, "static egress gateway ab c"},
		"nothing but escape": {"\x1b[31m", false, ""},
		"endless":            {strings.Repeat("x", 1<<18), false, "static egress gateway " + strings.Repeat("x", maxName)},
	} {
		p := samplePod()
		p.Spec.HostNetwork = tt.host
		if tt.annotation != "" {
			p.Annotations["kubernetes.azure.com/static-gateway-configuration"] = tt.annotation
		}
		for range 2 {
			if got := podOf(p).OwnEgress; got != tt.want {
				t.Errorf("%s: %.80q, want %.80q", name, got, tt.want)
			}
			trim(p)
		}
	}
}

func TestNodeLabels(t *testing.T) {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{
		"kubernetes.azure.com/cluster": "MC_rg_name_westeurope", "kubernetes.azure.com/mode": "user\x1b[31m\n", "kubernetes.azure.com/podnetwork-type": "overlay",
		"kubernetes.azure.com/agentpool": "pool1", "kubernetes.azure.com/ebpf-host-routing": "true", "team": "x", "kubernetes.io/hostname": "n1",
	}}}
	want := map[string]string{
		inventory.LabelAzureCluster: "MC_rg_name_westeurope", inventory.LabelAzureMode: "user ", inventory.LabelAzurePodNetwork: "overlay",
		inventory.LabelAzurePool: "pool1", inventory.LabelAzureHostRouting: "true",
	}
	for range 2 {
		if got := nodeOf(n).Labels; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		trim(n)
	}
	if got := nodeOf(&corev1.Node{}).Labels; got != nil {
		t.Errorf("labels of a node without any: %q", got)
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
