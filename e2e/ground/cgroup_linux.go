package ground

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// cgroupPrefix is how the names of all grounds' control groups begin.
const cgroupPrefix = "snattop-e2e-"

// cgroup is the control group, in every tree, below which the nodes live. Its
// name is made from the state directory's, so that grounds in different
// directories do not sweep each other away.
func (d dirs) cgroup() string { return cgroupPrefix + digest([]byte(d.root))[:8] }

// joinCgroup makes a control group in every tree and moves a process there.
func joinCgroup(group string, pid int) error {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		dir := h.dir
		for _, part := range strings.Split(group, "/") {
			if h.v2() {
				if err := delegate(dir); err != nil {
					return err
				}
			}
			parent := dir
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("making control group %s: %w", dir, err)
			}
			// A v1 cpuset starts out empty and takes no process until filled.
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				value, err := os.ReadFile(filepath.Join(parent, file))
				if err != nil || h.v2() {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
					return fmt.Errorf("setting %s of %s: %w", file, dir, err)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("joining control group %s: %w", dir, err)
		}
	}
	return nil
}

// delegate hands every controller of a v2 group down to its children. A
// controller that cannot be handed down is left out.
func delegate(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("reading the controllers of %s: %w", dir, err)
	}
	for _, c := range strings.Fields(string(controllers)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0)
	}
	return nil
}

// cgroupProcesses are the processes in the ground's control groups. Only the
// ground puts any there.
func (d dirs) cgroupProcesses() []process {
	seen := map[int]bool{}
	var found []process
	for _, dir := range d.cgroupDirs() {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil || seen[pid] {
				continue
			}
			seen[pid] = true
			if start, ok := startTime(pid); ok {
				found = append(found, process{Name: "left over in " + filepath.Base(dir), PID: pid, Start: start})
			}
		}
	}
	return found
}

// cgroupDirs are the ground's control groups in every tree, deepest first.
func (d dirs) cgroupDirs() []string {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return nil
	}
	var found []string
	for _, h := range hierarchies {
		_ = filepath.WalkDir(filepath.Join(h.dir, d.cgroup()), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				found = append(found, path)
			}
			return nil
		})
	}
	sort.Slice(found, func(i, j int) bool { return len(found[i]) > len(found[j]) })
	return found
}

// removeCgroups removes the ground's control groups.
func (d dirs) removeCgroups() error {
	var failed error
	for _, dir := range d.cgroupDirs() {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, syscall.ENOENT) {
			failed = fmt.Errorf("removing control group %s: %w", dir, err)
		}
	}
	return failed
}

// groundsUp reports whether the machine holds control groups of any ground.
func groundsUp() bool {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return true
	}
	for _, h := range hierarchies {
		if found, err := filepath.Glob(filepath.Join(h.dir, cgroupPrefix+"*")); err != nil || len(found) > 0 {
			return true
		}
	}
	return false
}
