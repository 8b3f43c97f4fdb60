//go:build unix

package pty

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// patience is how long a screen may take to show what is waited for. It is a
// bound for a machine that is busy with everything else, not a delay.
const patience = 30 * time.Second

// terminal is a program on a pseudo-terminal, and the emulator that draws it.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	// before is how the line was set when the program came.
	before *term.State

	mu       sync.Mutex
	emulator *vt.Emulator
	modes    map[ansi.Mode]bool
	titled   string
	// last is the end of what was written: words after the screen was left.
	last []byte

	drawn  chan struct{} // has a token after something was drawn
	ended  chan struct{} // closed when the program has ended and all is drawn
	exited error         // valid after ended
}

// setting is how a program is started.
type setting struct {
	width, height int
	env           []string
	// shell puts a shell with job control between the terminal and the program.
	shell bool
}

// run starts snattop on a terminal.
func run(t *testing.T, s setting, args ...string) *terminal {
	t.Helper()
	return start(t, s, append([]string{snattop}, args...)...)
}

// start starts a command on a terminal of its own.
func start(t *testing.T, s setting, argv ...string) *terminal {
	t.Helper()
	if s.width == 0 {
		s.width, s.height = 120, 40
	}
	opened, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	master := pollable(t, opened)
	p := &terminal{
		t: t, master: master, emulator: vt.NewEmulator(s.width, s.height), modes: map[ansi.Mode]bool{ansi.ModeTextCursorEnable: true},
		drawn: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	p.emulator.SetCallbacks(vt.Callbacks{
		EnableMode:  func(m ansi.Mode) { p.modes[m] = true },
		DisableMode: func(m ansi.Mode) { p.modes[m] = false },
		Title:       func(title string) { p.titled = title },
	})
	p.resize(s.width, s.height)
	p.before = p.line()
	env := append(os.Environ(), "TERM=xterm-256color", "COLORTERM=", "NO_COLOR=", "KUBECONFIG="+os.DevNull, "XDG_CONFIG_HOME="+t.TempDir())
	if s.shell {
		argv = append([]string{os.Args[0]}, argv...)
		env = append(env, shellEnv+"=1")
	}
	p.cmd = exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	p.cmd.Dir = t.TempDir()
	env = append(env, s.env...)
	p.cmd.Env = env
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	go p.answer()
	go p.draw()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.master.Close()
		<-p.ended
		if t.Failed() {
			t.Logf("the screen at the end:\n%s", p.screen())
		}
	})
	return p
}

// pollable takes over a file that was set to block (which the ioctls of package
// pty do), so that closing it ends a reading of it, and really closes it.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// control calls a function with the master's descriptor, which stays pollable.
func (p *terminal) control(do func(fd uintptr)) {
	p.t.Helper()
	raw, err := p.master.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := raw.Control(do); err != nil {
		p.t.Fatal(err)
	}
}

// draw feeds the emulator until the program has closed its side.
func (p *terminal) draw() {
	defer close(p.ended)
	buf := make([]byte, 64<<10)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		_, _ = p.emulator.Write(buf[:n])
		p.last = append(p.last, buf[:n]...)
		p.last = p.last[max(0, len(p.last)-8<<10):]
		p.mu.Unlock()
		select {
		case p.drawn <- struct{}{}:
		default:
		}
		if err != nil {
			break
		}
	}
	p.exited = p.cmd.Wait()
	_ = p.emulator.Close()
}

// answer passes on what the emulator is asked for by the program: colours, modes.
func (p *terminal) answer() { _, _ = io.Copy(p.master, p.emulator) }

// screen is what is seen.
func (p *terminal) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text()
}

func (p *terminal) text() string {
	lines := strings.Split(p.emulator.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// title is what the window is called.
func (p *terminal) title() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.titled
}

// until waits for a screen.
func (p *terminal) until(what string, ok func(screen string) bool) string {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if s := p.screen(); ok(s) {
			return s
		}
		select {
		case <-p.drawn:
		case <-p.ended:
			if s := p.screen(); ok(s) {
				return s
			}
			p.t.Fatalf("it ended (%v) without %s", p.exited, what)
		case <-deadline.C:
			p.t.Fatalf("after %s there is no %s", patience, what)
		}
	}
}

// shows waits until all of some words are on the screen at once.
func (p *terminal) shows(words ...string) string {
	p.t.Helper()
	return p.until(fmt.Sprintf("%q", words), func(s string) bool {
		for _, w := range words {
			if !strings.Contains(s, w) {
				return false
			}
		}
		return true
	})
}

