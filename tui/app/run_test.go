package app

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/tui/tuitest"
)

// terminal is an output that tells when a text has been written to it.
type terminal struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	want string
	seen chan struct{}
}

func newTerminal(want string) *terminal { return &terminal{want: want, seen: make(chan struct{})} }

func (o *terminal) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buf.Write(p)
	if o.want != "" && strings.Contains(o.buf.String(), o.want) {
		o.want = ""
		close(o.seen)
	}
	return n, err
}

func (o *terminal) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func runOptions(in io.Reader, out io.Writer) []tea.ProgramOption {
	return []tea.ProgramOption{
		tea.WithInput(in), tea.WithOutput(out), tea.WithWindowSize(80, 24), tea.WithColorProfile(colorprofile.ASCII),
		tea.WithEnvironment([]string{"TERM=xterm-256color"}),
	}
}

const altScreenOn, altScreenOff = "\x1b[?1049h", "\x1b[?1049l"

func TestRunUntilQuit(t *testing.T) {
	t.Parallel()
	in, keyboard := io.Pipe()
	out := newTerminal("out of ports")
	done := make(chan error, 1)
	v := tuitest.NewView(tuitest.Sick())
	go func() {
		done <- Run(t.Context(), v, Options{Now: tuitest.Now, NoColor: true}, runOptions(in, out)...)
	}()
	await(t, out.seen)
	if _, err := keyboard.Write([]byte("3q")); err != nil {
		t.Fatal(err)
	}
	awaitErr(t, done)
	if s := out.String(); !strings.Contains(s, altScreenOn) || strings.LastIndex(s, altScreenOff) < strings.LastIndex(s, altScreenOn) {
		t.Errorf("the terminal is not as it was: %q", s)
	}
	if f := v.Focus(); len(f) != 2 || f[1] != " " {
		t.Errorf("the wish for detail outlives the UI: %q", f)
	}
}

func TestRunUntilContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	in, keyboard := io.Pipe()
	defer func() { _ = keyboard.Close() }()
	out := newTerminal("out of ports")
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.Now}, runOptions(in, out)...)
	}()
	await(t, out.seen)
	cancel()
	awaitErr(t, done)
	if s := out.String(); strings.LastIndex(s, altScreenOff) < strings.LastIndex(s, altScreenOn) {
		t.Errorf("the terminal is not as it was: %q", s)
	}
}

func TestEndOfSource(t *testing.T) {
	t.Parallel()
	m, v := start(tuitest.Sick(), 80, 24)
	v.Set(ended())
	if msg, ok := m.listen()().(changedMsg); !ok || msg.ended {
		t.Fatalf("a change is told as %v", msg)
	}
	v.End()
	msg := m.listen()()
	m.Update(msg)
	wants(t, m, "ENDED 12:04:31Z", "read to its end")
	if m.listen() != nil || m.rest() != nil {
		t.Error("it listens on after the end")
	}
}

func TestCloseEndsListening(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 80, 24)
	wait := m.listen()
	m.close()
	m.close()
	if msg := wait(); msg != nil {
		t.Errorf("after close there is %v", msg)
	}
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("the screen was never drawn")
	}
}

func awaitErr(t *testing.T, c <-chan error) {
	t.Helper()
	select {
	case err := <-c:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the UI never ended")
	}
}
