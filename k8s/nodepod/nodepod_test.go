package nodepod

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		name string
		opts ImageOptions
		held []string
		want []string // image, with "+tools" for the host's tools
	}{
		{"probe image", ImageOptions{ProbeImage: "r.io/probe:1", Image: "x"}, []string{"docker.io/library/busybox:1.36"}, []string{"r.io/probe:1"}},
		{"image", ImageOptions{Image: "r.io/tools"}, []string{"docker.io/library/busybox:1.36"}, []string{"r.io/tools"}},
		{"busybox held", ImageOptions{}, []string{"registry.k8s.io/pause:3.10", "docker.io/library/busybox:1.36"},
			[]string{"docker.io/library/busybox:1.36", "registry.k8s.io/pause:3.10+tools", PullImage}},
		{"pause only", ImageOptions{}, []string{"mcr.microsoft.com/oss/kubernetes/pause:3.6", "mcr.microsoft.com/aks/thing:1"},
			[]string{"mcr.microsoft.com/oss/kubernetes/pause:3.6+tools", PullImage}},
		{"pause of EKS", ImageOptions{}, []string{"localhost/kubernetes/pause:latest"}, []string{"localhost/kubernetes/pause:latest+tools", PullImage}},
		{"newest pause", ImageOptions{}, []string{"registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.8"}, []string{"registry.k8s.io/pause:3.9+tools", PullImage}},
		{"digest only", ImageOptions{}, []string{"docker.io/library/alpine@sha256:aa"}, []string{"docker.io/library/alpine@sha256:aa", PullImage}},
		{"a tenant's busybox is not trusted", ImageOptions{}, []string{"evil.example/library/busybox:1", "docker.io/evil/busybox", "evil.example/registry.k8s.io/pause:3"}, []string{PullImage}},
		{"nothing", ImageOptions{}, nil, []string{PullImage}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range Choose(tt.opts, tt.held) {
				s := c.Image
				if c.HostTools {
					s += "+tools"
				}
				if c.Reason == "" {
					t.Errorf("%s has no reason", c.Image)
				}
				if slices.Contains(tt.held, c.Image) && tt.opts == (ImageOptions{}) && c.Policy != corev1.PullNever {
					t.Errorf("%s is held and still %s", c.Image, c.Policy)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	for in, want := range map[string]string{
		"busybox": "docker.io/library/busybox", "busybox:1": "docker.io/library/busybox", "a/b:1@sha256:0": "docker.io/a/b",
		"localhost:5000/x:1": "localhost:5000/x", "localhost/x": "localhost/x", "index.docker.io/library/x": "docker.io/library/x",
		"r.io/a/b@sha256:0": "r.io/a/b",
	} {
		if got := repository(in); got != want {
			t.Errorf("repository(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPodName(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	for node, want := range map[string]string{
		"node1":                                "snattop-node1-abcde",
		"Aks_Pool.internal":                    "snattop-aks-pool-internal-abcde",
		strings.Repeat("x", 80) + "-vmss00001": "snattop-" + strings.Repeat("x", 39) + "-vmss00001-abcde",
		"...":                                  "snattop-abcde",
		strings.Repeat("y", 10) + strings.Repeat(".", 48): "snattop-y-abcde",
	} {
		got := PodName(node, "abcde")
		if got != want || len(got) > 63 || !label.MatchString(got) {
			t.Errorf("PodName(%q) = %q (%d), want %q", node, got, len(got), want)
		}
	}
}

func config() Config {
	return Config{
		Node: "node1", Arch: "amd64", Namespace: "kube-system", Suffix: "abcde", Session: "s1",
		Image: Choice{Image: "docker.io/library/busybox:1.36", Policy: corev1.PullNever, Reason: "held"},
		By:    "ops@host", Started: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		mutate []Mutator
		check  func(*corev1.Pod) string
	}{
		{"identity", nil, nil, func(p *corev1.Pod) string {
			if p.Labels[LabelName] != Name || p.Labels[LabelManagedBy] != Name || p.Labels[LabelSession] != "s1" ||
				p.Annotations[AnnotationBy] != "ops@host" || p.Annotations[AnnotationStarted] != "2026-11-20T10:00:00Z" {
				return "labels or annotations"
			}
			return ""
		}},
		{"needs no scheduler, network, token or restart", nil, nil, func(p *corev1.Pod) string {
			s := p.Spec
			if s.NodeName != "node1" || !s.HostNetwork || !s.HostPID || *s.AutomountServiceAccountToken || *s.EnableServiceLinks ||
				s.RestartPolicy != corev1.RestartPolicyNever || s.Tolerations[0].Operator != corev1.TolerationOpExists ||
				*s.TerminationGracePeriodSeconds != 1 || s.PriorityClassName != "" {
				return "spec"
			}
			return ""
		}},
		{"default deadline", nil, nil, func(p *corev1.Pod) string {
			if *p.Spec.ActiveDeadlineSeconds != 3600 {
				return "not an hour"
			}
			return ""
		}},
		{"short deadline", func(c *Config) { c.Deadline = 90 * time.Second }, nil, func(p *corev1.Pod) string {
			if *p.Spec.ActiveDeadlineSeconds != 90 {
				return "not 90 s"
			}
			return ""
		}},
		{"no privilege by itself", nil, nil, func(p *corev1.Pod) string {
			if p.Spec.Containers[0].SecurityContext.Privileged != nil {
				return "privileged"
			}
			return ""
		}},
		{"privileged", nil, []Mutator{Privileged}, func(p *corev1.Pod) string {
			if !*p.Spec.Containers[0].SecurityContext.Privileged || *p.Spec.Containers[0].SecurityContext.RunAsUser != 0 {
				return "not privileged root"
			}
			return ""
		}},
		{"minimal after privileged", nil, []Mutator{Privileged, Minimal}, func(p *corev1.Pod) string {
			sc := p.Spec.Containers[0].SecurityContext
			if sc.Privileged != nil || sc.AllowPrivilegeEscalation != nil || !slices.Contains(sc.Capabilities.Add, "SYS_ADMIN") {
				return "still privileged, or without capabilities"
			}
			return ""
		}},
		{"host tools on amd64", func(c *Config) { c.Image.HostTools = true }, nil, func(p *corev1.Pod) string {
			return mounts(p, "/snattop", "/host", "/bin", "/sbin", "/usr", "/lib", "/lib64")
		}},
		{"host tools on arm64", func(c *Config) { c.Image.HostTools, c.Arch = true, "arm64" }, nil, func(p *corev1.Pod) string {
			return mounts(p, "/snattop", "/host", "/bin", "/sbin", "/usr", "/lib")
		}},
		{"probe image", func(c *Config) { c.Image.HoldsProbe = true }, nil, func(p *corev1.Pod) string {
			if p.Spec.Containers[0].Command[0] != ProbeInImage || !p.Spec.Containers[0].Stdin {
				return "not held by the probe"
			}
			return ""
		}},
		{"pull secret", func(c *Config) { c.PullSecret = "s" }, nil, func(p *corev1.Pod) string {
			if len(p.Spec.ImagePullSecrets) != 1 {
				return "no secret"
			}
			return ""
		}},
		{"nothing on the host is written or created", func(c *Config) { c.Image.HostTools = true }, []Mutator{Privileged}, func(p *corev1.Pod) string {
			for _, m := range p.Spec.Containers[0].VolumeMounts {
				if m.MountPath != WorkDir && !m.ReadOnly {
					return m.MountPath + " is writable"
				}
			}
			for _, v := range p.Spec.Volumes {
				if v.HostPath != nil && *v.HostPath.Type != corev1.HostPathDirectory {
					return v.Name + " may be created"
				}
			}
			return ""
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			if tt.change != nil {
				tt.change(&cfg)
			}
			if msg := tt.check(New(cfg, tt.mutate...)); msg != "" {
				t.Error(msg)
			}
		})
	}
}

func mounts(p *corev1.Pod, want ...string) string {
	var got []string
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		got = append(got, m.MountPath)
	}
	if !slices.Equal(got, want) {
		return "mounts " + strings.Join(got, " ")
	}
	return ""
}

func TestCommand(t *testing.T) {
	got := strings.Join(Run{Path: ProbePath, Args: []string{"probe"}, Scope: "node", HostRoot: HostRoot, Deadline: time.Hour, Lease: LeasePath}.Command(), " ")
	want := "/snattop/probe probe --scope node --collector auto --interval 1s --proc /proc --host-root /host --deadline 1h0m0s --lease /snattop/lease"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCommandLine(t *testing.T) {
	got := strings.Join(Command{Path: ProbePath, Args: []string{"probe"}, Name: "capture", Flags: []string{"--interface", "eth0"},
		HostRoot: HostRoot, Lease: LeasePath, Deadline: time.Hour}.Line(), " ")
	want := "/snattop/probe probe capture --proc /proc --host-root /host --deadline 1h0m0s --lease /snattop/lease --interface eth0"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestHoldScript runs the script in this machine's shell, with periods of one
// second: an untouched lease ends it, a touched one does not.
func TestHoldScript(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	dir := t.TempDir()
	lease := filepath.Join(dir, "lease")
	if err := exec.Command(sh, "-c", HoldScript(lease, time.Second, time.Hour)).Run(); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	cmd := exec.Command(sh, "-c", HoldScript(lease, time.Second, 2*time.Second))
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if took := time.Since(start); err != nil || took < 1900*time.Millisecond {
				t.Errorf("touched: ended after %s with %v, want the deadline of 2 s", took, err)
			}
			return
		case <-time.After(50 * time.Millisecond):
			if err := os.WriteFile(lease, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
