package examine

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/facts"
)

func TestLookLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place := Place{Proc: filepath.Join(dir, "proc"), HostRoot: filepath.Join(dir, "host")}
	group := filepath.Join(dir, "host/sys/fs/cgroup")
	write(t, filepath.Join(group, "cpu.stat"), "usage_usec 5000000\nuser_usec 1\n")
	write(t, filepath.Join(group, "cpu.max"), "50000 100000\n")
	write(t, filepath.Join(group, "cpu.pressure"), "some avg10=41.50 avg60=7.00 avg300=0.00 total=9\n")
	write(t, filepath.Join(dir, "proc/pressure/cpu"), "some avg10=1.00 avg60=1.00 avg300=0.00 total=9\n")
	write(t, filepath.Join(dir, "proc/pressure/memory"), "some avg10=3.00 avg60=2.00 avg300=0.00 total=9\nfull avg10=1.25 avg60=0.50 avg300=0.00 total=9\n")
	write(t, filepath.Join(dir, "proc/loadavg"), "9.37 6.39 4.49 13/238 14892\n")
	write(t, filepath.Join(dir, "proc/meminfo"), "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    4096 kB\n")
	var s facts.Section
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the window ends at once
	lookLoad(ctx, place, facts.Ask{}, &s)
	l := s.Load
	if s.Error != "" || l == nil || l.Cores != 0.5 || l.Busy == nil || *l.Busy != 0 || len(l.Average) != 3 || l.Average[0] != 9.37 || l.MemoryTotal != 16<<20 || l.MemoryAvailable != 4<<20 {
		t.Fatalf("got %+v: %s", l, s.Error)
	}
	if l.CPU == nil || l.CPU.Some10 != 41.5 || l.Memory == nil || l.Memory.Full60 != 0.5 || l.IO != nil {
		t.Errorf("pressure %+v %+v %+v", l.CPU, l.Memory, l.IO)
	}
	if len(s.Evidence) != 5 {
		t.Errorf("evidence %q", s.Evidence)
	}
	s = facts.Section{}
	lookLoad(ctx, Place{Proc: filepath.Join(dir, "none"), HostRoot: filepath.Join(dir, "none")}, facts.Ask{}, &s)
	if s.Error == "" {
		t.Error("nothing was read, and nobody says so")
	}
}

func TestBusyTime(t *testing.T) {
	t.Parallel()
	for file, text := range map[string]string{
		"host/sys/fs/cgroup/cpu.stat": "nr_periods 0\nusage_usec 2500000\n", "host/sys/fs/cgroup/cpuacct/cpuacct.usage": "2500000000\n",
		"host/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "2500000000\n", "proc/stat": "cpu  100 50 50 99999 99 25 20 5 7 8\ncpu0 1\n",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, file), text)
		d, _, err := busyTime(Place{Proc: filepath.Join(dir, "proc"), HostRoot: filepath.Join(dir, "host")})
		if err != nil || d != 2500*time.Millisecond {
			t.Errorf("%s: %s, %v", file, d, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("some avg10=1.00 avg60=nan avg300=0 total=1\nfull avg10=-1 avg60=1e308\n")
	f.Add("cpu 1 2 3 4 5 6 7 8 9\n")
	f.Add("usage_usec 9223372036854775807\n")
	f.Add("MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB")
	f.Add("1e309 NaN -1")
	f.Add("100000 0")
	f.Fuzz(func(t *testing.T, text string) {
		l := &facts.Load{Average: averages(text), Cores: cpuMax(text)}
		l.MemoryTotal, l.MemoryAvailable = meminfo(text)
		if p, ok := psi(text); ok {
			l.CPU = p
		}
		for _, read := range []func(string) (time.Duration, bool){usageOf, nanoseconds, statBusy} {
			if d, ok := read(text); ok && d < 0 {
				t.Errorf("%s of processor time", d)
			}
		}
		s := facts.Section{Load: l}
		s.Bound()
		for _, n := range append([]float64{l.Cores}, l.Average...) {
			if math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
				t.Errorf("%v", n)
			}
		}
		if l.MemoryAvailable > l.MemoryTotal {
			t.Error("more available than there is")
		}
	})
}
