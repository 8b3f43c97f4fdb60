package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"unicode/utf8"

	"github.com/snattop/snattop/probe/plain"
)

// StartTime reads field 22 of /proc/<pid>/stat, in clock ticks since boot: with
// the PID it names a process for good. idle is true for what holds no sockets:
// kernel threads, and processes that have ended and wait for their parent, whose
// namespaces cannot be reached through them either.
func StartTime(proc string, pid int) (start uint64, idle bool, err error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat")) //nolint:gosec // a path under /proc that was listed
	if err != nil {
		return 0, false, fmt.Errorf("reading the state of a process: %w", err)
	}
	return parseStat(text)
}

func parseStat(text []byte) (start uint64, idle bool, err error) {
	// The command is in brackets and may hold anything, brackets too.
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return 0, false, ErrLine
	}
	fields := bytes.Fields(text[i+1:])
	if len(fields) < 20 {
		return 0, false, ErrLine
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

// MaxCommand bounds a command line, in bytes.
const MaxCommand = 200

// Command returns a process's command line, or its name in brackets; "" when it
// has ended.
func Command(proc string, pid int) string {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if s := firstBytes(filepath.Join(dir, "cmdline")); s != "" {
		return s
	}
	if s := firstBytes(filepath.Join(dir, "comm")); s != "" {
		return "[" + s + "]"
	}
	return ""
}

// Comm returns a process's name; "" when it has ended.
func Comm(proc string, pid int) string {
	return firstBytes(filepath.Join(proc, strconv.Itoa(pid), "comm"))
}

// firstBytes returns the beginning of a file as text, at most MaxCommand bytes.
func firstBytes(path string) string {
	f, err := os.Open(path) //nolint:gosec // a path under /proc that was listed
	if err != nil {
		return ""
	}
	// One more character than is kept, so that none is cut in two.
	buf := make([]byte, MaxCommand+utf8.UTFMax)
	n, err := f.Read(buf)
	_ = f.Close()
	if err != nil && n == 0 {
		return ""
	}
	return plain.Cut(plain.Line(plain.Cut(string(buf[:n]), MaxCommand)), MaxCommand)
}
