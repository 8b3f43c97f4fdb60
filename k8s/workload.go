package k8s

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

const (
	hashLabel   = "pod-template-hash"
	configHash  = "kubernetes.io/config.hash"
	mirrorAnnot = "kubernetes.io/config.mirror"
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
		if name, ok := cronJobOf(ref.Name); ok {
			return inventory.Workload{Kind: "CronJob", Name: name}
		}
	}
	return inventory.Workload{Kind: ref.Kind, Name: ref.Name}
}

// cronJobOf cuts the scheduled time, in minutes since 1970, that the CronJob
// controller appends to its Jobs' names.
func cronJobOf(job string) (string, bool) {
	i := strings.LastIndexByte(job, '-')
	if i <= 0 {
		return "", false
	}
	digits := job[i+1:]
	// Eight digits span 1989 to 2160.
	if len(digits) != 8 {
		return "", false
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	return job[:i], true
}
