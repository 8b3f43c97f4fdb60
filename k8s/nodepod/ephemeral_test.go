package nodepod

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func appPod() *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "app", Image: "r.io/app:1", SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(1000)), RunAsNonRoot: new(true)}},
		{Name: "side", Image: "r.io/side:1"},
	}}}
}

func TestEphemeral(t *testing.T) {
	tests := []struct {
		name   string
		target string
		image  Choice
		check  func(corev1.EphemeralContainer) string
	}{
		{"passes the restricted level", "", Choice{}, func(c corev1.EphemeralContainer) string {
			sc := c.SecurityContext
			if sc.Privileged != nil || *sc.AllowPrivilegeEscalation || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				return "too much privilege"
			}
			return ""
		}},
		{"follows the target's user", "app", Choice{}, func(c corev1.EphemeralContainer) string {
			if c.TargetContainerName != "app" || *c.SecurityContext.RunAsUser != 1000 || !*c.SecurityContext.RunAsNonRoot {
				return "another user"
			}
			return ""
		}},
		{"a target without a user", "side", Choice{}, func(c corev1.EphemeralContainer) string {
			if c.TargetContainerName != "side" || c.SecurityContext.RunAsUser != nil {
				return "a user from nowhere"
			}
			return ""
		}},
		{"unknown target", "none", Choice{}, func(c corev1.EphemeralContainer) string {
			if c.TargetContainerName != "" {
				return "a target from nowhere"
			}
			return ""
		}},
		{"probe image", "", Choice{HoldsProbe: true}, func(c corev1.EphemeralContainer) string {
			if c.Command[0] != ProbeInImage || !c.Stdin {
				return "not held by the probe"
			}
			return ""
		}},
		{"a shell that ends", "", Choice{}, func(c corev1.EphemeralContainer) string {
			if sh, err := exec.LookPath("sh"); err == nil {
				if out, err := exec.Command(sh, "-n", "-c", c.Command[2]).CombinedOutput(); err != nil {
					return string(out)
				}
			}
			return ""
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Ephemeral(appPod(), EphemeralConfig{Suffix: "abcde", Target: tt.target, Image: tt.image})
			if msg := tt.check(c); msg != "" || c.Name != "snattop-abcde" {
				t.Errorf("%s: %+v", msg, c)
			}
		})
	}
}

func TestChooseEphemeral(t *testing.T) {
	images := func(cs []Choice) (out []string) {
		for _, c := range cs {
			out = append(out, c.Image)
		}
		return out
	}
	for _, tt := range []struct {
		name string
		opts ImageOptions
		held []string
		want []string
	}{
		{"held shell first, no host tools", ImageOptions{}, []string{"registry.k8s.io/pause:3.10", "busybox:1.36"}, []string{"busybox:1.36", "r.io/app:1", "r.io/side:1", PullImage}},
		{"own images", ImageOptions{}, nil, []string{"r.io/app:1", "r.io/side:1", PullImage}},
		{"--image", ImageOptions{Image: "x"}, []string{"busybox:1"}, []string{"x"}},
	} {
		if got := images(ChooseEphemeral(tt.opts, tt.held, appPod())); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRunningEphemeral(t *testing.T) {
	pod := appPod()
	pod.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{
		{Name: "debugger-x", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{Name: "snattop-old", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}},
	}
	if name, ok := RunningEphemeral(pod); ok {
		t.Errorf("%s is not ours, or has ended", name)
	}
	pod.Status.EphemeralContainerStatuses = append(pod.Status.EphemeralContainerStatuses,
		corev1.ContainerStatus{Name: "snattop-new", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
	if name, ok := RunningEphemeral(pod); !ok || name != "snattop-new" {
		t.Errorf("got %q", name)
	}
}

func TestEphemeralStart(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	cmd := EphemeralStart("snattop-none", []string{"echo", "probe", "--scope", "pod"})
	out, err := exec.Command(sh, cmd[1:]...).Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "probe --scope pod" {
		t.Errorf("got %q, %v", got, err)
	}
}
