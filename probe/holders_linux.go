package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holder is the process that holds a socket's file.
type holder struct {
	proc *process
}

// findHolders looks through the open files of processes for sockets, and fills
// want, whose keys are inodes. It stops when all are found. The lowest PID wins
// when several processes share a socket.
func findHolders(proc string, processes []*process, want map[uint64]*holder) (files int) {
	missing := len(want)
	var target [64]byte
	for _, p := range processes {
		if missing == 0 {
			return files
		}
		dir, err := os.Open(filepath.Join(proc, strconv.Itoa(p.pid), "fd")) //nolint:gosec // a path under /proc that we listed
		if err != nil {
			continue // gone, or not ours to see
		}
		for missing > 0 {
			// In pieces, so that a process with a million files is no million
			// strings at once.
			names, err := dir.Readdirnames(4096)
			for _, name := range names {
				files++
				n, err := unix.Readlinkat(int(dir.Fd()), name, target[:])
				if err != nil || n >= len(target) {
					continue
				}
				inode, ok := socketInode(target[:n])
				if !ok {
					continue
				}
				if h, wanted := want[inode]; wanted && h.proc == nil {
					h.proc = p
					missing--
				}
			}
			if err != nil {
				break
			}
		}
		_ = dir.Close()
	}
	return files
}

// socketInode reads "socket:[12345]".
func socketInode(b []byte) (uint64, bool) {
	s, ok := strings.CutPrefix(string(b), "socket:[")
	if !ok {
		return 0, false
	}
	s, ok = strings.CutSuffix(s, "]")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}
