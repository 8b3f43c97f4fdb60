//go:build kernel && linux

package kernel

import (
	"bufio"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// tracerProgram is bcc's tcptracer, where Debian has it.
const tracerProgram = "/usr/sbin/tcptracer-bpfcc"

// tracerWatch is a running tcptracer, and the sums of what it tells about the
// connections that a load makes.
type tracerWatch struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready chan struct{}
	ended chan struct{}
	// startup is how long it took to begin.
	startup time.Duration

	places map[string]bool // as "address port", the way it prints them
	lines  atomic.Int64

	mu  sync.Mutex
	sum watched
}

// watchWithTracer starts tcptracer and waits until it watches.
func watchWithTracer(t *testing.T, place loadPlace) *tracerWatch {
	t.Helper()
	w := &tracerWatch{t: t, ready: make(chan struct{}), ended: make(chan struct{}), places: map[string]bool{}}
	for _, at := range append(place.Open, place.Refusing...) {
		w.places[at.Addr().String()+" "+strconv.Itoa(int(at.Port()))] = true
	}
	w.cmd = exec.Command(tracerProgram, "-tv")
	complaints, err := w.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	// On a terminal, as people use it: into a pipe, Python keeps its output back.
	out, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	w.cmd.Stdout = tty
	began := time.Now()
	err = w.cmd.Start()
	_ = tty.Close()
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { w.read(out) })
	readers.Go(func() { w.hear(complaints) })
	go func() { readers.Wait(); close(w.ended) }()
	t.Cleanup(func() {
		_ = w.cmd.Process.Signal(unix.SIGINT)
		<-w.ended
		_ = w.cmd.Wait() // whether it calls an interrupt a failure does not matter
	})
	select {
	case <-w.ready:
	case <-w.ended:
		t.Fatalf("tcptracer ended: %q", w.sum.problems)
	case <-time.After(patience):
		t.Fatalf("tcptracer took longer than %s to start", patience)
	}
	w.startup = time.Since(began)
	return w
}

// read counts lines of what tcptracer -tv prints:
//
//	TIME(ns) TYPE PID COMM IP SADDR DADDR SPORT DPORT NETNS
//
// TYPE is connect, accept or close. A connection has two ends, and tcptracer
// tells the close of each: those count where the load's place is the far end.
func (w *tracerWatch) read(out io.Reader) {
	in := bufio.NewScanner(out)
	header := sync.OnceFunc(func() { close(w.ready) })
	for in.Scan() {
		f := strings.Fields(in.Text())
		if len(f) > 0 && strings.HasPrefix(f[0], "TIME") {
			header()
			continue
		}
		if len(f) < 10 {
			continue
		}
		w.lines.Add(1)
		f = append(f[:2], f[len(f)-8:]...) // a command may have spaces in it
		if !w.places[f[len(f)-4]+" "+f[len(f)-2]] {
			continue
		}
		w.mu.Lock()
		switch f[1] {
		case "connect":
			w.sum.opens++
		case "close":
			w.sum.closes++
		}
		w.mu.Unlock()
	}
}

// hear counts what tcptracer says that it lost, and keeps its other complaints.
func (w *tracerWatch) hear(complaints io.Reader) {
	in := bufio.NewScanner(complaints)
	for in.Scan() {
		w.mu.Lock()
		if f := strings.Fields(in.Text()); len(f) == 4 && f[0] == "Possibly" && f[1] == "lost" {
			n, err := strconv.ParseUint(f[2], 10, 64)
			if err == nil {
				w.sum.lost += n
			}
		} else if len(w.sum.problems) < 20 {
			w.sum.problems = append(w.sum.problems, in.Text())
		}
		w.mu.Unlock()
	}
}

// settled waits until tcptracer has printed all that it has.
func (w *tracerWatch) settled() watched {
	w.t.Helper()
	const quiet = 5 * time.Second
	for before, since := w.lines.Load(), time.Now(); time.Since(since) < quiet; {
		select {
		case <-w.ended:
			w.t.Fatal("tcptracer ended while it watched")
		case <-time.After(100 * time.Millisecond):
		}
		if now := w.lines.Load(); now != before {
			before, since = now, time.Now()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum
}

func (w *tracerWatch) pid() int { return w.cmd.Process.Pid }
