package ground

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nodeConfig is what a node's first process needs to know.
type nodeConfig struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`  // the node's directory
	Bin  string `json:"bin"`  // the ground's programs
	Logs string `json:"logs"` // of the node's components
}

// writeNode lays a node's directory out: configuration of its components, and
// the directories that take the place of the machine's.
func (g *Ground) writeNode(n Node) error {
	dir := g.dirs.node(n)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	for _, sub := range nodeDirs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return fmt.Errorf("making the directory of %s: %w", n.Name, err)
		}
	}
	config, err := json.Marshal(nodeConfig{Name: n.Name, Dir: dir, Bin: g.dirs.bin(), Logs: filepath.Join(dir, "log")})
	if err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", n.Name, err)
	}
	replace := strings.NewReplacer(
		"{{DIR}}", dir, "{{PKI}}", g.dirs.pki(), "{{BIN}}", g.dirs.bin(), "{{NODE}}", n.Name, "{{IP}}", n.IP,
		"{{PODCIDR}}", n.PodCIDR, "{{PODNETWORK}}", PodNetwork, "{{SERVICES}}", ServiceNetwork, "{{DNS}}", DNSAddress,
		"{{PROVIDER}}", n.ProviderID, "{{FILES}}", strconv.FormatUint(limit.Max, 10), "{{PAUSE}}", PauseImage)
	files := map[string]string{
		"node.json":                        string(config),
		"containerd.toml":                  replace.Replace(containerdConfig),
		"kubelet.yaml":                     replace.Replace(kubeletConfig),
		"kube-proxy.yaml":                  replace.Replace(kubeProxyConfig),
		"etc/cni/net.d/10-ground.conflist": replace.Replace(cniConfig),
		"etc/hostname":                     n.Name + "\n",
		"etc/hosts":                        "127.0.0.1 localhost\n::1 localhost\n" + n.IP + " " + n.Name + "\n",
		"etc/resolv.conf":                  "nameserver " + DNSAddress + "\n",
		"etc/machine-id":                   fmt.Sprintf("%032x\n", n.index+1),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("writing the configuration of %s: %w", n.Name, err)
		}
	}
	return nil
}

// startNode starts the first process of a node; see boot_linux.go for what it
// does. Its kubelet waits until the node is released.
func (g *Ground) startNode(n Node) error {
	launch := exec.Command(g.dirs.program("ground"), "node", "start",
		"--config", g.dirs.nodeConfig(n), "--netns", g.dirs.nodeNetns(n).path, "--cgroup", g.dirs.cgroup()+"/"+n.Name)
	launch.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := launch.CombinedOutput()
	if err != nil {
		return fmt.Errorf("starting %s: %w: %s", n.Name, err, out)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return fmt.Errorf("starting %s: it did not tell its PID: %q", n.Name, out)
	}
	p := process{Name: n.Name, PID: pid, Log: filepath.Join(g.dirs.node(n), "log", "node.log")}
	p.Start, _ = startTime(pid)
	return g.dirs.remember(p)
}

// releaseNode lets the node's kubelet and kube-proxy start.
func (g *Ground) releaseNode(n Node) error {
	if err := os.WriteFile(filepath.Join(g.dirs.node(n), "run", releaseFile), nil, 0o644); err != nil {
		return fmt.Errorf("releasing %s: %w", n.Name, err)
	}
	return nil
}

// loadImages imports the image archives into a node's containerd.
func (g *Ground) loadImages(ctx context.Context, n Node, archives []string) error {
	p, err := g.process(n.Name)
	if err != nil {
		return err
	}
	socket := filepath.Join(g.dirs.node(n), "run", "containerd", "containerd.sock")
	p.Log = filepath.Join(g.dirs.node(n), "log", "containerd.log")
	if err := p.await(ctx, 60*time.Second, func(ctx context.Context) error {
		_, err := run(ctx, "", "ctr", "-a", socket, "version")
		return err
	}); err != nil {
		return err
	}
	for _, archive := range archives {
		if _, err := run(ctx, "", "ctr", "-a", socket, "-n", "k8s.io", "images", "import", archive); err != nil {
			return fmt.Errorf("importing %s on %s: %w", filepath.Base(archive), n.Name, err)
		}
	}
	return nil
}

// ImportImage loads an image archive (as `docker save` writes it) on every
// node.
func (g *Ground) ImportImage(ctx context.Context, archive string) error {
	for _, n := range g.nodes {
		if err := g.loadImages(ctx, n, []string{archive}); err != nil {
			return err
		}
	}
	return nil
}

// NodeEnter runs a command in every namespace of a node, as root there, and
// returns its output.
func (g *Ground) NodeEnter(ctx context.Context, node string, argv ...string) ([]byte, error) {
	p, err := g.process(node)
	if err != nil {
		return nil, err
	}
	if !p.alive() {
		return nil, fmt.Errorf("entering %s: it is not running", node)
	}
	enter := append([]string{"nsenter", "-t", strconv.Itoa(p.PID), "-m", "-u", "-i", "-n", "-p", "-C", "--"}, argv...)
	out, err := run(ctx, "", enter...)
	return []byte(out), err
}

func (g *Ground) process(name string) (process, error) {
	for _, p := range g.dirs.processes() {
		if p.Name == name {
			return p, nil
		}
	}
	return process{}, fmt.Errorf("there is no process %q in this ground", name)
}
