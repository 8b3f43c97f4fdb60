package examine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/probe/facts"
)

// loadWindow is how long the processor is watched. Long enough that a tick of
// anything periodic does not decide, short beside ten seconds for a whole run.
const loadWindow = time.Second

// lookLoad tells how busy the node is. Files of the node's own control group
// come first: a node that is a container itself (kind) shares the kernel's
// figures with its neighbours.
func lookLoad(ctx context.Context, place Place, _ facts.Ask, s *facts.Section) {
	l := &facts.Load{Cores: cores(place)}
	s.Load = l
	before, source, err := busyTime(place)
	if err == nil {
		start := time.Now()
		select {
		case <-time.After(loadWindow):
		case <-ctx.Done():
		}
		if after, _, err := busyTime(place); err == nil && after >= before {
			took := time.Since(start)
			busy := float64(after-before) / float64(took)
			l.Busy, l.WindowMillis = &busy, took.Milliseconds()
			s.Evidence = append(s.Evidence, facts.Evidence{
				Command: fmt.Sprintf("cat %[1]s; sleep 1; cat %[1]s", source),
				Output:  fmt.Sprintf("processor time %s, %s later %s: %.2f of %.2f cores", before, took.Round(time.Millisecond), after, busy, l.Cores),
			})
		}
	}
	l.Average = loadAverage(place, s)
	l.MemoryTotal, l.MemoryAvailable = memory(place, s)
	l.CPU, l.Memory, l.IO = pressure(place, s, "cpu"), pressure(place, s, "memory"), pressure(place, s, "io")
	if l.Busy == nil && l.Average == nil && l.MemoryTotal == 0 {
		s.Error = "neither the processor's nor the memory's figures could be read on the node"
	}
}

func cgroups(place Place) string { return filepath.Join(place.HostRoot, "/sys/fs/cgroup") }

// cores is what the node may use.
func cores(place Place) float64 {
	n := float64(runtime.NumCPU())
	if b, err := readSome(filepath.Join(cgroups(place), "cpu.max")); err == nil {
		if q := cpuMax(string(b)); q > 0 {
			return math.Min(n, q)
		}
		return n
	}
	quota, err := readSome(filepath.Join(cgroups(place), "cpu/cpu.cfs_quota_us"))
	if err != nil {
		return n
	}
	period, err := readSome(filepath.Join(cgroups(place), "cpu/cpu.cfs_period_us"))
	if err != nil {
		return n
	}
	if q := cpuMax(strings.TrimSpace(string(quota)) + " " + string(period)); q > 0 {
		return math.Min(n, q)
	}
	return n
}

// cpuMax reads cpu.max: a quota and a period in µs; 0 is no limit.
func cpuMax(text string) float64 {
	f := strings.Fields(text)
	if len(f) != 2 {
		return 0
	}
	quota, err := strconv.ParseFloat(f[0], 64)
	period, err2 := strconv.ParseFloat(f[1], 64)
	if err != nil || err2 != nil || !(quota > 0) || !(period > 0) || quota/period > 1e6 {
		return 0
	}
	return quota / period
}

var errNoBusy = errors.New("no file tells the processor time")

// busyTime is the processor time that the node has used, and the file that
// told it.
func busyTime(place Place) (busy time.Duration, source string, err error) {
	for _, v := range []struct {
		file string
		read func(string) (time.Duration, bool)
	}{
		{"cpu.stat", usageOf},
		{"cpuacct/cpuacct.usage", nanoseconds},
		{"cpu,cpuacct/cpuacct.usage", nanoseconds},
	} {
		file := filepath.Join(cgroups(place), v.file)
		if b, err := readSome(file); err == nil {
			if d, ok := v.read(string(b)); ok {
				return d, filepath.Join("/sys/fs/cgroup", v.file), nil
			}
		}
	}
	b, err := readSome(filepath.Join(place.Proc, "stat"))
	if err != nil {
		return 0, "", fmt.Errorf("reading the processor time: %w", err)
	}
	if d, ok := statBusy(string(b)); ok {
		return d, "/proc/stat", nil
	}
	return 0, "", errNoBusy
}

