// Package nodepod writes the specs of the pods that look at a node. It is
// pure: objects out, nothing sent.
package nodepod

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels and annotations of everything that snattop makes. What lacks the
// first two is never touched.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelManagedBy = "app.kubernetes.io/managed-by"
	Name           = "snattop"
	// LabelSession tells the pods of one run from those of another.
	LabelSession = "snattop.dev/session"

	AnnotationBy      = "snattop.dev/created-by"
	AnnotationStarted = "snattop.dev/started"
	AnnotationImage   = "snattop.dev/image-reason"
)

// Places inside the container.
const (
	Container = "probe"
	// WorkDir is an emptyDir: writable, and programs in it may run.
	WorkDir = "/snattop"
	// ProbePath is where an uploaded probe lies.
	ProbePath = WorkDir + "/probe"
	// LeasePath is touched by whoever needs the pod; see HoldScript.
	LeasePath = WorkDir + "/lease"
	// HostRoot is the node's file system, read-only.
	HostRoot = "/host"
	// ProbeInImage is where an image of --probe-image has the probe.
	ProbeInImage = "/snattop-probe"
)

// Defaults.
const (
	DefaultNamespace = "kube-system"
	DefaultDeadline  = time.Hour
	// DefaultLease is how long a pod outlives the last touch of its lease.
	DefaultLease = 2 * time.Minute
)

// Selector matches every pod that snattop made; with a session, those of one
// run.
func Selector(session string) string {
	s := LabelName + "=" + Name + "," + LabelManagedBy + "=" + Name
	if session != "" {
		s += "," + LabelSession + "=" + session
	}
	return s
}

// Config is what differs between node pods.
type Config struct {
	// Node is the node's name, Arch its architecture as in GOARCH.
	Node, Arch string
	Namespace  string
	// Suffix makes the name unique: lower-case letters and digits.
	Suffix  string
	Session string
	Image   Choice
	// PullSecret names a secret in Namespace; may be empty.
	PullSecret string
	// Deadline is the pod's whole life; 0 means DefaultDeadline.
	Deadline time.Duration
	// Lease is how long it outlives its session; 0 means DefaultLease.
	Lease time.Duration
	// By and Started tell who made it and when.
	By      string
	Started time.Time
}

// Mutator changes a pod's spec in one respect.
type Mutator func(*corev1.Pod)

// New writes the spec of a node pod. Without mutators it has no privilege
// beyond the host's PID and network namespaces.
func New(cfg Config, mutate ...Mutator) *corev1.Pod {
	deadline := orDefault(cfg.Deadline, DefaultDeadline)
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:      PodName(cfg.Node, cfg.Suffix),
			Namespace: cfg.Namespace,
			Labels:    map[string]string{LabelName: Name, LabelManagedBy: Name, LabelSession: cfg.Session},
			Annotations: map[string]string{
				AnnotationBy: cfg.By, AnnotationStarted: cfg.Started.UTC().Format(time.RFC3339), AnnotationImage: cfg.Image.Reason,
			},
		},
		Spec: corev1.PodSpec{
			// The node is named, not asked for: a scheduler may refuse it, or
			// be as ill as the node.
			NodeName: cfg.Node,
			// On the host's network the pod needs neither CNI nor an address
			// of its own; a node without ports often has trouble with both.
			HostNetwork:                   true,
			HostPID:                       true,
			DNSPolicy:                     corev1.DNSDefault,
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(int64(max(deadline/time.Second, 1))),
			TerminationGracePeriodSeconds: new(int64(1)),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Volumes: []corev1.Volume{
				{Name: "work", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: quantity("512Mi")}}},
				hostPath("host", "/"),
			},
			Containers: []corev1.Container{{
				Name:            Container,
				Image:           cfg.Image.Image,
				ImagePullPolicy: cfg.Image.Policy,
				Command:         holdCommand(cfg),
				WorkingDir:      "/",
				VolumeMounts: []corev1.VolumeMount{
					{Name: "work", MountPath: WorkDir},
					{Name: "host", MountPath: HostRoot, ReadOnly: true, MountPropagation: new(corev1.MountPropagationHostToContainer)},
				},
				// An image may name a user that can see nothing.
				SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(0)), RunAsGroup: new(int64(0)), RunAsNonRoot: new(false)},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: *quantity("1m"), corev1.ResourceMemory: *quantity("16Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceCPU: *quantity("1"), corev1.ResourceMemory: *quantity("512Mi")},
				},
				TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			}},
		},
	}
	if cfg.PullSecret != "" {
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: cfg.PullSecret}}
	}
	if cfg.Image.HoldsProbe {
		// The holding process is the probe itself, whose leash is a standard
		// input that nobody closes.
		pod.Spec.Containers[0].Stdin = true
	}
	if cfg.Image.HostTools {
		HostTools(cfg.Arch)(pod)
	}
	for _, m := range mutate {
		m(pod)
	}
	return pod
}

