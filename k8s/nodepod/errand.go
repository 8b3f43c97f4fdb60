package nodepod

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/probe/letter"
)

// Errand is what a pod is sent to a node for when nothing can be said to it
// there: the probe runs once, and what it has found comes back in termination
// messages, which the kubelet reports to the API server of its own accord.
type Errand struct {
	// Parts are the ConfigMaps that hold the probe, see Parcel; none where the
	// image has it.
	Parts []string
	// SHA256 is the probe's digest, First what comes first on its command line.
	SHA256 string
	First  []string
	// Args are the probe's, without how it tells.
	Args []string
}

const (
	// termination is where a container leaves its message.
	termination = corev1.TerminationMessagePathDefault
	// partsDir holds the parts of the probe, in order.
	partsDir = "/snattop-parts"
	// PartSize is how much of the probe one ConfigMap holds, in bytes; an
	// object may hold a mebibyte in all.
	PartSize = 1_000_000
	// MaxParts bounds the ConfigMaps of one probe.
	MaxParts = 8
	// partKey is the key in each of them.
	partKey = "part"
)

// NewErrand writes the spec of a pod that runs an errand.
func NewErrand(cfg Config, e Errand, mutate ...Mutator) *corev1.Pod {
	pod := New(cfg, mutate...)
	main := &pod.Spec.Containers[0]
	main.Stdin = false
	boxes := []string{termination}
	for i := 1; i < letter.Pieces; i++ {
		boxes = append(boxes, fmt.Sprintf("%s/tell.%d", WorkDir, i))
	}
	args := slices.Concat(e.First, e.Args, []string{"--tell", strings.Join(boxes, ",")})
	if cfg.Image.HoldsProbe {
		main.Command = append([]string{ProbeInImage}, args...)
	} else {
		main.Command = append([]string{"/bin/sh", "-c", errandScript(e.SHA256, boxes[1:]), "sh", ProbePath}, args...)
		pod.Spec.Volumes = append(pod.Spec.Volumes, partsVolume(e.Parts))
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: "parts", MountPath: partsDir, ReadOnly: true})
	}
	for i, box := range boxes[1:] {
		pod.Spec.Containers = append(pod.Spec.Containers, teller(main, i+1, box, cfg.Image.HoldsProbe))
	}
	return pod
}

// errandScript puts the probe together, runs it, and lets the others go
// whatever happens. The digest is compared where the image can; gzip's own
// checksum is in any case.
func errandScript(sum string, boxes []string) string {
	leave := ""
	for _, b := range boxes {
		leave += " [ -e " + b + " ] || : >" + b + ";"
	}
	return "trap '" + strings.TrimSpace(leave) + "' EXIT; z='gzip -dc'; command -v gzip >/dev/null 2>&1 || z='gunzip -c'; " +
		"cat " + partsDir + "/* | $z >" + ProbePath + " || { echo 'the probe could not be unpacked' >&2; exit 97; }; " +
		"if command -v sha256sum >/dev/null 2>&1; then echo '" + sum + "  " + ProbePath + "' | sha256sum -c - >/dev/null 2>&1 || { echo 'the probe arrived damaged' >&2; exit 98; }; fi; " +
		`chmod 0755 ` + ProbePath + ` && "$@"`
}

// teller is a container that passes one file on as its termination message. It
// sees nothing of the node.
func teller(main *corev1.Container, i int, box string, holdsProbe bool) corev1.Container {
	c := corev1.Container{
		Name: "tell-" + strconv.Itoa(i), Image: main.Image, ImagePullPolicy: main.ImagePullPolicy, WorkingDir: "/",
		SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0)), RunAsGroup: new(int64(0)), RunAsNonRoot: new(false), AllowPrivilegeEscalation: new(false)},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: *quantity("1m"), corev1.ResourceMemory: *quantity("4Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: *quantity("200m"), corev1.ResourceMemory: *quantity("64Mi")},
		},
	}
	for _, m := range main.VolumeMounts {
		// The node's own programs, where the image has none.
		if m.Name == "work" || strings.HasPrefix(m.Name, "host-") {
			c.VolumeMounts = append(c.VolumeMounts, m)
		}
	}
	if holdsProbe {
		c.Command = []string{ProbeInImage, "pass", box, termination}
		return c
	}
	c.Command = []string{"/bin/sh", "-c", "n=0; while [ ! -e " + box + " ] && [ $n -lt 1500 ]; do n=$((n+1)); sleep 0.2 2>/dev/null || sleep 1; done; cat " + box + " >" + termination}
	return c
}

func partsVolume(parts []string) corev1.Volume {
	v := &corev1.ProjectedVolumeSource{}
	for i, name := range parts {
		v.Sources = append(v.Sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name},
			Items:                []corev1.KeyToPath{{Key: partKey, Path: fmt.Sprintf("part%02d", i)}},
		}})
	}
	return corev1.Volume{Name: "parts", VolumeSource: corev1.VolumeSource{Projected: v}}
}

// ParcelNames names the ConfigMaps for a packed probe of that many bytes.
func ParcelNames(suffix string, size int) []string {
	names := make([]string, (size+PartSize-1)/PartSize)
	for i := range names {
		names[i] = fmt.Sprintf("%s-probe-%s-%d", Name, suffix, i)
	}
	return names
}

// Parcel writes the ConfigMaps that hold a packed probe. They belong to a pod
// and go when it goes.
func Parcel(names []string, packed []byte, session string, started time.Time, owner *corev1.Pod) []*corev1.ConfigMap {
	out := make([]*corev1.ConfigMap, len(names))
	for i, name := range names {
		out[i] = &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: owner.Namespace,
				Labels:          map[string]string{LabelName: Name, LabelManagedBy: Name, LabelSession: session},
				Annotations:     map[string]string{AnnotationStarted: started.UTC().Format(time.RFC3339)},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: owner.Name, UID: owner.UID}},
			},
			Immutable:  new(true),
			BinaryData: map[string][]byte{partKey: packed[i*PartSize : min((i+1)*PartSize, len(packed))]},
		}
	}
	return out
}
