package nodepod

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// EphemeralPrefix begins the name of every ephemeral container of ours.
const EphemeralPrefix = Name + "-"

// WritableDirs are where a container without privilege may take a program, in
// the order to try. /dev/shm is mounted noexec by most runtimes and belongs to
// the whole pod, hence late.
func WritableDirs() []string {
	return []string{"/tmp", "/var/tmp", "/run", "/dev/shm", "/home", "/root", ""}
}

// EphemeralConfig is what differs between ephemeral containers.
type EphemeralConfig struct {
	// Suffix makes the name unique in the pod, for ever: names are never
	// free again.
	Suffix string
	Image  Choice
	// Target is the container whose processes are looked at; empty: the pod's
	// first.
	Target          string
	Deadline, Lease time.Duration
}

// Ephemeral writes the spec of a debug container that shares the pod's network
// and, where the runtime can, the target's processes. It asks for no
// privilege, so that it passes the "restricted" level wherever the pod did.
func Ephemeral(pod *corev1.Pod, cfg EphemeralConfig) corev1.EphemeralContainer {
	target := TargetOf(pod, cfg.Target)
	name := EphemeralPrefix + cfg.Suffix
	sc := &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	out := corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name:                     name,
			Image:                    cfg.Image.Image,
			ImagePullPolicy:          cfg.Image.Policy,
			Command:                  ephemeralHold(name, cfg),
			SecurityContext:          sc,
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		},
	}
	if cfg.Image.HoldsProbe {
		out.Stdin = true
	}
	if target == nil {
		return out
	}
	out.TargetContainerName = target.Name
	if from := target.SecurityContext; from != nil {
		// The same user as the target may read its /proc, and it is a user
		// that the pod's policies have let pass.
		sc.RunAsUser, sc.RunAsGroup, sc.RunAsNonRoot = from.RunAsUser, from.RunAsGroup, from.RunAsNonRoot
		sc.SELinuxOptions = from.SELinuxOptions
		if from.SeccompProfile != nil {
			sc.SeccompProfile = from.SeccompProfile
		}
	}
	return out
}

// TargetOf returns the container of that name, the first one without a name,
// or nil.
func TargetOf(pod *corev1.Pod, name string) *corev1.Container {
	for i := range pod.Spec.Containers {
		if name == "" || pod.Spec.Containers[i].Name == name {
			return &pod.Spec.Containers[i]
		}
	}
	return nil
}

// RunningEphemeral returns the name of an ephemeral container of ours that
// still runs: nothing has to be added to that pod.
func RunningEphemeral(pod *corev1.Pod) (string, bool) {
	for i := range pod.Status.EphemeralContainerStatuses {
		st := &pod.Status.EphemeralContainerStatuses[i]
		if strings.HasPrefix(st.Name, EphemeralPrefix) && st.State.Running != nil {
			return st.Name, true
		}
	}
	return "", false
}

// ChooseEphemeral lists the images to try in a pod, best first: one that the
// node holds, else the pod's own, which is on the node for sure but may lack a
// shell, else a pull.
func ChooseEphemeral(opts ImageOptions, held []string, pod *corev1.Pod) []Choice {
	all := Choose(opts, held)
	if opts != (ImageOptions{}) {
		return all
	}
	out := slices.DeleteFunc(all[:len(all)-1:len(all)-1], func(c Choice) bool { return c.HostTools })
	for i := range pod.Spec.Containers {
		ref := pod.Spec.Containers[i].Image
		if slices.ContainsFunc(out, func(c Choice) bool { return c.Image == ref }) {
			continue
		}
		out = append(out, Choice{Image: ref, Policy: corev1.PullIfNotPresent,
			Reason: ref + ", the pod's own, which the node holds for sure"})
	}
	return append(out, all[len(all)-1])
}

// EphemeralLease is the name of the lease file of an ephemeral container,
// below whichever of WritableDirs takes it.
func EphemeralLease(container string) string { return ".lease-" + container }

func ephemeralHold(name string, cfg EphemeralConfig) []string {
	deadline := orDefault(cfg.Deadline, DefaultDeadline)
	if cfg.Image.HoldsProbe {
		return []string{ProbeInImage, "--scope", "pod", "--collector", "procfs", "--interval", "1h", "--deadline", deadline.String()}
	}
	find := `for d in ` + strings.Join(quoted(WritableDirs()), " ") + `; do if (: >"$d/` + EphemeralLease(name) + `") 2>/dev/null; then break; fi; done; `
	return []string{"/bin/sh", "-c", find + HoldScript(`"$d/`+EphemeralLease(name)+`"`, orDefault(cfg.Lease, DefaultLease), deadline)}
}

// EphemeralStart wraps a probe's command line so that it finds the lease file
// of its container.
func EphemeralStart(container string, command []string) []string {
	script := `for d in ` + strings.Join(quoted(WritableDirs()), " ") + `; do l="$d/` + EphemeralLease(container) + `"; if [ -e "$l" ]; then exec "$@" --lease "$l"; fi; done; exec "$@"`
	return append([]string{"/bin/sh", "-c", script, "sh"}, command...)
}

func quoted(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = `"` + s + `"`
	}
	return out
}
