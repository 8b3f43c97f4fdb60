package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netns"
)

// childEnv makes the test binary a process that opens sockets as it is told.
const childEnv = "SNATTOP_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childMain()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childMain obeys a line at a time, and answers each with a line.
func childMain() {
	var conns opened
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word, arg, _ := strings.Cut(in.Text(), " ")
		var err error
		answer := "ok"
		switch word {
		case "up":
			err = loopbackUp()
		case "listen":
			var at netip.AddrPort
			_, at, err = listen(netip.MustParseAddr(arg), 64)
			answer = at.String()
		case "dial":
			var fd int
			if fd, err = dial(netip.MustParseAddrPort(arg), false, 0); err == nil {
				conns.fds = append(conns.fds, fd)
			}
		case "udp":
			err = sendUDP(netip.MustParseAddrPort(arg))
		case "flood":
			// "flood N ADDRESS" sends N datagrams from one socket.
			count, to, _ := strings.Cut(arg, " ")
			var n int
			if n, err = strconv.Atoi(count); err == nil {
				err = floodUDP(n, netip.MustParseAddrPort(to))
			}
		case "crowd":
			var n int
			if n, err = strconv.Atoi(arg); err == nil {
				err = conns.crowd(n)
			}
		case "abort":
			conns.abort()
		case "sample":
			answer, err = sampleOnce(arg)
		}
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(answer)
	}
}

// sendUDP sends one datagram.
func sendUDP(to netip.AddrPort) error {
	family, sa := sockaddr(to, false)
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Sendto(fd, []byte("hello"), 0, sa), unix.Close(fd))
}

// floodUDP sends datagrams as fast as they go.
func floodUDP(n int, to netip.AddrPort) error {
	family, sa := sockaddr(to, false)
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for range n {
		// Nobody listens: that others were refused is told here.
		if err := unix.Sendto(fd, make([]byte, 64), 0, sa); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			return errors.Join(err, unix.Close(fd))
		}
	}
	return unix.Close(fd)
}

// loopbackUp makes the loopback of a fresh namespace work.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// child is a process in a network namespace of its own.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    *os.File
	out   *bufio.Scanner
	netns uint64
}

func newChild(t testing.TB) *child {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	c := &child{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0])}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: 0}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stdin, c.in = r, w
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = c.cmd.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		t.Skipf("root may not make a network namespace here: %v", err)
	}
	c.out = bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = w.Close()
		_ = c.cmd.Wait() // a test may have waited before
	})
	c.say("up")
	if c.netns, err = netns.Inode(c.path("ns/net")); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(c.pid()), name)
}

// say sends one line and returns the answer.
func (c *child) say(line string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
	if !c.out.Scan() {
		c.t.Fatalf("no answer to %q", line)
	}
	if strings.HasPrefix(c.out.Text(), "error") {
		c.t.Fatalf("%s: %s", line, c.out.Text())
	}
	return c.out.Text()
}

func (c *child) listen() netip.AddrPort {
	c.t.Helper()
	return netip.MustParseAddrPort(c.say("listen " + loopback()))
}

// die ends the process and leaves it to its parent: a zombie.
func (c *child) die() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	for {
		err := unix.Waitid(unix.P_PID, c.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			c.t.Fatal(err)
		}
	}
}

// fewProcesses is a /proc that shows PID 1, this process and the given ones
// only: what runs beside the tests on this machine is none of theirs.
func fewProcesses(t testing.TB, pids ...int) string {
	t.Helper()
	dir := t.TempDir()
	for _, pid := range append(pids, 1, os.Getpid()) {
		name := strconv.Itoa(pid)
		if err := os.Symlink(filepath.Join("/proc", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	return dir
}
