package probe

import (
	"strings"
	"testing"
)

const (
	uid = "0b0f5c1e-8a4e-4d36-9f3a-1d2c3b4a5f60"
	cid = "4f1c0f9f2a7be8a6f7c3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819"
)

func TestParseCgroupPath(t *testing.T) {
	t.Parallel()
	under := strings.ReplaceAll(uid, "-", "_")
	static := "0123456789abcdef0123456789abcdef"
	pod := CgroupOwner{PodUID: uid, ContainerID: cid}
	for name, tc := range map[string]struct {
		path string
		want CgroupOwner
	}{
		"systemd burstable":             {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"systemd guaranteed":            {"/kubepods.slice/kubepods-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"cgroupfs besteffort":           {"/kubepods/besteffort/pod" + uid + "/" + cid, pod},
		"cgroupfs guaranteed":           {"/kubepods/pod" + uid + "/" + cid, pod},
		"cri-o":                         {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + under + ".slice/crio-" + cid + ".scope", pod},
		"cri-o nested":                  {"/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + cid + ".scope/container", pod},
		"cri-o monitor":                 {"/kubepods.slice/kubepods-pod" + under + ".slice/crio-conmon-" + cid + ".scope", CgroupOwner{PodUID: uid}},
		"docker":                        {"/kubepods/burstable/pod" + uid + "/docker-" + cid + ".scope", pod},
		"systemd kubelet, cgroupfs cri": {"/system.slice/containerd.service/kubepods-besteffort-pod" + under + ".slice:cri-containerd:" + cid, pod},
		"kind":                          {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + under + ".slice/cri-containerd-" + cid + ".scope", pod},
		"kind in docker":                {"/docker/" + strings.Repeat("a", 64) + "/kubelet/kubepods/besteffort/pod" + uid + "/" + cid, pod},
		"private cgroup namespace":      {"/../crio-" + cid + ".scope", CgroupOwner{ContainerID: cid}},
		"private, other pod":            {"/../../pod" + uid + "/" + cid, pod},
		"static pod":                    {"/kubepods/burstable/pod" + static + "/" + cid, CgroupOwner{PodUID: static, ContainerID: cid}},
		"unit":                          {"/system.slice/sshd.service", CgroupOwner{Unit: "sshd.service"}},
		"user session":                  {"/user.slice/user-0.slice/session-3.scope", CgroupOwner{Unit: "session-3.scope"}},
		"plain docker":                  {"/docker/" + cid, CgroupOwner{ContainerID: cid}},
		"root":                          {"/", CgroupOwner{}},
		"kubepods itself":               {"/kubepods/besteffort", CgroupOwner{}},
		"pod of the wrong length":       {"/kubepods/pod1234", CgroupOwner{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ParseCgroupPath(tc.path); got != tc.want {
				t.Errorf("ParseCgroupPath(%q) = %+v, want %+v", tc.path, got, tc.want)
			}
		})
	}
}

func TestParseCgroupFile(t *testing.T) {
	t.Parallel()
	want := CgroupOwner{PodUID: uid, ContainerID: cid}
	for name, text := range map[string]string{
		"v2":                     "0::/kubepods/besteffort/pod" + uid + "/" + cid + "\n",
		"v1 with an empty v2":    "12:pids:/kubepods/pod" + uid + "/" + cid + "\n1:name=systemd:/kubepods/pod" + uid + "/" + cid + "\n0::/\n",
		"v2 root, unit in one":   "3:cpu,cpuacct:/system.slice/containerd.service\n2:memory:/kubepods/pod" + uid + "/" + cid + "\n0::/",
		"malformed lines beside": "garbage\n\n:\n0::/kubepods/pod" + uid + "/" + cid,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ParseCgroupFile(text); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	if got := ParseCgroupFile(""); !got.Zero() {
		t.Errorf("an empty file gives %+v", got)
	}
}

func FuzzParseCgroupFile(f *testing.F) {
	f.Add("0::/kubepods/pod" + uid + "/" + cid)
	f.Add("0::/../crio-" + cid + ".scope\n::::\npod")
	f.Fuzz(func(t *testing.T, text string) {
		o := ParseCgroupFile(text)
		if o.ContainerID != "" && len(o.ContainerID) != 64 {
			t.Errorf("container ID of %d characters", len(o.ContainerID))
		}
		if n := len(o.PodUID); n != 0 && n != 32 && n != 36 {
			t.Errorf("pod UID of %d characters", n)
		}
	})
}
