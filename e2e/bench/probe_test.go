//go:build bench && linux

package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// collectorVar chooses the collector that is measured first of all.
const collectorVar = "SNATTOP_BENCH_COLLECTOR"

// mainCollector is the one that is measured everywhere.
func mainCollector() string {
	if c := os.Getenv(collectorVar); c != "" {
		return c
	}
	return "auto"
}

// collectors returns the main collector and diag, by the names under which
// they answer.
func collectors(b *testing.B) []string {
	b.Helper()
	p := startProbe(b, mainCollector(), "--interval", "1m")
	defer p.stop(b)
	if p.hello(b).Collector == "diag" {
		return []string{"diag"}
	}
	return []string{p.name, "diag"}
}

// probe is a running snattop-probe.
type probe struct {
	// name is the collector's; known after hello.
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	began time.Time
	// messages holds what it said, and ends with its output.
	messages chan message
	failure  error
	read     atomic.Int64
}

// message is a frame with the moment and the number of bytes by which it had
// come.
type message struct {
	wire.Message
	at    time.Time
	bytes int64
}

// startProbe starts a probe with a collector. stop ends it, and so does the
// end of the benchmark.
func startProbe(b *testing.B, collector string, args ...string) *probe {
	b.Helper()
	// Nobody keeps the probe waiting: a tick a second for some minutes.
	p := &probe{messages: make(chan message, 1<<12)}
	p.cmd = exec.CommandContext(b.Context(), probeBinary, append([]string{"--collector", collector}, args...)...)
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	p.cmd.Stderr = os.Stderr
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go p.listen(out)
	b.Cleanup(func() { _ = p.end() })
	return p
}

func (p *probe) listen(out io.Reader) {
	defer close(p.messages)
	dec := wire.NewDecoder(&countingReader{out, &p.read})
	for {
		m, err := dec.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.failure = err
			return
		}
		p.messages <- message{m, time.Now(), p.read.Load()}
	}
}

type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(buf []byte) (int, error) {
	n, err := c.r.Read(buf)
	c.n.Add(int64(n))
	return n, err
}

// next returns the next frame.
func (p *probe) next(b *testing.B) message {
	b.Helper()
	const patience = 90 * time.Second
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case m, ok := <-p.messages:
		switch {
		case !ok:
			b.Fatalf("the probe ended: %v", p.failure)
		case m.Bye != nil:
			b.Fatalf("the probe ended: %s", m.Bye.Reason)
		}
		return m
	case <-timer.C:
		b.Fatalf("the probe has said nothing for %s", patience)
	}
	return message{}
}

// hello waits for the first frame.
func (p *probe) hello(b *testing.B) *wire.Hello {
	b.Helper()
	m := p.next(b)
	if m.Hello == nil {
		b.Fatal("the probe does not begin with a hello")
	}
	p.name = m.Hello.Collector
	return m.Hello
}

// tick waits for the next tick, which must not tell of a change of collectors.
func (p *probe) tick(b *testing.B) message {
	b.Helper()
	m := p.next(b)
	if m.Hello != nil {
		p.name = m.Hello.Collector
		m = p.next(b)
	}
	if m.Tick.Collector != "" {
		b.Fatalf("the collector failed, %s took over: %v", m.Tick.Collector, m.Tick.Problems)
	}
	return m
}

// tickAfter waits for a tick whose snapshot was taken after a moment, and
// passes it and those before it to each.
func (p *probe) tickAfter(b *testing.B, moment time.Time, each func(*wire.Tick)) {
	b.Helper()
	for {
		m := p.tick(b)
		each(m.Tick)
		if m.Tick.UnixNanos > moment.UnixNano() {
			return
		}
	}
}

// stop ends the probe.
func (p *probe) stop(b *testing.B) {
	b.Helper()
	if err := p.end(); err != nil {
		b.Fatalf("the probe: %v", err)
	}
}

func (p *probe) end() error {
	_ = p.in.Close()
	for range p.messages { // to the end of its output
	}
	return p.cmd.Wait()
}

// peakRSS reads the high-water mark of the probe's memory, in bytes.
func (p *probe) peakRSS(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb * 1024
		}
	}
	b.Fatal("the probe has no VmHWM")
	return 0
}

// cpu reads the processor time that a process has taken, threads that ended
// included.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel's posix-timers.h.
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		b.Fatalf("the processor time of process %d: %v", pid, err)
	}
	return time.Duration(ts.Nano())
}

// middle returns the median.
func middle[T int | float64 | time.Duration](of []T) T {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
