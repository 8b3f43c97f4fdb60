package k8s

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func forbidden(resource, message string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "x", errors.New(message))
}

func request(err error) error {
	return &url.Error{Op: "Get", URL: "https://api.example:6443/api/v1/pods?limit=500", Err: err}
}

func TestExplain(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := []struct {
		name   string
		err    error
		kind   Kind
		denied bool
		want   string // in the message
	}{
		{"missing kubeconfig", &fs.PathError{Op: "stat", Path: "/x", Err: fs.ErrNotExist}, KindNoConfig, false, "--kubeconfig"},
		{"no kubeconfig", errNoConfig, KindNoConfig, false, "snattop local"},
		{"unknown context", errors.New(`context "prod" does not exist`), KindNoContext, false, "get-contexts"},
		{"refused connection", request(refused), KindUnreachable, false, "nothing listens"},
		{"no such host", request(&net.DNSError{Name: "api.example", Err: "no such host"}), KindUnreachable, false, "does not resolve: api.example"},
		{"timeout", request(context.DeadlineExceeded), KindTimeout, false, "no answer in time"},
		{"certificate", request(x509.UnknownAuthorityError{}), KindTLS, false, "certificate-authority"},
		{"plain HTTP", request(errors.New("http: server gave HTTP response to HTTPS client")), KindTLS, false, "no secure connection"},
		{"credential plugin", request(errors.New("getting credentials: exec: executable kubelogin not found")), KindUnauthorized, true, "plugin"},
		{"401", apierrors.NewUnauthorized("Unauthorized"), KindUnauthorized, true, "log in again"},
		{"RBAC", forbidden("pods", `User "jane" cannot create resource "pods" in API group "" in the namespace "kube-system"`), KindForbidden, true,
			`user jane cannot create pods in namespace kube-system; ask for the verb "create"`},
		{"RBAC of the cluster", forbidden("nodes", `User "jane" cannot watch resource "nodes" in API group "" at the cluster scope`), KindForbidden, true, "user jane cannot watch nodes in the cluster"},
		{"exec", forbidden("pods", `User "jane" cannot create resource "pods/exec" in API group "" in the namespace "a"`), KindForbidden, true, "without exec no probe"},
		{"exec over SPDY", errors.New(`unable to upgrade connection: pods "p" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "a"`), KindForbidden, true, "user jane cannot create pods/exec in namespace a"},
		{"no pod over SPDY", errors.New(`unable to upgrade connection: pods "p" not found`), KindNotFound, false, "not found"},
		{"401 over SPDY", errors.New(`unable to upgrade connection: Unauthorized`), KindUnauthorized, true, "401"},
		{"Pod Security", forbidden("pods", `violates PodSecurity "restricted:latest": host namespaces (hostPID=true), privileged (container "probe" must not)`), KindPodSecurity, true,
			`Pod Security level "restricted:latest" refuses it: host namespaces, privileged; use --debug-namespace`},
		{"webhook", apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "x", errors.New(`admission webhook "policy.example" denied the request: no probes`)), KindAdmission, true, "admission webhook policy.example refuses it: no probes"},
		{"policy", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "x", nil), KindOther, false, "invalid"},
		{"admission policy", forbidden("pods", `ValidatingAdmissionPolicy 'no-priv' with binding 'b' denied request: no privileged pods`), KindAdmission, true, "admission policy no-priv refuses it"},
		{"quota", forbidden("pods", `exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5`), KindQuota, true, "exceeded quota: small"},
		{"not found", apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "x"), KindNotFound, false, "not found"},
		{"exists", apierrors.NewAlreadyExists(schema.GroupResource{Resource: "pods"}, "x"), KindConflict, false, "already exists"},
		{"429", apierrors.NewTooManyRequests("slow down", 1), KindBusy, false, "429"},
		{"503", apierrors.NewServiceUnavailable("gone fishing"), KindUnreachable, false, "503"},
		{"kubelet", errors.New("error dialing backend: dial tcp 10.0.0.5:10250: i/o timeout"), KindKubelet, false, "port 10250"},
		{"konnectivity", errors.New("error dialing backend: No agent available"), KindKubelet, false, "cannot reach the node's kubelet"},
		{"interrupted", context.Canceled, KindCanceled, false, "interrupted"},
		{"anything else", errors.New("a\nb"), KindOther, false, "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
				got := Explain(err)
				if KindOf(got) != tt.kind || IsDenied(got) != tt.denied {
					t.Errorf("kind %s denied %t, want %s %t (%v)", KindOf(got), IsDenied(got), tt.kind, tt.denied, got)
				}
				if !strings.Contains(got.Error(), tt.want) || strings.Contains(got.Error(), "\n") || strings.Contains(got.Error(), "limit=500") {
					t.Errorf("message %q, want one line with %q and no URL", got, tt.want)
				}
				if !errors.Is(got, tt.err) {
					t.Errorf("%v lost its cause", got)
				}
			}
		})
	}
}

func TestDoingNamesWhatAndWhere(t *testing.T) {
	err := Doing(apierrors.NewUnauthorized("x"), "creating the node pod", "pod a/b")
	if got := err.Error(); !strings.HasPrefix(got, "creating the node pod (pod a/b): ") {
		t.Error(got)
	}
	if again := Doing(fmt.Errorf("outer: %w", err), "else", "elsewhere"); !errors.Is(again, err) || strings.Contains(again.Error(), "elsewhere") {
		t.Errorf("what was told first is overwritten: %v", again)
	}
	if Doing(nil, "x", "y") != nil || Explain(nil) != nil {
		t.Error("nil is no error")
	}
}

func TestStarted(t *testing.T) {
	status := func(st corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "probe", State: st}}}}
	}
	waiting := func(reason string) *corev1.Pod {
		return status(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "m"}})
	}
	tests := []struct {
		name string
		pod  *corev1.Pod
		ok   bool
		err  string
	}{
		{"nothing yet", &corev1.Pod{}, false, ""},
		{"creating", waiting("ContainerCreating"), false, ""},
		{"first pull failed", waiting("ErrImagePull"), false, ""},
		{"gave up pulling", waiting("ImagePullBackOff"), false, "ImagePullBackOff: m; name an image"},
		{"not there", waiting("ErrImageNeverPull"), false, "ErrImageNeverPull"},
		{"bad config", waiting("CreateContainerConfigError"), false, "CreateContainerConfigError"},
		{"running", status(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), true, ""},
		{"ended", status(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError"}}), false, "code 128: StartError"},
		{"refused by the kubelet", &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"}}, false, "OutOfcpu"},
		{"being deleted", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}}, false, "deleting"},
		{"ephemeral", &corev1.Pod{Status: corev1.PodStatus{EphemeralContainerStatuses: []corev1.ContainerStatus{{Name: "probe", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}}, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, err := Started(tt.pod, "probe")
			if ok != tt.ok || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %t, %v; want %t, %q", ok, err, tt.ok, tt.err)
			}
		})
	}
}
