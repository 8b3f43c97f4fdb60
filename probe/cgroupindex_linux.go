package probe

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/cgroup"
)

// cgroupIndex joins the IDs of cgroups (v2) to what their paths tell. On a
// 64-bit kernel the ID is the inode number of the cgroup's folder.
type cgroupIndex struct {
	root  string
	byID  map[uint64]cgroup.Owner
	found bool
}

// maxCgroups bounds a walk of the tree.
const maxCgroups = 50_000

// newCgroupIndex finds the v2 tree below the host's root: at /sys/fs/cgroup, or
// beside the v1 hierarchies at /sys/fs/cgroup/unified.
func newCgroupIndex(hostRoot string) *cgroupIndex {
	x := &cgroupIndex{byID: make(map[uint64]cgroup.Owner)}
	for _, dir := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
		path := filepath.Join(hostRoot, dir)
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			x.root, x.found = path, true
			break
		}
	}
	return x
}

// owner returns what a cgroup's path tells; known is false for an ID that the
// last walk did not meet.
func (x *cgroupIndex) owner(id uint64) (o cgroup.Owner, known bool) {
	o, known = x.byID[id]
	return o, known
}

// refresh walks the tree again.
func (x *cgroupIndex) refresh() error {
	if !x.found {
		return nil
	}
	fresh := make(map[uint64]cgroup.Owner, len(x.byID)+16)
	err := filepath.WalkDir(x.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // a cgroup that vanished during the walk is no error
		}
		if len(fresh) >= maxCgroups {
			return filepath.SkipAll
		}
		info, err := os.Lstat(path)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if st, ok := inodeOf(info); ok {
			rel, _ := filepath.Rel(x.root, path)
			fresh[st] = cgroup.ParsePath("/" + rel)
		}
		return nil
	})
	x.byID = fresh
	return err
}

func inodeOf(info fs.FileInfo) (uint64, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Ino, true
}
