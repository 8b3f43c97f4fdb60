package tcptracer

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeEnv makes the test binary a tool that does what it is told.
const fakeEnv = "SNATTOP_TEST_TCPTRACER"

func TestMain(m *testing.M) {
	if do := os.Getenv(fakeEnv); do != "" {
		// Not os.Exit: it has words of its own to say when coverage is measured.
		syscall.Exit(fake(strings.Split(do, ","), os.Args[1]))
	}
	os.Exit(m.Run())
}

// fake plays a part with steps such as "head,life,wait". A step may be bound to
// one of the tools: "-t6v:die".
func fake(steps []string, options string) int {
	for _, step := range steps {
		if whose, rest, bound := strings.Cut(step, ":"); bound {
			if whose != options {
				continue
			}
			step = rest
		}
		switch step {
		case "head":
			fmt.Println("some warning of a compiler\n" + greeting + "\n" + headBoth)
		case "life":
			fmt.Println(lineConnect + "\n" + lineClose)
		case "open":
			fmt.Println(lineConnect)
		case "close":
			fmt.Println(lineClose)
		case "garbage":
			fmt.Println("garbage\n\n" + strings.Repeat("x", 3*readBuffer) + "\n" + headBoth)
		case "torn":
			fmt.Print(lineConnect[:len(lineConnect)-4])
		case "lost":
			fmt.Fprintln(os.Stderr, "Possibly lost 12 samples\nPossibly lost 3 samples")
		case "flood":
			for i := range 20_000 {
				fmt.Fprintf(os.Stderr, "%d: warning: 'foo' macro redefined in %s\n", i, strings.Repeat("/include", 30))
			}
		case "endless":
			fmt.Fprint(os.Stderr, strings.Repeat("y", 4*readBuffer))
		case "die":
			fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\nException: Failed to attach \x1b[31mBPF program")
			return 1
		case "end":
			return 0
		case "env":
			fmt.Fprintln(os.Stderr, strings.Join(os.Environ(), " "))
			return 3
		case "mounts":
			ns, _ := os.Readlink("/proc/self/ns/mnt")
			fmt.Fprintln(os.Stderr, ns)
			return 4
		case "stubborn":
			signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
		case "child":
			// It inherits the pipes, and the group.
			if _, err := os.StartProcess(os.Args[0], []string{os.Args[0], options}, &os.ProcAttr{
				Env: []string{fakeEnv + "=stubborn,wait"}, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
			}); err != nil {
				return 5
			}
		case "stray":
			// It leaves the group as well, and ends when nobody reads any more.
			if _, err := os.StartProcess(os.Args[0], []string{os.Args[0], options}, &os.ProcAttr{
				Env: []string{fakeEnv + "=stubborn,babble"}, Files: []*os.File{nil, os.Stdout, os.Stderr},
				Sys: &syscall.SysProcAttr{Setsid: true},
			}); err != nil {
				return 5
			}
		case "babble":
			for {
				fmt.Println("babble") // until SIGPIPE
			}
		case "wait":
			for {
				_, _ = unix.Poll(nil, -1)
			}
		}
	}
	return 0
}

// script plants a tool that plays a part, and returns its path. It looks like
// the real one as far as anybody looks inside.
func script(t *testing.T, steps string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\n# \"--ipv6\"\n%s='%s' exec '%s' \"$@\"\n", fakeEnv, steps, self)
	return plant(t, t.TempDir(), filepath.Base(places[0]), text, 0o755)
}
