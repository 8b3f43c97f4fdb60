//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/e2e/ground"
)

// BenchmarkFirstFrame is the time from the start of the process until the
// first page has been drawn.
func BenchmarkFirstFrame(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		s := start(b, "", "local")
		took = append(took, s.until(b, began, "snattop", "❶"))
		s.quit(b)
	}
	first := median(b, took, "first-frame-ms", time.Millisecond)
	record(b, result.Line{
		Work: "start of the process → first page drawn", Measured: fmt.Sprintf("%.0f ms", ms(first)),
		Goal: "≤ 150 ms", Verdict: result.Judge(first <= 150*time.Millisecond),
	})
}

// BenchmarkLiveNumbers is the time from the start of the process until numbers
// of all three nodes are on the screen, beside what kubectl needs to run a pod
// and reach it.
func BenchmarkLiveNumbers(b *testing.B) {
	g, err := ground.Attach()
	if err != nil {
		b.Skip("needs the proving ground: make e2e-up")
	}
	var live, peer time.Duration
	b.Run("snattop", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			s := start(b, g.Kubeconfig(), "--snat-ports", "1024")
			took = append(took, s.until(b, began, "3 seen"))
			s.quit(b)
		}
		live = median(b, took, "live-s", time.Second)
	})
	b.Run("kubectl-run-and-exec", func(b *testing.B) {
		var took []time.Duration
		n := 0
		for b.Loop() {
			n++
			name := fmt.Sprintf("bench-%d-%d", os.Getpid(), n)
			began := time.Now()
			kubectl(b, g, "run", name, "--image=busybox:1.36", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--", "sleep", "300")
			kubectl(b, g, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=60s")
			kubectl(b, g, "exec", name, "--", "true")
			took = append(took, time.Since(began))
			kubectl(b, g, "delete", "pod", name, "--grace-period=0", "--force")
		}
		peer = median(b, took, "live-s", time.Second)
	})
	record(b, result.Line{Work: "kubectl run to Ready, then kubectl exec … true", Measured: seconds(peer)})
	record(b, result.Line{
		Work: "start of the process → live numbers of three nodes", Measured: fmt.Sprintf("%s, %.2f × kubectl", seconds(live), float64(live)/float64(peer)),
		Goal: "≤ 2 × kubectl", Verdict: result.Judge(live <= 2*peer),
	})
}

// median reports the middle of several times, and returns it.
func median(b *testing.B, took []time.Duration, name string, unit time.Duration) time.Duration {
	b.Helper()
	m := middle(took)
	b.ReportMetric(float64(m)/float64(unit), name)
	return m
}

func kubectl(b *testing.B, g *ground.Ground, args ...string) {
	b.Helper()
	if _, err := g.Kubectl(b.Context(), "", args...); err != nil {
		b.Fatal(err)
	}
}

// screen is snattop on a pseudo-terminal.
type screen struct {
	cmd  *exec.Cmd
	tty  *os.File
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func start(b *testing.B, kubeconfig string, args ...string) *screen {
	b.Helper()
	s := &screen{more: make(chan struct{}, 1)}
	s.cmd = exec.CommandContext(context.WithoutCancel(b.Context()), snattopBinary, args...)
	s.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "KUBECONFIG="+kubeconfig)
	tty, err := pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		b.Fatal(err)
	}
	s.tty = tty
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// until waits for all the words to have been drawn.
func (s *screen) until(b *testing.B, began time.Time, words ...string) time.Duration {
	b.Helper()
	deadline := time.After(60 * time.Second)
	for {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		found := true
		for _, w := range words {
			found = found && strings.Contains(text, w)
		}
		if found {
			return time.Since(began)
		}
		select {
		case <-s.more:
		case <-deadline:
			b.Fatalf("%q never came: %q", words, text)
		}
	}
}

func (s *screen) quit(b *testing.B) {
	b.Helper()
	if _, err := io.WriteString(s.tty, "q"); err != nil {
		b.Fatal(err)
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		b.Fatal(err)
	}
	_ = s.tty.Close()
}
