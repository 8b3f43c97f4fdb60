//go:build bench && linux

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/probe/wire"
)

// snapshotRounds is how often snapshots and bare dumps are taken in turn.
const snapshotRounds = 3

// BenchmarkSnapshot takes a full snapshot of 190,000 established sockets with
// the pod and the process of each, beside a bare dump and ss, with all sockets
// in one network namespace.
func BenchmarkSnapshot(b *testing.B) {
	const title = "190,000 sockets, 10 processes, 1 netns"
	names := collectors(b)
	c := together(b)
	c.grow(b, crowdSockets)
	for b.Loop() {
		bare := snapshots(b, title, c, names)
		run(b, c.spaces[0], "cat", "/proc/net/tcp").record(b, title)
		run(b, c.spaces[0], "ss", "-tn").record(b, title)
		peer := run(b, c.spaces[0], "ss", "-tnp")
		peer.record(b, title)
		bare.against(b, peer, 0)
		if os.Getenv("SNATTOP_BENCH_NETSTAT") != "" { // two minutes
			run(b, c.spaces[0], "netstat", "-ptn").record(b, title)
		}
	}
}

// BenchmarkSnapshotMet is the same with the peers as processes of this machine:
// what ss takes for the processes grows with the sockets that all of them hold.
func BenchmarkSnapshotMet(b *testing.B) {
	const title = "190,000 sockets, 10 processes, 1 netns, as many of their peers on this machine"
	names := collectors(b)
	c := met(b)
	c.grow(b, crowdSockets)
	for b.Loop() {
		bare := snapshots(b, title, c, names)
		peer := run(b, c.spaces[0], "ss", "-tnp")
		peer.record(b, title)
		const goal = 150
		bare.against(b, peer, goal)
	}
}

// BenchmarkSnapshotSpread is the same with the sockets in 200 pods, of one
// process and one network namespace each.
func BenchmarkSnapshotSpread(b *testing.B) {
	const title = "190,000 sockets, 200 processes, 200 netns"
	names := collectors(b)
	c := apart(b, 200)
	c.grow(b, crowdSockets)
	for b.Loop() {
		snapshots(b, title, c, names)
	}
}

// snapshotTimes are the medians of each collector.
type snapshotTimes struct {
	title string
	names []string
	first map[string]pace
}

// snapshots measures each collector, and the bare dump of the same sockets, in
// turn.
func snapshots(b *testing.B, title string, c *crowd, names []string) snapshotTimes {
	b.Helper()
	var bare []pace
	short := make(map[string]int)
	ticks, firsts, peaks := make(map[string][]time.Duration), make(map[string][]pace), make(map[string][]float64)
	for range snapshotRounds {
		for _, name := range names {
			p := startProbe(b, name, "--detail", "--interval", "1m")
			m := p.tick(b)
			firsts[name] = append(firsts[name], pace{m.at.Sub(p.began), cpu(b, p.cmd.Process.Pid)})
			peaks[name] = append(peaks[name], p.peakRSS(b))
			p.stop(b)
			if s := c.seen(m.Tick); s.named != crowdSockets {
				b.Errorf("%s: of %d sockets %+v; lost %+v, problems %v", name, crowdSockets, s, m.Tick.Loss, m.Tick.Problems)
				short[name] = s.named
			}
			ticks[name] = append(ticks[name], time.Duration(m.Tick.Cost.WallNanos))
		}
		n, took := bareDump(b, c.spaces)
		if n != crowdSockets {
			b.Fatalf("the dump found %d of %d sockets", n, crowdSockets)
		}
		bare = append(bare, took)
	}
	limit := middlePace(bare)
	b.ReportMetric(limit.wall.Seconds(), "bare-s")
	record(b, result.Line{Work: title + ": bare inet_diag dump", Measured: limit.String()})
	times := snapshotTimes{title: title, names: names, first: make(map[string]pace)}
	for _, name := range names {
		work := title + ": " + name
		if n, ok := short[name]; ok { // half of a snapshot is not faster than a whole one
			record(b, result.Line{Work: work, Measured: fmt.Sprintf("only %d sockets were told with pod and process", n), Goal: "all", Verdict: result.Missed})
			continue
		}
		first := middlePace(firsts[name])
		times.first[name] = first
		b.ReportMetric(first.wall.Seconds(), name+"-s")
		record(b, result.Line{
			Work: work + ", start of the process → first tick", Measured: first.String() + ", " + first.over(limit),
			Goal: "≤ 1.5 × bare", Verdict: result.Judge(first.wall <= limit.wall*3/2),
		})
		tick := middle(ticks[name])
		record(b, result.Line{
			Work: work + ", of that the snapshot", Measured: fmt.Sprintf("%s, %.2f ×", seconds(tick), float64(tick)/float64(limit.wall)),
			Goal: "≤ 1.5 × bare", Verdict: result.Judge(tick <= limit.wall*3/2),
		})
		peak := middle(peaks[name]) / 1e6
		record(b, result.Line{Work: work + ", peak RSS", Measured: fmt.Sprintf("%.1f MB", peak), Goal: "≤ 40 MB", Verdict: result.Judge(peak <= 40)})
	}
	return times
}

