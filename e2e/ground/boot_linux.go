package ground

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// releaseFile appears in a node's /run once its kubelet may start.
const releaseFile = "ground-release"

// nodeDirs are the directories of a node; those with a place in nodeBinds
// take the place of the machine's own.
var nodeDirs = []string{"etc/cni/net.d", "etc-work", "run/lock", "log", "containerd", "kubelet", "cni", "proc"}

var nodeBinds = map[string]string{
	"run":        "/run",
	"log":        "/var/log",
	"containerd": "/var/lib/containerd",
	"kubelet":    "/var/lib/kubelet",
	"cni":        "/var/lib/cni",
}

// LaunchNode is the first half of a node's birth: it joins the node's cgroups
// and network namespace and starts the node's first process in new namespaces
// of every other kind. It prints the PID of that process and returns. It is
// meant for a process of its own (`ground node start`), which ends afterwards.
func LaunchNode(config, netnsPath, cgroup string) error {
	if err := joinCgroup(cgroup, os.Getpid()); err != nil {
		return err
	}
	data, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("reading the node's configuration: %w", err)
	}
	var c nodeConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("reading the node's configuration: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(c.Logs, "node.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("opening the node's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	first := exec.Command(self, "node", "boot", "--config", config)
	first.Stdout, first.Stderr = log, log
	first.Dir = "/"
	first.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID |
		unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP}
	if err := (netns{netnsPath}).do(first.Start); err != nil {
		return fmt.Errorf("starting the node's first process: %w", err)
	}
	fmt.Println(first.Process.Pid)
	return nil
}

// BootNode is the second half, run as PID 1 of the node: it makes the node's
// view of the file system, then starts and keeps its components. It returns
// only on failure.
func BootNode(config string) error {
	data, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("reading the node's configuration: %w", err)
	}
	var c nodeConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("reading the node's configuration: %w", err)
	}
	if err := unix.Sethostname([]byte(c.Name)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := mountNode(c); err != nil {
		return err
	}
	return keep(c)
}

// component is one of the programs a node keeps running.
type component struct {
	name    string
	argv    []string
	waits   bool // until the node is released
	pid     int
	retryAt time.Time
}

// keep starts the components, starts them again when they end, and buries
// every process of the node that has lost its parent.
func keep(c nodeConfig) error {
	pki := filepath.Join(filepath.Dir(c.Bin), "pki")
	components := []*component{
		{name: "containerd", argv: []string{"/usr/bin/containerd", "--config", filepath.Join(c.Dir, "containerd.toml")}},
		{name: "kubelet", waits: true, argv: []string{filepath.Join(c.Bin, "kubelet"),
			"--config=" + filepath.Join(c.Dir, "kubelet.yaml"),
			"--kubeconfig=" + filepath.Join(pki, c.Name+".kubeconfig"), "--node-ip=" + nodeAddress(c.Name),
			"--hostname-override=" + c.Name, "--v=1"}},
		{name: "kube-proxy", waits: true, argv: []string{filepath.Join(c.Bin, "kube-proxy"),
			"--config=" + filepath.Join(c.Dir, "kube-proxy.yaml")}},
	}
	release := "/run/" + releaseFile
	released := false
	for {
		if !released {
			_, err := os.Stat(release)
			released = err == nil
		}
		for _, k := range components {
			if k.pid == 0 && time.Now().After(k.retryAt) && (released || !k.waits) {
				if err := k.start(c.Logs); err != nil {
					fmt.Fprintln(os.Stderr, err)
					k.retryAt = time.Now().Add(time.Second)
				}
			}
		}
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for _, k := range components {
			if k.pid == pid {
				fmt.Fprintf(os.Stderr, "%s ended (%v); starting it again\n", k.name, status)
				k.pid, k.retryAt = 0, time.Now().Add(time.Second)
			}
		}
	}
}

func nodeAddress(name string) string {
	for i := range MaxNodes {
		if n := nodeAt(i); n.Name == name {
			return n.IP
		}
	}
	return ""
}

func (k *component) start(logs string) error {
	log, err := os.OpenFile(filepath.Join(logs, k.name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", k.name, err)
	}
	defer func() { _ = log.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("starting %s: %w", k.name, err)
	}
	defer func() { _ = null.Close() }()
	// Not os/exec: its Wait would compete with the burying loop.
	p, err := os.StartProcess(k.argv[0], k.argv, &os.ProcAttr{
		Dir: "/", Env: nodeEnvironment, Files: []*os.File{null, log, log}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("starting %s: %w", k.name, err)
	}
	k.pid = p.Pid
	if err := p.Release(); err != nil {
		return fmt.Errorf("starting %s: %w", k.name, err)
	}
	return nil
}

var nodeEnvironment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
