package cgroup

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	uid = "0b0f5c1e-8a4e-4d36-9f3a-1d2c3b4a5f60"
	cid = "4f1c0f9f2a7be8a6f7c3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	under := strings.ReplaceAll(uid, "-", "_")
	static := "0123456789abcdef0123456789abcdef"
	pod := Owner{PodUID: uid, ContainerID: cid}
	for name, tc := range map[string]struct {
		path string
		want Owner
	}{
		"systemd burstable":             {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"systemd guaranteed":            {"/kubepods.slice/kubepods-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"cgroupfs besteffort":           {"/kubepods/besteffort/pod" + uid + "/" + cid, pod},
		"cgroupfs guaranteed":           {"/kubepods/pod" + uid + "/" + cid, pod},
		"cri-o":                         {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under + ".slice/crio-" + cid + ".scope", pod},
		"cri-o nested":                  {"/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + cid + ".scope/container", pod},
		"cri-o monitor":                 {"/kubepods.slice/kubepods-pod" + under + ".slice/crio-conmon-" + cid + ".scope", Owner{PodUID: uid}},
		"docker":                        {"/kubepods/burstable/pod" + uid + "/docker-" + cid + ".scope", pod},
		"systemd kubelet, cgroupfs cri": {"/system.slice/containerd.service/kubepods-besteffort-pod" + under + ".slice:cri-containerd:" + cid, pod},
		"kind":                          {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"kind in docker":                {"/docker/" + strings.Repeat("a", 64) + "/kubelet/kubepods/besteffort/pod" + uid + "/" + cid, pod},
		"private cgroup namespace":      {"/../crio-" + cid + ".scope", Owner{ContainerID: cid}},
		"private, other pod":            {"/../../pod" + uid + "/" + cid, pod},
		"static pod":                    {"/kubepods/burstable/pod" + static + "/" + cid, Owner{PodUID: static, ContainerID: cid}},
		"unit":                          {"/system.slice/sshd.service", Owner{Unit: "sshd.service"}},
		"user session":                  {"/user.slice/user-0.slice/session-3.scope", Owner{Unit: "session-3.scope"}},
		"plain docker":                  {"/docker/" + cid, Owner{ContainerID: cid}},
		"root":                          {"/", Owner{}},
		"kubepods itself":               {"/kubepods/besteffort", Owner{}},
		"pod of the wrong length":       {"/kubepods/pod1234", Owner{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ParsePath(tc.path); got != tc.want {
				t.Errorf("ParsePath(%q) = %+v, want %+v", tc.path, got, tc.want)
			}
		})
	}
}

func TestParseFile(t *testing.T) {
	t.Parallel()
	want := Owner{PodUID: uid, ContainerID: cid}
	for name, text := range map[string]string{
		"v2":                     "0::/kubepods/besteffort/pod" + uid + "/" + cid + "\n",
		"v1 with an empty v2":    "12:pids:/kubepods/pod" + uid + "/" + cid + "\n1:name=systemd:/kubepods/pod" + uid + "/" + cid + "\n0::/\n",
		"v2 root, unit in one":   "3:cpu,cpuacct:/system.slice/containerd.service\n2:memory:/kubepods/pod" + uid + "/" + cid + "\n0::/",
		"malformed lines beside": "garbage\n\n:\n0::/kubepods/pod" + uid + "/" + cid,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ParseFile(text); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	if got := ParseFile(""); !got.Zero() {
		t.Errorf("an empty file gives %+v", got)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("0::/kubepods/pod" + uid + "/" + cid)
	f.Add("0::/../crio-" + cid + ".scope\n::::\npod")
	f.Fuzz(func(t *testing.T, text string) {
		o := ParseFile(text)
		if o.ContainerID != "" && len(o.ContainerID) != 64 {
			t.Errorf("container ID of %d characters", len(o.ContainerID))
		}
		if n := len(o.PodUID); n != 0 && n != 32 && n != 36 {
			t.Errorf("pod UID of %d characters", n)
		}
	})
}

// A cgroup's name is chosen by whoever may make one. It must neither speak to
// the terminal nor end the stream: frames hold UTF-8 only.
func TestUnitIsText(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"\xff\xfe.service", "\x1b[2J.scope", strings.Repeat("é", 400) + ".service"} {
		unit := ParsePath("/system.slice/" + name).Unit
		if unit == "" || !utf8.ValidString(unit) || strings.ContainsRune(unit, 0x1b) || len(unit) > maxUnit {
			t.Errorf("%q became %q", name, unit)
		}
	}
}

func TestOutermost(t *testing.T) {
	t.Parallel()
	inner := strings.Repeat("ab", 32)
	for name, tc := range map[string]struct{ in, pod, container string }{
		"plain":               {"0::/kubepods/burstable/pod" + uid + "/" + cid + "\n", uid, cid},
		"docker in a pod":     {"0::/kubepods/pod" + uid + "/" + cid + "/docker/" + inner + "\n", uid, cid},
		"a cluster in a pod":  {"0::/kubepods/pod" + uid + "/" + cid + "/kubelet/kubepods/pod" + strings.Repeat("0", 32) + "/" + inner + "\n", uid, cid},
		"a node in docker":    {"0::/docker/" + inner + "/kubelet/kubepods/besteffort/pod" + uid + "/" + cid + "\n", uid, cid},
		"v1, then v2":         {"12:cpu:/kubepods/pod" + uid + "/" + cid + "\n0::/\n", uid, cid},
		"the pod's own group": {"0::/kubepods/pod" + uid + "\n", uid, ""},
		"no pod":              {"0::/system.slice/containerd.service\n", "", ""},
		"no cgroup file":      {"hello", "", ""},
	} {
		if pod, container := Outermost(tc.in); pod != tc.pod || container != tc.container {
			t.Errorf("%s: %q, %q", name, pod, container)
		}
	}
}

func FuzzOutermost(f *testing.F) {
	f.Add("0::/kubepods/pod" + uid + "/" + cid + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		if pod, container := Outermost(text); pod == "" && container != "" {
			t.Errorf("container %q of no pod", container)
		}
	})
}
