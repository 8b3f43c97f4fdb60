package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// soon is how long a test waits for what must happen: it is reached only when
// the test fails.
const soon = 30 * time.Second

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the probe reads Linux kernels only")
	}
}

func ended(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(soon):
		t.Fatal("the probe does not end")
		return nil
	}
}

func serve(t *testing.T, cfg Config, in io.Reader, out io.Writer) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- Serve(t.Context(), cfg, in, out) }()
	return done
}

func commandFrame(t *testing.T, c wire.Command) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := wire.NewEncoder(&buf).Command(&c); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// blocked is an output that nobody reads. It says when the first write came.
type blocked struct {
	once  chan struct{}
	never chan struct{}
}

func newBlocked(t *testing.T) *blocked {
	b := &blocked{once: make(chan struct{}, 1), never: make(chan struct{})}
	t.Cleanup(func() { close(b.never) })
	return b
}

func (b *blocked) Write([]byte) (int, error) {
	select {
	case b.once <- struct{}{}:
	default:
	}
	<-b.never
	return 0, io.ErrClosedPipe
}

func TestServeEndsWithItsInput(t *testing.T) {
	t.Parallel()
	onLinux(t)
	in, control := io.Pipe()
	pr, pw := io.Pipe()
	done := serve(t, Config{Scope: ScopePod}, in, pw)
	dec := wire.NewDecoder(pr)
	var kinds string
	for {
		m, err := dec.Next()
		if err != nil {
			t.Fatalf("after %s: %v", kinds, err)
		}
		switch {
		case m.Hello != nil:
			kinds += "hello "
		case m.Tick != nil:
			kinds += "tick "
			_ = control.Close()
		case m.Bye != nil:
			if m.Bye.Reason != ByeLeash || m.Bye.Failed || !strings.HasPrefix(kinds, "hello tick ") {
				t.Errorf("%+v after %s", m.Bye, kinds)
			}
			if err := ended(t, done); err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// The leash holds even while nobody reads what the probe says.
func TestServeEndsWhileOutputBlocks(t *testing.T) {
	t.Parallel()
	onLinux(t)
	in, control := io.Pipe()
	out := newBlocked(t)
	done := serve(t, Config{Scope: ScopePod}, in, out)
	<-out.once
	_ = control.Close()
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
}

// Commands that nobody hears must not hide the end of the input.
func TestServeEndsWithCommandsUnheard(t *testing.T) {
	t.Parallel()
	onLinux(t)
	in, control := io.Pipe()
	out := newBlocked(t)
	done := serve(t, Config{Scope: ScopePod}, in, out)
	<-out.once
	for i := range 5 {
		if _, err := control.Write(commandFrame(t, wire.Command{IntervalMillis: int64(200 + i)})); err != nil {
			t.Fatal(err)
		}
	}
	_ = control.Close()
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
}

func TestServeDeadlineWhileOutputBlocks(t *testing.T) {
	t.Parallel()
	onLinux(t)
	in, _ := io.Pipe()
	if err := ended(t, serve(t, Config{Scope: ScopePod, Deadline: time.Millisecond}, in, newBlocked(t))); err != nil {
		t.Error(err)
	}
}

func TestServeContextWhileOutputBlocks(t *testing.T) {
	t.Parallel()
	onLinux(t)
	in, _ := io.Pipe()
	out := newBlocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, Config{Scope: ScopePod}, in, out) }()
	<-out.once
	cancel()
	if err := ended(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestServeBrokenCommands(t *testing.T) {
	t.Parallel()
	onLinux(t)
	for name, in := range map[string]io.Reader{
		"garbage":       strings.NewReader("exit\n and some more text"),
		"cut":           bytes.NewReader(commandFrame(t, wire.Command{})[:7]),
		"after a bye":   bytes.NewReader(append(byeFrame(t), "garbage, garbage"...)),
		"after command": bytes.NewReader(append(commandFrame(t, wire.Command{}), "garbage, garbage"...)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ended(t, serve(t, Config{Scope: ScopePod}, in, io.Discard))
			var bad *wire.Error
			if !errors.As(err, &bad) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func byeFrame(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := wire.NewEncoder(&buf).Bye(&wire.Bye{}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A probe that cannot read anything says so on the stream, and on stderr.
func TestMainWithoutProc(t *testing.T) {
	t.Parallel()
	onLinux(t)
	var out, errs bytes.Buffer
	args := []string{"--proc", filepath.Join(t.TempDir(), "nothing"), "--collector", "procfs"}
	if code := Main(context.Background(), "v", args, strings.NewReader(""), &out, &errs); code != 1 {
		t.Errorf("code %d", code)
	}
	if s := errs.String(); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "snattop-probe: ") {
		t.Errorf("stderr %q", s)
	}
	dec := wire.NewDecoder(&out)
	hello, err := dec.Next()
	if err != nil || hello.Hello == nil || len(hello.Hello.Features) == 0 || hello.Hello.Probe != "v" {
		t.Fatalf("%+v, %v", hello, err)
	}
	bye, err := dec.Next()
	if err != nil || bye.Bye == nil || !bye.Bye.Failed || !strings.Contains(bye.Bye.Reason, "procfs") {
		t.Errorf("%+v, %v", bye.Bye, err)
	}
}

func TestMainEndsWell(t *testing.T) {
	t.Parallel()
	onLinux(t)
	var out, errs bytes.Buffer
	if code := Main(context.Background(), "v", []string{"--scope", "pod"}, strings.NewReader(""), &out, &errs); code != 0 || errs.Len() != 0 {
		t.Errorf("code %d, %q", code, errs.String())
	}
}

func TestPostKeepsTheLatestOfEach(t *testing.T) {
	t.Parallel()
	box := make(chan wire.Command, 1)
	first, second := &wire.Focus{Owners: []uint32{1}}, &wire.Focus{Owners: []uint32{2}}
	for _, c := range []wire.Command{{Focus: first}, {IntervalMillis: 500}, {Focus: second}, {IntervalMillis: 700}, {}} {
		post(box, c)
	}
	if got := <-box; got.Focus != second || got.IntervalMillis != 700 || len(box) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestReadCommandsAfterClose(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Close(), w.Close()
	if err := readCommands(t.Context(), r, make(chan wire.Command, 1)); err != nil {
		t.Errorf("a closed input is an end, not %v", err)
	}
}
