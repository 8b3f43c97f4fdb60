package k8s

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// stderrKept bounds what is kept of a program's standard error, in bytes.
const stderrKept = 4 << 10

// Target is a container to run something in.
type Target struct{ Namespace, Pod, Container string }

// String returns "pod namespace/name".
func (t Target) String() string { return "pod " + t.Namespace + "/" + t.Pod }

// ExitError is a program that ended with a code other than 0.
type ExitError struct {
	Code int
	// Stderr is the end of its standard error, in one line.
	Stderr string
}

// Error returns the code and what the program said.
func (e *ExitError) Error() string {
	what := fmt.Sprintf("exit code %d", e.Code)
	if e.Code == 137 {
		what += " (killed: out of memory, or its pod was deleted)"
	}
	if e.Stderr != "" {
		what += ": " + e.Stderr
	}
	return what
}

// Stream is a running program: read its standard output, write its standard
// input. What is not read holds the program back. It must be closed.
type Stream struct {
	target Target
	stdin  *io.PipeWriter
	stdout *io.PipeReader
	stderr *tail
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done
}

// Exec starts a program in a container. It does not wait for the connection:
// a failure to connect is what Read and Wait return. The program's standard
// input ends when ctx does, or on CloseStdin or Close.
func (c *Client) Exec(ctx context.Context, target Target, command []string) (*Stream, error) {
	run, err := c.executor(target, command)
	if err != nil {
		return nil, Doing(err, "preparing exec", target.String())
	}
	return startStream(ctx, target, run), nil
}

func startStream(ctx context.Context, target Target, run remotecommand.Executor) *Stream {
	ctx, cancel := context.WithCancel(ctx)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &Stream{target: target, stdin: inW, stdout: outR, stderr: &tail{max: stderrKept}, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer cancel()
		err := run.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: inR, Stdout: outW, Stderr: s.stderr})
		s.err = s.explain(err)
		// The executor leaves a goroutine that reads standard input; this
		// ends it, and whoever writes to it.
		_ = inR.CloseWithError(io.ErrClosedPipe)
		if s.err != nil {
			_ = outW.CloseWithError(s.err)
			return
		}
		_ = outW.Close()
	}()
	return s
}

// Read reads standard output: io.EOF after a program that ended well.
func (s *Stream) Read(p []byte) (int, error) { return s.stdout.Read(p) }

// Write writes to standard input. It blocks while the program does not read.
func (s *Stream) Write(p []byte) (int, error) { return s.stdin.Write(p) }

// CloseStdin ends the program's standard input.
func (s *Stream) CloseStdin() error { return s.stdin.Close() }

// Stderr returns the end of standard error so far, in one line.
func (s *Stream) Stderr() string { return s.stderr.String() }

// Done is closed when the stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Wait waits for the program's end. The error is an *Error; it wraps an
// *ExitError when the program ended with another code than 0.
func (s *Stream) Wait() error {
	<-s.done
	return s.err
}

// Close ends the program: its standard input first, and after grace the
// connection too. It returns when the stream has ended.
func (s *Stream) Close(grace time.Duration) {
	_ = s.stdin.Close()
	// Nobody reads any more: let the rest pass instead of blocking the end.
	go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
	}
	s.cancel()
	<-s.done
	_ = s.stdout.Close()
}

func (s *Stream) explain(err error) error {
	if err == nil {
		return nil
	}
	said := s.stderr.String()
	var exit utilexec.CodeExitError
	if errors.As(err, &exit) {
		e := &ExitError{Code: exit.Code, Stderr: said}
		return &Error{Kind: KindOther, Doing: "exec", Object: s.target.String(), What: e.Error(), Err: e}
	}
	if said != "" {
		err = fmt.Errorf("%w (%s)", err, said)
	}
	return Doing(err, "exec", s.target.String())
}

// Run runs a program to its end with the given standard input, and returns at
// most limit bytes of its output.
func (c *Client) Run(ctx context.Context, target Target, command []string, stdin io.Reader, limit int64) ([]byte, error) {
	s, err := c.Exec(ctx, target, command)
	if err != nil {
		return nil, err
	}
	return runStream(s, stdin, limit)
}

func runStream(s *Stream, stdin io.Reader, limit int64) ([]byte, error) {
	defer s.Close(0)
	var wg sync.WaitGroup
	wg.Go(func() {
		if stdin != nil {
			// A program that ends before its input does is told by its code.
			_, _ = io.Copy(s, stdin)
		}
		_ = s.CloseStdin()
	})
	out, err := io.ReadAll(io.LimitReader(s, limit))
	if err == nil && int64(len(out)) < limit {
		err = s.Wait()
	}
	s.cancel()
	<-s.done
	wg.Wait()
	return out, err
}

// executor prefers a WebSocket and falls back to SPDY.
func (c *Client) executor(target Target, command []string) (remotecommand.Executor, error) {
	req := c.Clientset.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(target.Namespace).Name(target.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: target.Container, Command: command, Stdin: true, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec)
	spdy, err := remotecommand.NewSPDYExecutor(c.Config, "POST", req.URL())
	if err != nil {
		return nil, err
	}
	ws, err := remotecommand.NewWebSocketExecutor(c.Config, "GET", req.URL().String())
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(ws, spdy, shouldFallBack)
}

// shouldFallBack reports whether SPDY may work where a WebSocket did not. That
// includes a refusal: a WebSocket asks for the verb "get" on pods/exec on
// older API servers, SPDY for "create".
func shouldFallBack(err error) bool {
	if httpstream.IsHTTPSProxyError(err) {
		return true
	}
	if !httpstream.IsUpgradeFailure(err) {
		return false
	}
	if apierrors.IsNotFound(err) || apierrors.IsUnauthorized(err) {
		return false
	}
	// Waiting a second time for a node that does not answer helps nobody.
	return !strings.Contains(err.Error(), "error dialing backend")
}

// tail keeps the last bytes written to it.
type tail struct {
	max int
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	const longest = 500 // the end says what went wrong
	s := strings.Join(strings.Fields(string(bytes.ToValidUTF8(t.buf, nil))), " ")
	if len(s) > longest {
		s = "…" + strings.ToValidUTF8(s[len(s)-longest:], "")
	}
	return s
}
