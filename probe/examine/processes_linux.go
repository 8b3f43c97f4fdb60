package examine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/procfs"
)

// process is one process of the node.
type process struct {
	pid   int
	start uint64
	netns uint64
	// pod and container are those that the kubelet made, by the outermost
	// control groups; both are empty outside pods.
	pod, container string
	// unit is the systemd unit of a process outside pods.
	unit string
}

// processes lists what runs on the node, by ascending PID. What ends meanwhile
// is left out, and so is what hides its namespace.
func processes(proc string) ([]process, error) {
	dir, err := os.Open(proc) //nolint:gosec // where the operator's probe has procfs
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close() // it was only read
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var out []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p := process{pid: pid}
		start, idle, err := procfs.StartTime(proc, pid)
		if err != nil || idle {
			continue
		}
		p.start = start
		if p.netns, err = netns.Inode(door(proc, pid)); err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(proc, name, "cgroup")) //nolint:gosec // a path under /proc that was listed
		if err != nil {
			continue
		}
		if p.pod, p.container = cgroup.Outermost(string(text)); p.pod == "" {
			p.unit = cgroup.ParseFile(string(text)).Unit
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b process) int { return a.pid - b.pid })
	return out, nil
}

// door is where a process's network namespace can be entered.
func door(proc string, pid int) string { return filepath.Join(proc, strconv.Itoa(pid), "ns/net") }

// hostNetwork is the node's own network namespace: that of its first process,
// or ours where that one is hidden, since node pods are on the node's network.
func hostNetwork(proc string) (netns.Place, error) {
	if inode, err := netns.Inode(door(proc, 1)); err == nil {
		return netns.Place{Path: door(proc, 1), Inode: inode}, nil
	}
	inode, err := netns.Inode("/proc/self/ns/net")
	if err != nil {
		return netns.Place{}, fmt.Errorf("finding the node's network namespace: %w", err)
	}
	return netns.Place{Inode: inode}, nil
}

// space is the network namespace of a pod.
type space struct {
	at  netns.Place
	uid string
}

// podSpaces returns the network namespaces of pods, in the order of their first
// processes. host is the node's own.
func podSpaces(proc string, all []process, host uint64) []space {
	var out []space
	seen := map[uint64]bool{host: true}
	for _, p := range all {
		if p.pod != "" && !seen[p.netns] {
			seen[p.netns] = true
			out = append(out, space{at: netns.Place{Path: door(proc, p.pid), Inode: p.netns}, uid: p.pod})
		}
	}
	return out
}

// ticks are the kernel's for times in /proc/<pid>/stat: USER_HZ, the same on
// every architecture that Kubernetes runs on.
const ticks = 100

// uptime returns how long the machine has been up.
func uptime(proc string) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(proc, "uptime")) //nolint:gosec // a fixed name in procfs
	if err != nil {
		return 0, fmt.Errorf("reading how long the node is up: %w", err)
	}
	return parseUptime(string(text))
}

func parseUptime(text string) (time.Duration, error) {
	first, _, _ := strings.Cut(text, " ")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
	if err != nil || !(seconds >= 0 && seconds < 1e9) {
		return 0, fmt.Errorf("%q is no time that a node is up", first)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// age is how many seconds ago a process was started.
func age(up time.Duration, start uint64) int64 {
	return max(0, int64(up/time.Second)-int64(start/ticks)) //nolint:gosec // ticks of a machine's life
}

// pause waits for the window between two readings.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
