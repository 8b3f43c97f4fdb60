package examine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snattop/snattop/probe/facts"
)

func TestParseCNI(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, bridge string
		types        []string
	}{
		"bridge":            {`{"name":"x","plugins":[{"type":"bridge","bridge":"cbr0"},{"type":"portmap"}]}`, "cbr0", []string{"bridge", "portmap"}},
		"bridge by default": {`{"type":"bridge"}`, "cni0", []string{"bridge"}},
		"flannel":           {`{"plugins":[{"type":"flannel","delegate":{"hairpinMode":true}}]}`, "cni0", []string{"flannel"}},
		"flannel and ptp":   {`{"plugins":[{"type":"flannel","delegate":{"type":"ptp"}}]}`, "", []string{"flannel"}},
		"flannel's bridge":  {`{"plugins":[{"type":"flannel","delegate":{"bridge":"br9"}}]}`, "br9", []string{"flannel"}},
		"GKE":               {`{"plugins":[{"type":"ptp","mtu":1460},{"type":"portmap"}]}`, "", []string{"ptp", "portmap"}},
		"Calico":            {`{"plugins":[{"type":"calico"},{"type":"bandwidth"}]}`, "", []string{"calico", "bandwidth"}},
		"Cilium":            {`{"plugins":[{"type":"cilium-cni"}]}`, "", []string{"cilium-cni"}},
		"Azure":             {`{"plugins":[{"type":"azure-vnet","mode":"transparent"}]}`, "", []string{"azure-vnet"}},
		"Azure's bridge":    {`{"plugins":[{"type":"azure-vnet","mode":"bridge","bridge":"azure0"}]}`, "azure0", []string{"azure-vnet"}},
		"hostile":           {`{"type":"bridge","bridge":"cni0\u001b[2J\u0007"}`, "cni0", []string{"bridge"}},
	} {
		got, err := parseCNI("10-x.conflist", []byte(tc.text))
		if err != nil || got.Bridge != tc.bridge || !slices.Equal(got.Types, tc.types) || got.File != "10-x.conflist" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{"empty": "", "no JSON": "{", "no plugin": `{"name":"x","plugins":[]}`, "a list": `[]`} {
		if got, err := parseCNI("x", []byte(text)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The runtime takes the first file by name that reads as a configuration.
func TestReadCNI(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if got := readCNI(root); got.File != "" || !strings.Contains(got.Error, "no such file") {
		t.Errorf("without a folder: %+v", got)
	}
	dir := filepath.Join(root, "etc/cni/net.d")
	write := func(name, text string) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("README", `{"type":"ptp"}`)
	if got := readCNI(root); got.File != "" || got.Error == "" {
		t.Errorf("another file: %+v", got)
	}
	write("20-z.conf", `{"type":"bridge"}`)
	write("05-broken.conflist", `{`)
	if got := readCNI(root); got.File != "20-z.conf" || got.Bridge != "cni0" {
		t.Errorf("%+v", got)
	}
}

func FuzzParseCNI(f *testing.F) {
	f.Add([]byte(`{"plugins":[{"type":"flannel","delegate":{"bridge":"br9"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseCNI("x", text)
		if err == nil && len(got.Types) == 0 {
			t.Error("a configuration without plugins")
		}
		if strings.ContainsAny(got.Bridge, "\x1b\x07\n") {
			t.Errorf("bridge %q", got.Bridge)
		}
	})
}

func TestLastInUse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-03-01T12:00:00.1Z stderr F listen tcp :80: bind: address already in use\n2026-03-01T12:00:00.2Z stdout F bye\n":  "listen tcp :80: bind: address already in use",
		"2026-03-01T12:00:00.1Z stderr F a :1: EADDRINUSE\n2026-03-01T12:00:00.1Z stderr F b :2: EADDRINUSE\n":                 "b :2: EADDRINUSE",
		"2026-03-01T12:00:00.1Z stderr F a :1: EADDRINUSE\n2026-03-01T12:00:00.1Z stderr F nc: bind: Address already in use\n": "a :1: EADDRINUSE",
		"plain :3: Address already in use":                         "plain :3: Address already in use",
		"2026 stderr F \x1b]0;x\x07bind: Address already in use\n": "bind: Address already in use",
		"2026-03-01T12:00:00.1Z stderr F all is well\n":            "",
		"": "",
	} {
		if got := lastInUse(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "var/log/pods/shop_web_u-1/app")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x y z\n", 10_000)
	for name, text := range map[string]string{"0.log": long + "t stderr F bind :80: address already in use\n", "1.log": "t stdout F waiting\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := complaints(root, "u-1")
	if want := []facts.Complaint{{PodUID: "u-1", Container: "app", Line: "bind :80: address already in use"}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, uid := range []string{"", "*", "../u-1", "u-2", "[u]-1"} {
		if got := complaints(root, uid); len(got) != 0 {
			t.Errorf("%q: %+v", uid, got)
		}
	}
}

func TestFullTable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		record string
		ok     bool
	}{
		"the machine":          {"4,1234,5630235503,-;nf_conntrack: nf_conntrack: table full, dropping packet\n SUBSYSTEM=x\n", true},
		"this namespace":       {"4,1234,5630235503,-;nf_conntrack: nf_conntrack: table full in netns 4026532001, dropping packet", true},
		"another namespace":    {"4,1234,5630235503,-;nf_conntrack: nf_conntrack: table full in netns 4026532002, dropping packet", false},
		"something else":       {"6,1,5630235503,-;cni0: port 1(veth1) entered forwarding state", false},
		"no time":              {"4,1234;nf_conntrack: table full, dropping packet", false},
		"a time before time":   {"4,1234,-1,-;nf_conntrack: table full, dropping packet", false},
		"a time beyond bounds": {"4,1234,9223372036854775807,-;nf_conntrack: table full, dropping packet", false},
		"no record":            {"nf_conntrack: table full", false},
	} {
		at, text, ok := fullTable(tc.record, 4026532001)
		if ok != tc.ok || ok && (at.Microseconds() != 5630235503 || !strings.Contains(text, "table full") || strings.Contains(text, "\n")) {
			t.Errorf("%s: %s %q %t", name, at, text, ok)
		}
	}
}

func FuzzFullTable(f *testing.F) {
	f.Add("4,1234,5630235503,-;nf_conntrack: nf_conntrack: table full in netns 7, dropping packet", uint64(7))
	f.Fuzz(func(t *testing.T, record string, namespace uint64) {
		if at, text, ok := fullTable(record, namespace); ok && (at < 0 || strings.ContainsAny(text, "\n\x1b")) {
			t.Errorf("%s %q", at, text)
		}
	})
}

func TestMemTotal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{"MemTotal:       24684096 kB\nMemFree: 1 kB\n": 24684096, "": 0, "MemTotal:\n": 0, "MemFree: 5 kB": 0} {
		if got := memTotal(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}
