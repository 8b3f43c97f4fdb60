package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// localPorts tells the owners how many local ports their namespaces have. Where
// a namespace cannot be entered, that stays unknown; no socket is missed for it.
func (s *sampler) localPorts(ctx context.Context, now time.Time, spaces []*namespace) {
	byInode := make(map[uint64]*namespace, len(spaces))
	for _, ns := range spaces {
		byInode[ns.inode] = ns
	}
	s.ports.retain(func(inode uint64) bool { return byInode[inode] != nil })
	for id, e := range s.agg.owners.byID {
		inode := e.wire.NetNS
		if ns := byInode[inode]; ns != nil && s.ports.due(inode, now) && (s.entering || inode == s.selfNS) {
			var n uint32
			err := s.inside(ctx, ns, func() (err error) {
				n, err = s.ports.read()
				return err
			})
			s.ports.note(inode, now, n, err)
		}
		s.agg.owners.setLocalPorts(id, s.ports.of(inode))
	}
}

// readLocalPorts counts the local ports of the calling thread's namespace.
func readLocalPorts() (uint32, error) {
	ports, err := readSetting("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, err
	}
	reserved, err := readSetting("/proc/sys/net/ipv4/ip_local_reserved_ports")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return countLocalPorts(ports, reserved)
}

// readSetting reads a setting of the calling thread's namespace (proc(5)). The
// kernel writes a list of ports in one piece, or cuts it where the reader's room
// ends (proc_do_large_bitmap), so the room has to be larger than the list: every
// second port is 200 KB.
func readSetting(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // one of two constants
	if err != nil {
		return "", fmt.Errorf("opening a setting: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for room := 1 << 12; room <= 1<<20; room <<= 4 {
		buf := make([]byte, room)
		n, err := f.ReadAt(buf, 0)
		switch {
		case n == len(buf):
			// It may go on.
		case err != nil && !errors.Is(err, io.EOF):
			return "", fmt.Errorf("reading a setting: %w", err)
		default:
			return string(buf[:n]), nil
		}
	}
	return "", fmt.Errorf("reading %s: it has no end", path)
}
