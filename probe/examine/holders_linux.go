package examine

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/procfs"
)

// maxOpenFiles bounds the open files that are looked through for sockets.
const maxOpenFiles = 200_000

// States of sockets that hold a port without a peer: TCP_LISTEN, and TCP_CLOSE,
// which is what an unconnected UDP socket is in.
const (
	stateListen      = 10
	stateUnconnected = 7
)

func lookHolders(ctx context.Context, place Place, ask facts.Ask, s *facts.Section) {
	host, err := hostNetwork(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	up, err := uptime(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	all, err := processes(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	files := maxOpenFiles
	for _, pod := range ask.Holders[:min(len(ask.Holders), facts.MaxHolderPods)] {
		s.Complaints = append(s.Complaints, complaints(place.HostRoot, pod.UID)...)
		inode := host.Inode
		if !pod.HostNetwork {
			inode = 0
			for _, sp := range podSpaces(place.Proc, all, host.Inode) {
				if sp.uid == pod.UID {
					inode = sp.at.Inode
					break
				}
			}
		}
		if inode == 0 || ctx.Err() != nil {
			continue // nothing of the pod runs here
		}
		s.Holders = append(s.Holders, holders(place.Proc, pod.UID, inode, all, &files)...)
	}
	for i := range s.Holders {
		h := &s.Holders[i]
		if h.PID == 0 {
			continue
		}
		h.Command = procfs.Command(place.Proc, h.PID)
		if start, _, err := procfs.StartTime(place.Proc, h.PID); err == nil {
			h.Seconds = age(up, start)
		}
	}
}

// holders lists the ports that are held in one namespace, and by whom.
func holders(proc, uid string, inode uint64, all []process, files *int) []facts.Holder {
	var inside []process
	for _, p := range all {
		if p.netns == inode {
			inside = append(inside, p)
		}
	}
	var out []facts.Holder
	bySocket := map[uint64][]int{}
	for _, p := range inside {
		if out, bySocket = listening(proc, uid, p.pid); out != nil {
			break // one process sees the tables of its namespace
		}
	}
	for _, p := range inside {
		for _, socket := range openSockets(proc, p.pid, files) {
			for _, i := range bySocket[socket] {
				if h := &out[i]; h.PID == 0 {
					h.PID, h.OwnerUID, h.Container, h.Unit = p.pid, p.pod, p.container, p.unit
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b facts.Holder) int {
		return cmp.Or(strings.Compare(a.Network, b.Network), cmp.Compare(a.Port, b.Port), strings.Compare(a.Address, b.Address))
	})
	return out
}

// listening reads the socket tables that a process sees, and numbers the rows by
// their sockets. Nil rows mean that the tables could not be read.
func listening(proc, uid string, pid int) ([]facts.Holder, map[uint64][]int) {
	out, bySocket := []facts.Holder(nil), map[uint64][]int{}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "net", name)) //nolint:gosec // a path under /proc that was listed
		if err != nil {
			continue
		}
		if out == nil {
			out = []facts.Holder{}
		}
		network, state := "tcp", uint8(stateListen)
		if strings.HasPrefix(name, "udp") {
			network, state = "udp", stateUnconnected
		}
		// A line that does not parse is one port less in a list.
		_, _ = procfs.Sockets(f, func(row *procfs.Socket) {
			if row.State != state || row.Remote.Port() != 0 || len(out) >= facts.MaxHolders {
				return
			}
			bySocket[row.Inode] = append(bySocket[row.Inode], len(out))
			out = append(out, facts.Holder{PodUID: uid, Network: network, Address: row.Local.Addr().String(), Port: row.Local.Port()})
		})
		_ = f.Close() // it was only read
	}
	delete(bySocket, 0) // no process holds these
	return out, bySocket
}

// openSockets lists the sockets that a process has open.
func openSockets(proc string, pid int, files *int) []uint64 {
	dir := filepath.Join(proc, strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []uint64
	for _, e := range entries {
		if *files--; *files < 0 {
			return out
		}
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if rest, ok := strings.CutPrefix(link, "socket:["); ok {
			if n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
