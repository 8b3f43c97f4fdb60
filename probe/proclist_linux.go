package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/procfs"
)

// process is what is known of a running process between two ticks.
type process struct {
	pid   int
	start uint64
	netns uint64
	owner cgroup.Owner
	// seen is when it was read first: a young process may still be moved to
	// its cgroup and namespaces by the runtime, so it is read again.
	seen time.Time
	gen  uint64
}

// settled is the age at which a process is believed to stay where it is.
const settled = 10 * time.Second

// processList reads /proc, and remembers what does not change.
type processList struct {
	proc  string
	known map[int]*process
	gen   uint64
	// hidden counts processes whose namespace could not be read.
	hidden int
	// partial means that not even the first process is shown: the mount shows
	// everybody their own (hidepid=2, proc(5)).
	partial bool
}

func newProcessList(proc string) *processList {
	return &processList{proc: proc, known: make(map[int]*process)}
}

// read returns the processes, by ascending PID.
func (l *processList) read(now time.Time) ([]*process, error) {
	dir, err := os.Open(l.proc)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	if cerr := dir.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("listing processes in %s: %w", l.proc, err)
	}
	l.gen++
	l.hidden, l.partial = 0, !slices.Contains(names, "1")
	out := make([]*process, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		if p := l.one(pid, now); p != nil {
			p.gen = l.gen
			out = append(out, p)
		}
	}
	for pid, p := range l.known {
		if p.gen != l.gen {
			delete(l.known, pid)
		}
	}
	slices.SortFunc(out, func(a, b *process) int { return a.pid - b.pid })
	return out, nil
}

func (l *processList) one(pid int, now time.Time) *process {
	start, idle, err := procfs.StartTime(l.proc, pid)
	if errors.Is(err, fs.ErrPermission) {
		l.hidden++ // hidepid=1
	}
	if err != nil || idle {
		return nil
	}
	p := l.known[pid]
	if p != nil && p.start == start && now.Sub(p.seen) > settled {
		return p
	}
	seen := now
	if p != nil && p.start == start {
		seen = p.seen
	}
	ns, err := netns.Inode(filepath.Join(l.proc, strconv.Itoa(pid), "ns/net"))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			l.hidden++
		}
		return nil
	}
	p = &process{pid: pid, start: start, netns: ns, seen: seen}
	if text, err := os.ReadFile(filepath.Join(l.proc, strconv.Itoa(pid), "cgroup")); err == nil {
		p.owner = cgroup.ParseFile(string(text))
	}
	l.known[pid] = p
	return p
}

// forget makes the next read look at a process anew: it is not where it was.
func (l *processList) forget(pid int) { delete(l.known, pid) }
