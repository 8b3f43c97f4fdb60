package nodepod

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestErrand(t *testing.T) {
	t.Parallel()
	cfg := Config{Node: "n1", Arch: "amd64", Namespace: "debug", Suffix: "abcde", Session: "s", Image: Choice{Image: "pause", HostTools: true}}
	e := Errand{Parts: []string{"p0", "p1"}, SHA256: "feed", First: []string{"probe"}, Args: []string{"examine", "--ask", "x"}}
	pod := NewErrand(cfg, e, Privileged)
	if len(pod.Spec.Containers) != 3 {
		t.Fatalf("%d containers", len(pod.Spec.Containers))
	}
	main := pod.Spec.Containers[0]
	if got := main.Command[3:]; !slices.Equal(got, []string{"sh", ProbePath, "probe", "examine", "--ask", "x", "--tell", "/dev/termination-log,/snattop/tell.1,/snattop/tell.2"}) {
		t.Errorf("runs %q", got)
	}
	if !strings.Contains(main.Command[2], "feed  "+ProbePath) || *main.SecurityContext.Privileged != true {
		t.Errorf("script %q", main.Command[2])
	}
	for _, c := range pod.Spec.Containers[1:] {
		if c.SecurityContext.Privileged != nil || slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "host" }) {
			t.Errorf("%s sees the node: %+v", c.Name, c)
		}
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "host-bin" }) {
			t.Errorf("%s has no shell", c.Name)
		}
	}
	v := pod.Spec.Volumes[len(pod.Spec.Volumes)-1]
	if v.Name != "parts" || len(v.Projected.Sources) != 2 || v.Projected.Sources[1].ConfigMap.Items[0].Path != "part01" {
		t.Errorf("volume %+v", v)
	}
	cfg.Image = Choice{Image: "r.io/probe:1", HoldsProbe: true}
	pod = NewErrand(cfg, Errand{Args: e.Args})
	if main := pod.Spec.Containers[0]; main.Stdin || main.Command[0] != ProbeInImage || main.Command[1] != "examine" {
		t.Errorf("runs %+v", main)
	}
	if got := pod.Spec.Containers[2].Command; !slices.Equal(got, []string{ProbeInImage, "pass", "/snattop/tell.2", "/dev/termination-log"}) {
		t.Errorf("tells by %q", got)
	}
	if slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "parts" }) {
		t.Error("the probe is sent although the image has it")
	}
}

func TestParcel(t *testing.T) {
	t.Parallel()
	packed := bytes.Repeat([]byte("0123456789"), (2*PartSize+7)/10+1)
	owner := NewErrand(Config{Node: "n", Namespace: "debug", Suffix: "a"}, Errand{})
	owner.UID = "u1"
	names := ParcelNames("abcde", len(packed))
	var whole []byte
	for i, m := range Parcel(names, packed, "s", time.Unix(0, 0), owner) {
		whole = append(whole, m.BinaryData["part"]...)
		if m.Name != names[i] || m.Namespace != "debug" || m.Labels[LabelSession] != "s" || !*m.Immutable || m.OwnerReferences[0].UID != "u1" || len(m.BinaryData["part"]) > PartSize {
			t.Errorf("%+v", m.ObjectMeta)
		}
	}
	if len(names) != 3 || !bytes.Equal(whole, packed) {
		t.Errorf("%d parts, %d bytes of %d", len(names), len(whole), len(packed))
	}
}
