package probe

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wantedSocket is a socket whose holder is looked for.
type wantedSocket struct {
	inode, key uint64
	by         *process
}

// sortWanted brings sockets into the order that findHolders needs, without
// doubles.
func sortWanted(want []wantedSocket) []wantedSocket {
	slices.SortFunc(want, func(a, b wantedSocket) int {
		return cmp.Or(cmp.Compare(a.inode, b.inode), cmp.Compare(a.key, b.key))
	})
	return slices.Compact(want)
}

// findHolders looks through the open files of processes for sockets, and fills
// in who holds them. It stops when all are found. The first process wins when
// several share a socket. Nearly all that it costs, some microseconds a file, is
// the kernel's: listing a folder of /proc and reading a link in it.
func findHolders(proc string, processes []*process, want []wantedSocket) (files int) {
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
		next := 0
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
				// Who opens sockets in a row has them in order.
				if next >= len(want) || want[next].inode != inode {
					next, _ = slices.BinarySearchFunc(want, inode, func(w wantedSocket, inode uint64) int { return cmp.Compare(w.inode, inode) })
				}
				for ; next < len(want) && want[next].inode == inode; next++ {
					if want[next].by == nil {
						want[next].by = p
						missing--
					}
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