// Privileged gives the container everything: what eBPF and foreign network
// namespaces need on every kernel and under every security module.
func Privileged(pod *corev1.Pod) {
	sc := security(pod)
	sc.Privileged = new(true)
	sc.AllowPrivilegeEscalation = new(true)
}

// Minimal gives the container the capabilities that the probe uses and lifts
// the profiles that would take them back, for policies that forbid
// "privileged" but not capabilities.
func Minimal(pod *corev1.Pod) {
	sc := security(pod)
	sc.Privileged = nil
	sc.AllowPrivilegeEscalation = nil
	sc.Capabilities = &corev1.Capabilities{
		Drop: []corev1.Capability{"ALL"},
		// SYS_ADMIN enters namespaces, SYS_PTRACE reads other users' /proc,
		// NET_ADMIN reads conntrack, NET_RAW captures packets, BPF and PERFMON load tracepoints (5.8
		// and later), DAC_READ_SEARCH and DAC_OVERRIDE pass file modes.
		Add: []corev1.Capability{"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "BPF", "PERFMON", "DAC_READ_SEARCH", "DAC_OVERRIDE"},
	}
	sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
	sc.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	sc.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"}
}

// HostTools mounts the node's programs and libraries read-only, for an image
// that has none. /lib64 holds the loader on amd64 only; elsewhere it may not
// exist, and a missing host path must not be created on a node.
func HostTools(arch string) Mutator {
	return func(pod *corev1.Pod) {
		dirs := []string{"bin", "sbin", "usr", "lib"}
		if arch == "amd64" || arch == "" {
			dirs = append(dirs, "lib64")
		}
		for _, d := range dirs {
			pod.Spec.Volumes = append(pod.Spec.Volumes, hostPath("host-"+d, "/"+d))
			pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts,
				corev1.VolumeMount{Name: "host-" + d, MountPath: "/" + d, ReadOnly: true})
		}
	}
}

// HoldScript keeps a container alive until nothing has touched the lease file
// for half to one period, or the deadline has passed, both in whole seconds.
//
// The pod so ends on its own when its session was killed and nobody is left to
// delete it. A lease is old when it is no newer than the mark that was made
// half a period before. Only the shell and sleep are needed.
func HoldScript(lease string, period, deadline time.Duration) string {
	mark := lease + ".mark"
	seconds := max(int(period/time.Second)/2, 1)
	rounds := max(int(deadline/time.Second)/seconds, 1)
	return "trap 'exit 0' TERM INT; n=0; : >" + lease + "; while [ $n -lt " + strconv.Itoa(rounds) + " ]; do n=$((n+1)); : >" + mark +
		"; sleep " + strconv.Itoa(seconds) + " & wait $!; [ " + lease + " -nt " + mark + " ] || exit 0; done"
}

func holdCommand(cfg Config) []string {
	deadline := orDefault(cfg.Deadline, DefaultDeadline)
	if cfg.Image.HoldsProbe {
		return []string{ProbeInImage, "--scope", "pod", "--collector", "procfs", "--interval", "1h", "--deadline", deadline.String()}
	}
	return []string{"/bin/sh", "-c", HoldScript(LeasePath, orDefault(cfg.Lease, DefaultLease), deadline)}
}

// PodName returns "snattop-<node>-<suffix>" as a DNS label of at most 63
// characters. A long node name keeps its end, which is what tells nodes of one
// pool apart.
func PodName(node, suffix string) string {
	const longest = 63
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, node)
	room := longest - len(Name) - len(suffix) - 2
	if len(clean) > room {
		clean = clean[len(clean)-room:]
	}
	clean = strings.Trim(clean, "-")
	if clean == "" {
		return Name + "-" + suffix
	}
	return Name + "-" + clean + "-" + suffix
}

func security(pod *corev1.Pod) *corev1.SecurityContext {
	c := &pod.Spec.Containers[0]
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	return c.SecurityContext
}

func hostPath(name, path string) corev1.Volume {
	// "Directory" makes a missing path an error; the empty type would let the
	// runtime create it on the node.
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: path, Type: new(corev1.HostPathDirectory)},
	}}
}

func quantity(s string) *resource.Quantity {
	q := resource.MustParse(s)
	return &q
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}
