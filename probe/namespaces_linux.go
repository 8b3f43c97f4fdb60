package probe

import (
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/plain"
	"github.com/snattop/snattop/probe/procfs"
)

// namespace is one network namespace of the node.
type namespace struct {
	inode uint64
	host  bool
	// path can be opened for setns: /proc/<pid>/ns/net or a bind mount.
	path string
	// pids are its processes, lowest first.
	pids []int
	// id is the small number that conns carry.
	id uint32
	// owner is what the cgroups of its processes say.
	owner cgroup.Owner
	// command is that of its first process, to name it when nothing else does.
	command string
}

// namespaces groups processes by network namespace, and adds the ones that are
// bound in /run/netns without a process: a pod's namespace outlives its
// containers there, and its sockets in TIME_WAIT with it.
func (s *sampler) namespaces(processes []*process) []*namespace {
	byInode := make(map[uint64]*namespace)
	for _, p := range processes {
		ns := byInode[p.netns]
		if ns == nil {
			ns = &namespace{
				inode: p.netns, host: p.netns == s.hostNS, id: s.nsID(p.netns),
				path: s.door(p.pid),
			}
			byInode[p.netns] = ns
		}
		ns.pids = append(ns.pids, p.pid)
		// Some process of a pod's namespace may be the runtime's helper; the
		// first that names a pod decides.
		if ns.owner.PodUID == "" && (p.owner.PodUID != "" || ns.owner.Zero()) {
			ns.owner = p.owner
		}
	}
	for inode, path := range s.bound() {
		if byInode[inode] == nil {
			byInode[inode] = &namespace{inode: inode, host: inode == s.hostNS, id: s.nsID(inode), path: path, command: plain.Line(filepath.Base(path))}
		}
	}
	out := make([]*namespace, 0, len(byInode))
	for _, ns := range byInode {
		if ns.owner.Zero() && !ns.host && ns.command == "" {
			ns.command = procfs.Comm(s.list.proc, ns.pids[0])
		}
		out = append(out, ns)
	}
	slices.SortFunc(out, func(a, b *namespace) int {
		if a.host != b.host {
			if a.host {
				return -1
			}
			return 1
		}
		if a.inode < b.inode {
			return -1
		}
		return 1
	})
	return out
}

// bound lists the namespaces that are mounted below the host's /run/netns.
func (s *sampler) bound() map[uint64]string {
	out := make(map[uint64]string)
	for _, dir := range []string{"run/netns", "var/run/netns"} {
		dir = filepath.Join(s.cfg.HostRoot, dir)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			var fs unix.Statfs_t
			if err := unix.Statfs(path, &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
				continue
			}
			if inode, err := netns.Inode(path); err == nil {
				out[inode] = path
			}
		}
	}
	return out
}

// nsID numbers namespaces, so that a socket holds four bytes for its own.
func (s *sampler) nsID(inode uint64) uint32 {
	if id, ok := s.nsIDs[inode]; ok {
		return id
	}
	s.nextNS++
	s.nsIDs[inode] = s.nextNS
	return s.nextNS
}
