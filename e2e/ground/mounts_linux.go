package ground

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// kubelet insists on these settings, which belong to the whole machine. The
// node sees files of that content instead.
var pinnedSysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// mountNode makes the node's view of the file system, inside the node's own
// mount namespace.
func mountNode(c nodeConfig) error {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	// Nothing done here may reach the machine's mounts.
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	etc := "lowerdir=/etc,upperdir=" + filepath.Join(c.Dir, "etc") + ",workdir=" + filepath.Join(c.Dir, "etc-work")
	if err := mount("overlay", "/etc", "overlay", 0, etc); err != nil {
		return err
	}
	for from, to := range nodeBinds {
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", to, err)
		}
		if err := mount(filepath.Join(c.Dir, from), to, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := pinSysctls(c); err != nil {
		return err
	}
	// A fresh sysfs shows the node's own network devices.
	if err := unix.Unmount("/sys", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting /sys: %w", err)
	}
	if err := mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := mountCgroups(hierarchies); err != nil {
		return err
	}
	// These serve eBPF and tracing; a kernel may lack them.
	for target, kind := range map[string]string{
		"/sys/kernel/tracing": "tracefs", "/sys/kernel/debug": "debugfs", "/sys/fs/bpf": "bpf"} {
		if err := mount(kind, target, kind, 0, ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mounting %q on %s (%s): %w", source, target, options, err)
	}
	return nil
}

func pinSysctls(c nodeConfig) error {
	for name, value := range pinnedSysctls {
		file := filepath.Join(c.Dir, "proc", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("pinning %s: %w", name, err)
		}
		if err := mount(file, "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// hierarchy is one tree of control groups: a set of v1 controllers, a named v1
// tree, or the v2 tree.
type hierarchy struct {
	options string // mount options; empty for v2
	dir     string // where the machine has it mounted
}

func (h hierarchy) v2() bool { return h.options == "" }

// cgroupHierarchies reads the machine's mounted trees.
func cgroupHierarchies() ([]hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("reading the mounts: %w", err)
	}
	defer func() { _ = file.Close() }()
	var found []hierarchy
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		before, after, ok := strings.Cut(scanner.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(left[4], "/sys/fs/cgroup") {
			continue
		}
		switch right[0] {
		case "cgroup2":
			found = append(found, hierarchy{dir: left[4]})
		case "cgroup":
			var options []string
			for _, o := range strings.Split(right[2], ",") {
				if strings.HasPrefix(o, "name=") {
					options = append(options, "none", o)
				} else if o != "rw" && o != "ro" && o != "xattr" && !strings.Contains(o, "=") && o != "clone_children" {
					options = append(options, o)
				}
			}
			found = append(found, hierarchy{options: strings.Join(options, ","), dir: left[4]})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading the mounts: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no control groups are mounted under /sys/fs/cgroup")
	}
	return found, nil
}

// mountCgroups mounts every tree at the place the machine has it, seen from
// the node's cgroup namespace.
func mountCgroups(hierarchies []hierarchy) error {
	const top = "/sys/fs/cgroup"
	if len(hierarchies) == 1 && hierarchies[0].v2() && hierarchies[0].dir == top {
		return mountUnified(top)
	}
	if err := mount("tmpfs", top, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return err
	}
	for _, h := range hierarchies {
		if err := os.MkdirAll(h.dir, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", h.dir, err)
		}
		kind := "cgroup"
		if h.v2() {
			kind = "cgroup2"
		}
		if err := mount(kind, h.dir, kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, h.options); err != nil {
			return err
		}
	}
	return nil
}

// mountUnified mounts a v2-only tree, and moves this process out of its root:
// a group that hands controllers down may hold no processes itself.
func mountUnified(top string) error {
	if err := mount("cgroup2", top, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	leaf := filepath.Join(top, "init.scope")
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", leaf, err)
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("moving to %s: %w", leaf, err)
	}
	return delegate(top)
}
