package k8s

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

const (
	hashLabel   = "pod-template-hash"
	configHash  = "kubernetes.io/config.hash"
	mirrorAnnot = "kubernetes.io/config.mirror"
	// staticGateway names the gateway of a pod on AKS, and anywhere else where
	// Azure/kube-egress-gateway runs (its constant CNIGatewayAnnotationKey).
	staticGateway = "kubernetes.azure.com/static-gateway-configuration"
)

// WorkloadOf names what made a pod, from the pod alone: asking the API server
// for every ReplicaSet would cost more than the name is worth.
func WorkloadOf(pod *corev1.Pod) inventory.Workload {
	ref := metav1.GetControllerOf(pod)
	if ref == nil {
		if pod.Annotations[mirrorAnnot] != "" && pod.Spec.NodeName != "" {
			return inventory.Workload{Kind: "Node", Name: pod.Spec.NodeName}
		}
		return inventory.Workload{}
	}
	switch ref.Kind {
	case "ReplicaSet":
		if hash := pod.Labels[hashLabel]; hash != "" {
			if name, ok := strings.CutSuffix(ref.Name, "-"+hash); ok && name != "" {
				kind := "Deployment"
				if strings.HasPrefix(ref.APIVersion, "argoproj.io/") {
					kind = "Rollout"
				}
				return inventory.Workload{Kind: kind, Name: name}
			}
		}
	case "Job":
		if name, ok := cronJobOf(ref.Name, pod.CreationTimestamp.Time); ok {
			return inventory.Workload{Kind: "CronJob", Name: name}
		}
	}
	return inventory.Workload{Kind: ref.Kind, Name: ref.Name}
}

// cronJobOf cuts the scheduled time, in minutes since 1970, that the CronJob
// controller appends to its Jobs' names (kubernetes
// pkg/controller/cronjob/utils.go). A Job that somebody named by a date, such
// as import-20260131, is not taken for one: created is when its pod was made,
// which no schedule lies behind; zero when it is not known.
func cronJobOf(job string, created time.Time) (string, bool) {
	i := strings.LastIndexByte(job, '-')
	if i <= 0 {
		return "", false
	}
	digits := job[i+1:]
	// Eight digits span 1989 to 2160.
	if len(digits) != 8 {
		return "", false
	}
	var minutes int64
	for _, r := range digits {
		if r < '0' || r > '9' {
			return "", false
		}
		minutes = 10*minutes + int64(r-'0')
	}
	scheduled := time.Unix(60*minutes, 0)
	// Dates of this century read as minutes are of 2008 and 2009.
	if scheduled.Before(firstCronJobs) || !created.IsZero() && scheduled.After(created.Add(clockSlack)) {
		return "", false
	}
	return job[:i], true
}

// firstCronJobs is before the release of Kubernetes 1.20, whose controller is
// the first to write minutes. clockSlack is how far the clocks of a control
// plane may be apart.
var firstCronJobs = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

const clockSlack = time.Hour
