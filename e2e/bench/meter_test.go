//go:build bench && linux

package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// meter measures what a process and its kernel programs take.
type meter struct {
	pid   int
	stats io.Closer
	cpu   time.Duration
	progs time.Duration
	runs  uint64
}

// spent is what was taken between two moments.
type spent struct {
	// cpu is processor time of the process, progs that of its kernel programs,
	// which run at the expense of whoever has a connection.
	cpu, progs time.Duration
	// runs counts runs of the programs.
	runs uint64
}

// startMeter begins to measure. While it does, the kernel takes two more looks
// at the clock for each run of any program.
func startMeter(b *testing.B, pid int) *meter {
	b.Helper()
	// The kernel stops to count when this file is closed, however that happens.
	stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		b.Fatalf("measuring the time of kernel programs: %v", err)
	}
	m := &meter{pid: pid, stats: stats, cpu: cpu(b, pid)}
	m.progs, m.runs = programs(b, pid)
	return m
}

// stop ends the measurement.
func (m *meter) stop(b *testing.B) spent {
	b.Helper()
	s := spent{cpu: cpu(b, m.pid) - m.cpu}
	s.progs, s.runs = programs(b, m.pid)
	s.progs -= m.progs
	s.runs -= m.runs
	if err := m.stats.Close(); err != nil {
		b.Fatal(err)
	}
	return s
}

// share says it as a share of one core.
func (s spent) share(t *tally) string {
	whole := t.Ended.Sub(t.Began).Seconds()
	text := fmt.Sprintf("%.1f %% of a core", 100*s.cpu.Seconds()/whole)
	if s.runs > 0 {
		text += fmt.Sprintf(", programs in the kernel %.1f %% (%.1f runs of %d ns a connection)",
			100*s.progs.Seconds()/whole, float64(s.runs)/float64(t.Opens+t.Fails), uint64(s.progs)/s.runs)
	}
	return text
}

// programs adds up the time and runs of the BPF programs that a process holds.
func programs(b *testing.B, pid int) (took time.Duration, runs uint64) {
	b.Helper()
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		b.Fatal(err)
	}
	met := make(map[uint64]bool)
	for _, path := range infos {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		// Both a program and its link name it.
		for line := range strings.Lines(string(text)) {
			rest, ok := strings.CutPrefix(line, "prog_id:")
			if !ok {
				continue
			}
			id, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 32)
			if err != nil {
				b.Fatal(err)
			}
			if met[id] {
				continue
			}
			met[id] = true
			took, runs = addProgram(b, ebpf.ProgramID(id), took, runs)
		}
	}
	return took, runs
}

func addProgram(b *testing.B, id ebpf.ProgramID, took time.Duration, runs uint64) (time.Duration, uint64) {
	b.Helper()
	p, err := ebpf.NewProgramFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return took, runs
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	s, err := p.Stats()
	if err != nil {
		b.Fatal(err)
	}
	return took + s.Runtime, runs + s.RunCount
}