// against records how many times longer a peer took; a goal of 0 is none.
func (s snapshotTimes) against(b *testing.B, peer peerTime, goal float64) {
	b.Helper()
	for _, name := range s.names {
		if s.first[name].wall == 0 {
			continue // there was no whole one
		}
		ratio := float64(peer.took.wall) / float64(s.first[name].wall)
		line := result.Line{
			Work: s.title + ": " + name + " beside " + peer.name, Measured: fmt.Sprintf("%.0f × faster (CPU %.0f ×)", ratio, float64(peer.took.cpu)/float64(s.first[name].cpu)),
		}
		if goal > 0 {
			line.Goal, line.Verdict = fmt.Sprintf("≥ %.0f × faster", goal), result.Judge(ratio >= goal)
		}
		record(b, line)
	}
}

// sight is how many connections of a crowd are in a tick: at all, with their
// pod, with the number of a process of that pod, and with its name as well.
type sight struct{ all, inPods, withPID, named int }

func (c *crowd) seen(t *wire.Tick) (s sight) {
	ours := make(map[string]string)
	for _, p := range c.pods {
		ours[p.uid] = p.container
	}
	containers := make(map[uint32]string)
	for _, o := range t.Owners {
		containers[o.ID] = ours[o.PodUID]
	}
	for _, r := range t.Rows {
		if r.Port != crowdPort {
			continue
		}
		s.all += int(r.Established)
		container := containers[r.Owner]
		if container == "" {
			continue
		}
		s.inPods += int(r.Established)
		for _, p := range r.Processes {
			if p.PID == 0 || p.ContainerID != container {
				continue
			}
			s.withPID += int(p.Established)
			if p.Command != "" {
				s.named += int(p.Established)
			}
		}
	}
	return s
}

// peerTime is what somebody else's program took.
type peerTime struct {
	name string
	took pace
	// peak is its peak memory in bytes.
	peak float64
}

// run times a command in a namespace; its output is thrown away.
func run(b *testing.B, netns string, argv ...string) peerTime {
	b.Helper()
	t := peerTime{name: strings.Join(argv, " ")}
	cmd := exec.CommandContext(b.Context(), "nsenter", append([]string{"--net=" + netns}, argv...)...)
	cmd.Stdout = io.Discard
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %v", argv, err)
	}
	t.took = pace{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.peak = float64(usage.Maxrss) * 1024
	}
	return t
}

func ownPeak(b *testing.B) float64 {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Maxrss) * 1024
}

func (t peerTime) record(b *testing.B, title string) {
	b.Helper()
	measured := t.took.String()
	// Linux lets a process begin with the peak of the one that started it.
	if t.peak > 2*ownPeak(b) {
		measured += fmt.Sprintf(", peak RSS %.1f MB", t.peak/1e6)
	}
	record(b, result.Line{Work: title + ": " + t.name, Measured: measured})
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
