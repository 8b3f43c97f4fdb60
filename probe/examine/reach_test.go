package examine

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snattop/snattop/probe/facts"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const kubeconfig = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: QQ==\n    server: https://API.example:6443\n  name: c\nusers:\n- user: {token: secret}\n"

func TestKubeletServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
		roots string
	}{
		{"AKS", map[string]string{"host/var/lib/kubelet/kubeconfig": kubeconfig}, "https://API.example:6443", "A"},
		{"kubeadm", map[string]string{"host/etc/kubernetes/kubelet.conf": kubeconfig}, "https://API.example:6443", "A"},
		{"the kubelet's own", map[string]string{
			"proc/1/comm": "systemd\n", "proc/77/comm": "kubelet\n", "proc/77/cmdline": "/bin/kubelet\x00--v=1\x00--kubeconfig=/opt/k.conf\x00",
			"proc/77/root/opt/k.conf": strings.ReplaceAll(kubeconfig, "API", "own"), "host/var/lib/kubelet/kubeconfig": kubeconfig,
		}, "https://own.example:6443", "A"},
		{"authorities in a file", map[string]string{"host/var/lib/kubelet/kubeconfig": "server: https://x\ncertificate-authority: /etc/ca.crt\n", "host/etc/ca.crt": "B"}, "https://x", "B"},
		{"in two words", map[string]string{
			"proc/77/comm": "kubelet\n", "proc/77/cmdline": "kubelet\x00--kubeconfig\x00/k\x00", "proc/77/root/k": `{"clusters":[{"cluster":{"server":"https://[2001:db8::1]"}}]}`,
		}, "https://[2001:db8::1]", ""},
		{"nowhere", map[string]string{"proc/77/comm": "kubelet\n", "proc/77/cmdline": "kubelet\x00"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			got, roots, err := kubeletServer(Place{Proc: filepath.Join(dir, "proc"), HostRoot: filepath.Join(dir, "host")})
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
			if string(roots) != tt.roots {
				t.Errorf("authorities %q, want %q", roots, tt.roots)
			}
		})
	}
}

func TestLookReach(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "host/var/lib/kubelet/kubeconfig"), strings.ReplaceAll(kubeconfig, "https://API.example:6443", srv.URL))
	place := Place{Proc: filepath.Join(dir, "proc"), HostRoot: filepath.Join(dir, "host")}
	other, _ := serverTarget(srv.URL)
	var s facts.Section
	lookReach(t.Context(), place, facts.Ask{Reach: []facts.ReachTarget{other}, ReachKubelet: true}, &s)
	if s.Error != "" || len(s.Reach) != 2 || s.Reach[1].Kubelet || !s.Reach[0].Kubelet || s.Reach[1].TCP != facts.TCPOpen || len(s.Reach[1].Handshakes) != 3 {
		t.Errorf("got %+v", s)
	}
	for _, e := range s.Evidence {
		if strings.Contains(e.Command+e.Output, "secret") {
			t.Error("a credential is told")
		}
	}
	s = facts.Section{}
	lookReach(t.Context(), Place{Proc: dir, HostRoot: dir}, facts.Ask{Reach: []facts.ReachTarget{other}, ReachKubelet: true}, &s)
	if s.Error != errNoKubelet.Error() || len(s.Reach) != 1 {
		t.Errorf("without a kubelet: %+v", s)
	}
}

func FuzzKubeconfig(f *testing.F) {
	f.Add([]byte(kubeconfig))
	f.Add([]byte("kubelet\x00--kubeconfig\x00"))
	f.Add([]byte("server: http://[::1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = kubeconfigFlag(b)
		_ = rootsIn(b, "/nowhere")
		server := serverIn(b)
		if len(server) > 310 {
			t.Errorf("%d bytes of address", len(server))
		}
		if target, ok := serverTarget(server); ok && (target.Host == "" || target.Port == 0) {
			t.Errorf("%q is %+v", server, target)
		}
	})
}
