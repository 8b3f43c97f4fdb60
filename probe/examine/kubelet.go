package examine

import (
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// kubeconfigs are where kubelets keep the address of their API server, when
// their command line does not say: AKS, GKE and EKS; kubeadm; older EKS; k3s;
// rke2.
func kubeconfigs() []string {
	return []string{
		"/var/lib/kubelet/kubeconfig", "/etc/kubernetes/kubelet.conf", "/etc/kubernetes/kubelet/kubeconfig",
		"/var/lib/rancher/k3s/agent/kubelet.kubeconfig", "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
	}
}

// maxKubeconfig bounds what is read of a file or a command line.
const maxKubeconfig = 256 << 10

// kubeletServer reads the address of the API server from the kubelet's own
// kubeconfig, through its process where it lives elsewhere, and the authorities
// that it trusts, as PEM. The rest of the file, credentials among it, is
// dropped.
func kubeletServer(place Place) (server string, roots []byte, err error) {
	for _, f := range kubeletFiles(place) {
		b, err := readSome(filepath.Join(f.root, f.name))
		if err != nil {
			continue
		}
		if server := serverIn(b); server != "" {
			return server, rootsIn(b, f.root), nil
		}
	}
	return "", nil, errNoKubelet
}

// file is a name below a root: the node's, or that of a process.
type file struct{ root, name string }

// kubeletFiles are the files to look into, the kubelet's own first.
func kubeletFiles(place Place) []file {
	var out []file
	entries, _ := os.ReadDir(place.Proc) // none: the usual places are left
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(place.Proc, strconv.Itoa(pid))
		if name, err := readSome(filepath.Join(dir, "comm")); err != nil || strings.TrimSpace(string(name)) != "kubelet" {
			continue
		}
		line, err := readSome(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		root := filepath.Join(dir, "root")
		if name := kubeconfigFlag(line); name != "" {
			out = append(out, file{root, name})
		}
		for _, name := range kubeconfigs() {
			out = append(out, file{root, name})
		}
	}
	for _, name := range kubeconfigs() {
		out = append(out, file{place.HostRoot, name})
	}
	return out
}

// kubeconfigFlag finds --kubeconfig among the arguments of a command line, as
// procfs tells it.
func kubeconfigFlag(cmdline []byte) string {
	args := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if name != "--kubeconfig" && name != "-kubeconfig" {
			continue
		}
		if !ok && i+1 < len(args) {
			value = args[i+1]
		}
		return value
	}
	return ""
}

// reServer finds the address in YAML as in JSON.
var reServer = regexp.MustCompile(`(?m)(?:^|[\s{,])"?server"?\s*:\s*["']?(https?://[A-Za-z0-9._:\[\]/-]{1,300})`)

func serverIn(kubeconfig []byte) string {
	m := reServer.FindSubmatch(kubeconfig)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// reRoots and reRootsFile find the authorities.
var (
	reRoots     = regexp.MustCompile(`(?m)(?:^|[\s{,])"?certificate-authority-data"?\s*:\s*["']?([A-Za-z0-9+/=]+)`)
	reRootsFile = regexp.MustCompile(`(?m)(?:^|[\s{,])"?certificate-authority"?\s*:\s*["']?([^\s"',}]{1,300})`)
)

// rootsIn returns the authorities that a kubeconfig names, as PEM; nil when it
// names none that can be read.
func rootsIn(kubeconfig []byte, root string) []byte {
	if m := reRoots.FindSubmatch(kubeconfig); m != nil {
		b, err := base64.StdEncoding.DecodeString(string(m[1]))
		if err != nil {
			return nil
		}
		return b
	}
	if m := reRootsFile.FindSubmatch(kubeconfig); m != nil {
		if b, err := readSome(filepath.Join(root, string(m[1]))); err == nil {
			return b
		}
	}
	return nil
}

func readSome(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the node's own files, by names of ours or its kubelet's
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxKubeconfig))
}
