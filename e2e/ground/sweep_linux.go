package ground

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweep ends and removes everything of a ground. It relies on nothing but what
// the kernel and the state directory still know, so it serves a ground that
// was interrupted half way up just as well.
func sweep(ctx context.Context, d dirs) error {
	// Nothing of a ground is worth saving, so nobody is asked to finish first.
	// The nodes' first processes take everything in their nodes with them.
	remembered := d.processes()
	if err := end(ctx, remembered); err != nil {
		return err
	}
	// A launch that was cut short may have left processes without a pid file:
	// they show in the control groups and network namespaces made here.
	inodes := map[string]bool{}
	for _, path := range d.mounts() {
		var stat unix.Stat_t
		if unix.Stat(path, &stat) == nil {
			inodes[fmt.Sprintf("net:[%d]", stat.Ino)] = true
		}
	}
	left := append(d.cgroupProcesses(), inNamespaces(inodes)...)
	if err := end(ctx, left); err != nil {
		return err
	}
	for _, path := range d.mounts() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmounting %s: %w", path, err)
		}
	}
	// Control groups empty a moment after their last process has gone.
	if err := poll(ctx, 10*time.Second, 50*time.Millisecond, func(context.Context) error { return d.removeCgroups() }); err != nil {
		return err
	}
	if mounts := d.mounts(); len(mounts) > 0 {
		return fmt.Errorf("still mounted, so not removing anything: %s", strings.Join(mounts, ", "))
	}
	if err := os.RemoveAll(d.root); err != nil {
		return fmt.Errorf("removing the state directory: %w", err)
	}
	// Made on the machine only as places to mount on; removed when empty. To
	// remove one would unmount what another ground's nodes have there.
	if !groundsUp() {
		for _, dir := range nodeBinds {
			if strings.HasPrefix(dir, "/var/lib/") {
				_ = syscall.Rmdir(dir)
			}
		}
	}
	return nil
}

// mounts are the mounts below the state directory, deepest first.
func (d dirs) mounts() []string {
	root, err := filepath.EvalSymlinks(d.root)
	if err != nil {
		return nil
	}
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	var found []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) > 4 && strings.HasPrefix(fields[4], root+"/") {
			found = append(found, fields[4])
		}
	}
	sort.Slice(found, func(i, j int) bool { return len(found[i]) > len(found[j]) })
	return found
}
