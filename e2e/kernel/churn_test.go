//go:build kernel && linux

package kernel

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// churn is a load of connections that end as soon as they are there.
var churn = loadPlan{Connections: 20_000, Workers: 4}

// watcher is something that looks at a load.
type watcher interface {
	// pid is its process.
	pid() int
	// settled returns what it has seen, once it has no more to tell.
	settled() watched
}

// TestChurn lets one watcher after the other look at the same load, and says
// what each saw and what it cost. eBPF must have seen everything.
func TestChurn(t *testing.T) {
	inGuest(t)
	var figures table
	t.Cleanup(func() { t.Logf("%d processors\n%s", runtime.NumCPU(), &figures) })
	figures.add("watcher", "opens seen", "closes seen", "of", "opens lost", "closes lost", "loss it told", "its CPU", "the load's CPU", "the load took", "started in")
	for _, name := range []string{"none", "procfs", "diag", "ebpf", "tcptracer of bcc"} {
		t.Run(name, func(t *testing.T) {
			l := newLoad(t, churn)
			if name == "none" {
				did := l.run()
				figures.add(name, "", "", did.Opened, "", "", "", "", did.CPU, did.Wall, "")
				return
			}
			began := time.Now()
			w := watch(t, name, l.place)
			startup, before := time.Since(began), cpuOf(t, w)
			did := l.run()
			saw := w.settled()
			spent := cpuOf(t, w) - before
			figures.add(name, saw.opens, saw.closes, did.Opened, missing(saw.opens, did.Opened), missing(saw.closes, did.Opened), saw.lost,
				spent, did.CPU, did.Wall, startup)
			t.Logf("did %+v, saw %+v", did, saw)
			if name == "ebpf" {
				t.Logf("runs of its programs that the kernel skipped: %v", skippedRuns(t))
				exact(t, saw, did)
			}
		})
	}
}

// exact demands that nothing was missed, and nothing made up.
func exact(t *testing.T, saw watched, did loadCount) {
	t.Helper()
	want := watched{opens: did.Opened, closes: did.Finished + did.Reset, resets: did.Reset, fails: did.Refused, refused: did.Refused}
	if saw.counts() != want.counts() {
		t.Errorf("opens, closes, resets, fails, refused, lost: saw %d, were %d", saw.counts(), want.counts())
	}
	if len(saw.problems) > 0 {
		t.Errorf("problems: %q", saw.problems)
	}
}

// watch starts a watcher.
func watch(t *testing.T, name string, place loadPlace) watcher {
	t.Helper()
	if name == "tcptracer of bcc" {
		return watchWithTracer(t, place)
	}
	return watchWithProbe(t, name, place)
}

// cpuOf is the processor time that a watcher has used.
func cpuOf(t *testing.T, w watcher) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid()))
	if err != nil {
		t.Fatal(err)
	}
	// The command, which may hold anything, is in brackets; utime and stime, in
	// hundredths of a second, are the 12th and 13th after it.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var sum time.Duration
	for _, field := range f[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}

func missing(saw, were uint64) string {
	return fmt.Sprintf("%.2f %%", 100-100*float64(saw)/float64(were))
}
