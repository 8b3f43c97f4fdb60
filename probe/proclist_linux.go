package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// process is what is known of a running process between two ticks.
type process struct {
	pid   int
	start uint64
	netns uint64
	owner CgroupOwner
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
	l.hidden = 0
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
	start, idle, err := l.startTime(pid)
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
	ns, err := nsInode(filepath.Join(l.proc, strconv.Itoa(pid), "ns/net"))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			l.hidden++
		}
		return nil
	}
	p = &process{pid: pid, start: start, netns: ns, seen: seen}
	if text, err := os.ReadFile(filepath.Join(l.proc, strconv.Itoa(pid), "cgroup")); err == nil {
		p.owner = ParseCgroupFile(string(text))
	}
	l.known[pid] = p
	return p
}

// startTime reads field 22 of /proc/<pid>/stat, in clock ticks since boot: with
// the PID it names a process for good. idle is true for what holds no sockets:
// kernel threads, and processes that have ended and wait for their parent, whose
// namespaces cannot be reached through them either.
func (l *processList) startTime(pid int) (start uint64, idle bool, err error) {
	text, err := os.ReadFile(filepath.Join(l.proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, false, err
	}
	return parseStat(text)
}

func parseStat(text []byte) (start uint64, idle bool, err error) {
	// The command is in brackets and may hold anything, brackets too.
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return 0, false, errProcfsLine
	}
	fields := bytes.Fields(text[i+1:])
	if len(fields) < 20 {
		return 0, false, errProcfsLine
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	const pfKthread = 0x00200000 // PF_KTHREAD, include/linux/sched.h
	flags, ferr := strconv.ParseUint(string(fields[6]), 10, 64)
	idle = ferr == nil && flags&pfKthread != 0
	switch fields[0][0] { // proc(5): a zombie, dead
	case 'Z', 'X', 'x':
		idle = true
	}
	return start, idle, err
}

func nsInode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Ino, nil
}

// maxCommand bounds a command line, in bytes.
const maxCommand = 200

// command returns a process's command line, or its name in brackets.
func (l *processList) command(pid int) string {
	dir := filepath.Join(l.proc, strconv.Itoa(pid))
	if s := firstBytes(filepath.Join(dir, "cmdline")); s != "" {
		return s
	}
	if s := firstBytes(filepath.Join(dir, "comm")); s != "" {
		return "[" + s + "]"
	}
	return ""
}

// comm returns a process's name.
func (l *processList) comm(pid int) string {
	return firstBytes(filepath.Join(l.proc, strconv.Itoa(pid), "comm"))
}

// forget makes the next read look at a process anew: it is not where it was.
func (l *processList) forget(pid int) { delete(l.known, pid) }

// firstBytes returns the beginning of a file as text, at most maxCommand bytes.
func firstBytes(path string) string {
	f, err := os.Open(path) //nolint:gosec // a path under /proc that we listed
	if err != nil {
		return ""
	}
	// One more character than is kept, so that none is cut in two.
	buf := make([]byte, maxCommand+utf8.UTFMax)
	n, err := f.Read(buf)
	_ = f.Close()
	if err != nil && n == 0 {
		return ""
	}
	return cut(printable(cut(string(buf[:n]), maxCommand)), maxCommand)
}