// hides waits until words are gone from the screen.
func (p *terminal) hides(word string) string {
	p.t.Helper()
	return p.until(fmt.Sprintf("screen without %q", word), func(s string) bool { return !strings.Contains(s, word) })
}

// keys types. A program may have ended meanwhile, which other assertions see.
func (p *terminal) keys(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.t.Fatalf("typing %q: %v", keys, err)
	}
}

// Keys that are sequences.
const (
	enter, escape          = "\r", "\x1b"
	down, right            = "\x1b[B", "\x1b[C"
	shiftRight             = "\x1b[1;2C"
	home, end              = "\x1b[H", "\x1b[F"
	ctrlC, ctrlZ           = "\x03", "\x1a"
	pasteBegin, pasteClose = "\x1b[200~", "\x1b[201~"
)

// click presses and lets go of the left button on the cell of a text.
func (p *terminal) click(text string) {
	p.t.Helper()
	x, y := p.find(text)
	p.keys(fmt.Sprintf("\x1b[<0;%d;%dM\x1b[<0;%d;%dm", x, y, x, y))
}

// wheel turns the wheel once over a text, downwards or up.
func (p *terminal) wheel(text string, downwards bool) {
	p.t.Helper()
	x, y := p.find(text)
	button := 64
	if downwards {
		button = 65
	}
	p.keys(fmt.Sprintf("\x1b[<%d;%d;%dM", button, x, y))
}

// find is the cell, counted from 1, at which a text begins.
func (p *terminal) find(text string) (x, y int) {
	p.t.Helper()
	for y, l := range strings.Split(p.screen(), "\n") {
		if before, _, ok := strings.Cut(l, text); ok {
			return ansi.StringWidth(before) + 1, y + 1
		}
	}
	p.t.Fatalf("%q is not on the screen", text)
	return 0, 0
}

// resize changes the size of the terminal, as a window does.
func (p *terminal) resize(width, height int) {
	p.t.Helper()
	p.mu.Lock()
	p.emulator.Resize(width, height)
	p.mu.Unlock()
	size := pty.Winsize{Rows: uint16(height), Cols: uint16(width)}
	var errno syscall.Errno
	p.control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size)))
	})
	if errno != 0 {
		p.t.Fatal("setting the size: ", errno)
	}
}

// line is how the terminal's line is set: raw, or as a shell likes it.
func (p *terminal) line() *term.State {
	p.t.Helper()
	var state *term.State
	var err error
	p.control(func(fd uintptr) { state, err = term.GetState(fd) })
	if err != nil {
		p.t.Fatal(err)
	}
	return state
}

// exits waits for the end and holds it to a code, within seconds.
func (p *terminal) exits(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("after %s it still runs", patience)
	}
	var e *exec.ExitError
	if p.exited != nil && !errors.As(p.exited, &e) {
		p.t.Fatal(p.exited)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d (%v), want %d", got, p.exited, code)
	}
	for _, word := range []string{"goroutine ", "panic", "runtime error", ".go:"} {
		if said := p.said(); strings.Contains(said, word) {
			p.t.Errorf("it ends with %q: %q", word, said)
		}
	}
}

// said is what was written after the screen was left, without what restores the
// terminal.
func (p *terminal) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := string(p.last)
	if i := strings.LastIndex(text, ansi.ResetModeAltScreenSaveCursor); i >= 0 {
		text = text[i:]
	}
	return strings.TrimLeft(strings.ReplaceAll(ansi.Strip(text), "\r", ""), "\n")
}

// restored holds the terminal to how it was before: main screen, cursor, no
// mouse, no bracketed paste, and a line that is not raw.
func (p *terminal) restored() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.emulator.IsAltScreen() {
		p.t.Error("the alternate screen is left on")
	}
	// That the cursor is shown is a mode of the terminal; the emulator keeps it for
	// each of its screens, which terminals do not.
	for m, on := range p.modes {
		if was := m == ansi.ModeTextCursorEnable || m == ansi.ModeAutoWrap; on != was {
			p.t.Errorf("mode %v is left %t", m, on)
		}
	}
	if now := p.line(); !reflect.DeepEqual(now, p.before) {
		p.t.Errorf("the line is left as %+v, it was %+v", now, p.before)
	}
}