// usageOf reads usage_usec of a v2 group's cpu.stat.
func usageOf(text string) (time.Duration, bool) {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == "usage_usec" {
			n, err := strconv.ParseInt(value, 10, 64)
			return time.Duration(n) * time.Microsecond, err == nil && n >= 0 && n < math.MaxInt64/1000
		}
	}
	return 0, false
}

func nanoseconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Duration(n), err == nil && n >= 0
}

// statBusy adds up what the first line of /proc/stat counts as work: all but
// idle, iowait and what guests are counted for twice. A tick is 10 ms
// (USER_HZ) on every platform that nodes have.
func statBusy(text string) (time.Duration, bool) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, false
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7, 8} { // user nice system irq softirq steal
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/(10*int64(time.Millisecond))/8 {
			return 0, false
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, true
}

func loadAverage(place Place, s *facts.Section) []float64 {
	b, err := readSome(filepath.Join(place.Proc, "loadavg"))
	if err != nil {
		return nil
	}
	s.Evidence = append(s.Evidence, facts.Evidence{Command: "cat /proc/loadavg", Output: strings.TrimSpace(string(b))})
	return averages(string(b))
}

func averages(text string) []float64 {
	f := strings.Fields(text)
	if len(f) < 3 {
		return nil
	}
	out := make([]float64, 3)
	for i := range out {
		n, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return nil
		}
		out[i] = n
	}
	return out
}

func memory(place Place, s *facts.Section) (total, available uint64) {
	b, err := readSome(filepath.Join(place.Proc, "meminfo"))
	if err != nil {
		return 0, 0
	}
	total, available = meminfo(string(b))
	if total > 0 {
		s.Evidence = append(s.Evidence, facts.Evidence{Command: "grep -E '^Mem(Total|Available)' /proc/meminfo",
			Output: fmt.Sprintf("MemTotal: %d kB\nMemAvailable: %d kB", total>>10, available>>10)})
	}
	return total, available
}

// meminfo returns bytes.
func meminfo(text string) (total, available uint64) {
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		n, err := strconv.ParseUint(f[0], 10, 50)
		if err != nil {
			continue
		}
		switch name {
		case "MemTotal":
			total = n << 10
		case "MemAvailable":
			available = n << 10
		}
	}
	return total, available
}

// pressure reads what waits for a resource: of the node's own control group,
// else of the kernel.
func pressure(place Place, s *facts.Section, resource string) *facts.Pressure {
	if p := pressureFile(filepath.Join(cgroups(place), resource+".pressure"), "/sys/fs/cgroup/"+resource+".pressure", s); p != nil {
		return p
	}
	return pressureFile(filepath.Join(place.Proc, "pressure", resource), "/proc/pressure/"+resource, s)
}

func pressureFile(file, shown string, s *facts.Section) *facts.Pressure {
	b, err := readSome(file)
	if err != nil {
		return nil
	}
	p, ok := psi(string(b))
	if !ok {
		return nil
	}
	s.Evidence = append(s.Evidence, facts.Evidence{Command: "cat " + shown, Output: strings.TrimSpace(string(b))})
	return p
}

// psi reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and full.
func psi(text string) (*facts.Pressure, bool) {
	p, seen := &facts.Pressure{}, false
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		var ten, sixty float64
		for _, word := range f[1:] {
			name, value, _ := strings.Cut(word, "=")
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			switch name {
			case "avg10":
				ten = n
			case "avg60":
				sixty = n
			}
		}
		switch f[0] {
		case "some":
			p.Some10, p.Some60, seen = ten, sixty, true
		case "full":
			p.Full10, p.Full60, seen = ten, sixty, true
		}
	}
	return p, seen
}
