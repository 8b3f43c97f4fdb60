package bpf

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// roles are what other processes of the tests do. Each prints one line when it
// is ready, and another when it has done what it does.
var roles = map[string]func(arg string) error{
	"hold":  hold,
	"dial":  dialAndGo,
	"count": countInside,
	"open":  tryToOpen,
}

// play is the main function of another process.
func play(role string) int {
	name, arg, _ := strings.Cut(role, " ")
	if err := roles[name](arg); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// hold keeps its files open until it is let go.
func hold(string) error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// dialAndGo connects under a name of its own, and ends. It is another thread
// than the first that connects, under another name.
func dialAndGo(arg string) error {
	name, at, _ := strings.Cut(arg, " ")
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return err
	}
	return beside(func() error {
		if err := os.WriteFile("/proc/thread-self/comm", []byte("a thread"), 0); err != nil {
			return err
		}
		fd, err := dial(netip.MustParseAddrPort(at), false, 0)
		if err != nil {
			return err
		}
		return abort(fd)
	})
}

// beside runs fn in a thread that is not the process's first.
func beside(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- beside(fn) // which holds the first thread meanwhile
			return
		}
		done <- fn()
	}()
	return <-done
}

// inside is what countInside saw.
type inside struct {
	Opens, Own uint32
	PIDs       []uint32
	Self       int
}

// countInside counts from within a PID namespace of its own.
func countInside(arg string) error {
	at := netip.MustParseAddrPort(arg)
	c, err := openHere(Config{Rows: 64})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	own, err := dial(at, false, 0)
	if err != nil {
		return err
	}
	r, err := c.Read()
	if err != nil {
		return err
	}
	saw := inside{Self: os.Getpid()}
	for i := range r.Rows {
		saw.Opens += r.Rows[i].Events.Opens
		saw.PIDs = append(saw.PIDs, r.Rows[i].PID)
	}
	text, err := json.Marshal(saw)
	fmt.Println(string(text))
	return errors.Join(err, abort(own), c.Close())
}

// tryToOpen opens a counter where something is missing.
func tryToOpen(without string) error {
	runtime.LockOSThread()
	switch without {
	case "BTF":
		// In a mount namespace of its own.
		if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("none", "/sys", "tmpfs", 0, "")); err != nil {
			return err
		}
	case "capabilities":
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
	}
	c, err := openHere(Config{Rows: 64})
	if err != nil {
		return err
	}
	return c.Close()
}

// actor is another process of the tests.
type actor struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// act starts another process, which ends with the test at the latest.
func act(t testing.TB, attr *syscall.SysProcAttr, role, arg string, files ...*os.File) *actor {
	t.Helper()
	a := &actor{t: t, cmd: exec.CommandContext(t.Context(), "/proc/self/exe")}
	a.cmd.Env = append(os.Environ(), roleEnv+"="+role+" "+arg)
	a.cmd.SysProcAttr, a.cmd.ExtraFiles, a.cmd.Stderr = attr, files, os.Stderr
	in, err := a.cmd.StdinPipe()
	must(t, err)
	out, err := a.cmd.StdoutPipe()
	must(t, err, a.cmd.Start())
	for _, f := range files {
		_ = f.Close()
	}
	a.in, a.out = in, bufio.NewScanner(out)
	t.Cleanup(a.leave)
	return a
}

// line is the next that an actor says.
func (a *actor) line() string {
	a.t.Helper()
	if !a.out.Scan() {
		a.t.Fatalf("the other process says nothing: %v", a.out.Err())
	}
	return a.out.Text()
}

// leave ends an actor, and everything that it holds.
func (a *actor) leave() {
	_ = a.in.Close()
	_ = a.cmd.Wait() // a test may have waited before
}

// done waits until an actor has done what it does.
func (a *actor) done() {
	a.t.Helper()
	if err := a.cmd.Wait(); err != nil {
		a.t.Fatal(err)
	}
}

// A process that has ended before anybody looked is known all the same: by its
// number and by its name, whatever its threads call themselves.
func TestProcessThatIsGone(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	s := serve(t, loopback(), 8)
	a := act(t, nil, "dial", "short-life "+s.at.String())
	a.done()
	w.want("it came and went", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1})
	keys := w.keys(s.at)
	if len(keys) != 1 || int(keys[0].PID) != a.cmd.Process.Pid || w.commands[keys[0]] != "short-life" {
		t.Errorf("counted for %+v (%q), the process was %d", keys, w.commands[keys[0]], a.cmd.Process.Pid)
	}
}

// A container's process has the number that the node gives it.
func TestProcessOfAChildNamespace(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	s := serve(t, loopback(), 8)
	a := act(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, "dial", "inner "+s.at.String())
	a.done()
	w.want("it came and went", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1})
	if keys := w.keys(s.at); len(keys) != 1 || int(keys[0].PID) != a.cmd.Process.Pid {
		t.Errorf("counted for %+v, we call it %d", keys, a.cmd.Process.Pid)
	}
}

// Nodes may share a kernel: what the processes of the others do is not ours.
func TestProcessesOfAnotherNode(t *testing.T) {
	fresh(t, Config{Rows: 64}) // or skip
	s := serve(t, loopback(), 8)
	a := act(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, "count", s.at.String())
	if said := a.line(); said != "ready" {
		t.Fatal(said)
	}
	for range 5 {
		fd, err := dial(s.at, false, 0)
		must(t, err, abort(fd))
	}
	_ = a.in.Close()
	var saw inside
	must(t, json.Unmarshal([]byte(a.line()), &saw))
	if saw.Opens != 1 || len(saw.PIDs) != 1 || int(saw.PIDs[0]) != saw.Self || saw.Self != 1 {
		t.Errorf("saw %+v", saw)
	}
}
