package bpf

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// What is missing is named, and the message is one line.
func TestOpenSaysWhatIsMissing(t *testing.T) {
	must(t, open(t, Config{Rows: 64}).Close()) // or skip
	for name, tc := range map[string]struct {
		attr  *syscall.SysProcAttr
		wants string
	}{
		"BTF":          {&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, "no BTF"},
		"capabilities": {nil, "CAP_BPF"},
		"root":         {&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, "CAP_BPF"},
	} {
		t.Run(name, func(t *testing.T) {
			a := act(t, tc.attr, "open", name)
			said := a.line()
			if !strings.HasPrefix(said, "error: ") || !strings.Contains(said, tc.wants) || len(said) > 400 {
				t.Errorf("it says %q", said)
			}
			if a.out.Scan() {
				t.Errorf("and then %q", a.out.Text())
			}
		})
	}
}

func TestExplain(t *testing.T) {
	if _, err := btf.LoadKernelSpec(); err != nil {
		t.Skipf("this kernel has no BTF: %v", err)
	}
	boom := errors.New("boom")
	for _, tc := range []struct {
		err   error
		wants string
	}{
		{fmt.Errorf("a type: %w", btf.ErrNotFound), "the kernel lacks what the programs use"},
		{fmt.Errorf("a feature: %w", btf.ErrNotSupported), "the kernel lacks what the programs use"},
		{fmt.Errorf("program on_state: %w", unix.EPERM), "not permitted here (it takes CAP_BPF"},
		{fmt.Errorf("program on_state: %w", &ebpf.VerifierError{Cause: boom}), "verifier refuses a program"},
		{boom, "loading the programs: boom"},
	} {
		if got := explain(tc.err); !strings.Contains(got.Error(), tc.wants) || !errors.Is(got, tc.err) {
			t.Errorf("%v is explained as %v", tc.err, got)
		}
	}
}

func TestTicksPerSecond(t *testing.T) {
	switch hz := ticksPerSecond(); hz {
	case 100, 250, 300, 1000: // CONFIG_HZ
	default:
		t.Errorf("%d ticks a second", hz)
	}
}

// Nobody has an index any more when the period is over, and numbers wrap around.
func TestGrace(t *testing.T) {
	var g grace
	for range 3 {
		g.begun = math.MaxUint32 - 1
		g.ended.Store(math.MaxUint32 - 1)
		for range 4 {
			period := g.next()
			if g.over(period) {
				t.Fatal("over before it began")
			}
			g.begin()
			g.begin() // one runs already, or none is wanted
			g.wait()
			if !g.over(period) || !g.over(period-1) || g.over(period+1) {
				t.Fatalf("period %d is not the last that is over", period)
			}
		}
	}
}

// What is removed while a period runs waits for the next one.
func TestGraceWhileOneRuns(t *testing.T) {
	var g grace
	first := g.next()
	g.begun++ // it runs
	second := g.next()
	g.begin()
	if second != first+1 || g.begun != first {
		t.Errorf("periods %d and %d, %d begun", first, second, g.begun)
	}
	g.ended.Store(first)
	g.begin()
	g.wait()
	if !g.over(second) {
		t.Error("the second never ends")
	}
}

// entries counts the entries of a folder of our own /proc.
func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	return len(list)
}

// gone waits until the kernel has no map of a size that only this test uses; a
// program that stayed would hold its maps.
func gone(t *testing.T, rows int) {
	t.Helper()
	for began := time.Now(); ; runtime.Gosched() {
		left := mapsOf(t, rows)
		if len(left) == 0 {
			return
		}
		if time.Since(began) > soon {
			t.Fatalf("maps stay in the kernel: %v", left)
		}
	}
}

func mapsOf(t *testing.T, rows int) (names []string) {
	t.Helper()
	for id := ebpf.MapID(0); ; {
		var err error
		if id, err = ebpf.MapGetNextID(id); errors.Is(err, os.ErrNotExist) {
			return names
		}
		must(t, err)
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue // gone since
		}
		info, err := m.Info()
		must(t, err, m.Close())
		if int(info.MaxEntries) == rows {
			names = append(names, info.Name)
		}
	}
}

// links are those of our programs, by ID.
func linkIDs(t *testing.T, c *Counter) (ids []uint32) {
	t.Helper()
	for _, l := range c.links {
		info, err := l.Info()
		must(t, err)
		ids = append(ids, uint32(info.ID))
	}
	return ids
}

// A counter leaves nothing behind, in the kernel or here.
func TestNothingIsLeft(t *testing.T) {
	rows := 10_007 + os.Getpid()%1000 // a number that nobody else uses
	cycle := func(seeds bool) {
		c, err := openHere(Config{Rows: rows})
		must(t, err)
		if seeds {
			seeded(t, c, netns(t))
		}
		if n := len(linkIDs(t, c)); n != len(c.links) || n == 0 {
			t.Errorf("%d links", n)
		}
		for range 2 * idleReadings {
			_, err := c.Read()
			must(t, err)
		}
		if len(mapsOf(t, rows)) == 0 {
			t.Error("the test does not find its maps")
		}
		must(t, c.Close())
		must(t, c.Close()) // once more does no harm
	}
	open(t, Config{Rows: 64}) // or skip
	cycle(true)
	files, threads := entries(t, "/proc/self/fd"), entries(t, "/proc/self/task")
	for i := range 6 {
		cycle(i%2 == 0)
	}
	gone(t, rows)
	if got := entries(t, "/proc/self/fd"); got != files {
		t.Errorf("%d files, %d before", got, files)
	}
	if got := entries(t, "/proc/self/task"); got > threads+3 {
		t.Errorf("%d threads, %d before", got, threads)
	}
}

// Wherever opening fails, what was there already goes again. The files that a
// process may have run out a few later each time.
func TestOpenFailsHalfWay(t *testing.T) {
	open(t, Config{Rows: 64}) // or skip
	rows := 20_011 + os.Getpid()%1000
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	files := entries(t, "/proc/self/fd")
	failures := 0
	for more := 1; ; more += 4 {
		low := limit
		low.Cur = uint64(files + more)
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
		c, err := openHere(Config{Rows: rows})
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		if err == nil {
			must(t, c.Close())
			break
		}
		failures++
		if !errors.Is(err, unix.EMFILE) && !strings.Contains(err.Error(), "too many open files") &&
			// The library's own look at what the kernel can do ran out of files.
			!strings.Contains(err.Error(), "not supported (requires") {
			t.Errorf("with %d files: %v", more, err)
		}
		if got := entries(t, "/proc/self/fd"); got > files {
			t.Fatalf("with %d more files: %d are open, %d before", more, got, files)
		}
	}
	if failures < 4 {
		t.Errorf("it failed %d times only", failures)
	}
	gone(t, rows)
}

// More rows than the machine has memory for are refused with what was asked.
func TestOpenTooLarge(t *testing.T) {
	open(t, Config{Rows: 64}) // or skip
	if c, err := Open(Config{Rows: 1 << 30}); err == nil {
		t.Errorf("it opened: %v", c.Close())
	} else if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
}
