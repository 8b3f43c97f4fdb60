//go:build bench && linux

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pod is a pod that actors pretend to be: a cgroup named as a kubelet with the
// cgroupfs driver names it.
type pod struct{ uid, container, cgroup string }

// cgroupRoots are where the v2 tree may be mounted.
var cgroupRoots = []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}

// cgroupTop is the cgroup below which those of a process's run live.
func cgroupTop(pid int) string {
	for _, root := range cgroupRoots {
		var st unix.Statfs_t
		if err := unix.Statfs(root, &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return filepath.Join(root, fmt.Sprintf("snattop-bench-%d", pid))
		}
	}
	return ""
}

// makePod makes the cgroup of the numbered pod. It goes with the run.
func makePod(b *testing.B, number int) pod {
	b.Helper()
	top := cgroupTop(os.Getpid())
	if top == "" {
		b.Skip("no cgroup v2 tree")
	}
	p := pod{uid: fmt.Sprintf("5eed0000-be4c-4000-8000-%012d", number), container: fmt.Sprintf("5eed%060d", number)}
	p.cgroup = filepath.Join(top, "kubepods", "besteffort", "pod"+p.uid, p.container)
	if err := os.MkdirAll(p.cgroup, 0o755); err != nil {
		b.Fatal(err)
	}
	return p
}

// removeCgroups removes a tree of cgroups, once nobody is left in it.
func removeCgroups(top string) error {
	if top == "" {
		return nil
	}
	if err := awaitEmpty(top); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var dirs []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	// Children come after their parents here, and have to go first.
	for _, dir := range slices.Backward(dirs) {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}

// awaitEmpty waits until no process is left below a cgroup: the kernel tells
// by a priority event on cgroup.events.
func awaitEmpty(top string) error {
	f, err := os.Open(filepath.Join(top, "cgroup.events"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	const patience = 30 * time.Second
	deadline := time.Now().Add(patience)
	buf := make([]byte, 256)
	for {
		n, err := f.ReadAt(buf, 0)
		if n == 0 && err != nil {
			return err
		}
		if bytes.Contains(buf[:n], []byte("populated 0")) {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("processes are left in %s", top)
		}
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
