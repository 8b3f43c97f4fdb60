package bpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The programs see every connection of the node. So that nothing but a test's
// own sockets is there to be counted, and every sum can be demanded exactly, the
// tests run in a node of their own: in PID, network and mount namespaces that
// are made for them.
const (
	homeEnv = "SNATTOP_TEST_HOME"
	roleEnv = "SNATTOP_TEST_ROLE"
	// oldEnv asks for the programs for kernels before Linux 5.17.
	oldEnv = "SNATTOP_TEST_BEFORE_5_17"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(roleEnv) != "":
		os.Exit(play(os.Getenv(roleEnv)))
	case os.Getenv(homeEnv) != "":
		if err := settleIn(); err != nil {
			fmt.Fprintf(os.Stderr, "making a node for the tests: %v\n", err)
			os.Exit(1)
		}
	case os.Geteuid() == 0:
		if code, err := moveOut(); err == nil {
			os.Exit(code)
		}
		// Not allowed to make namespaces, and to load programs even less: each
		// test says so.
	}
	os.Exit(m.Run())
}

// moveOut runs the tests in namespaces of their own, and returns their exit
// code.
func moveOut() (int, error) {
	// The child dies with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), homeEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1, nil
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	fmt.Fprintln(os.Stderr, err)
	return 1, nil
}

// settleIn makes the new namespaces a node: with a procfs that shows its
// processes, and a loopback that works.
func settleIn() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts our own: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting procfs: %w", err)
	}
	return loopbackUp()
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

// sysctl sets a setting of the calling thread's network namespace.
func sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0)
}

// elsewhere runs fn in a new network namespace.
func elsewhere(t *testing.T, fn func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done)      // also when fn fails the test
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = loopbackUp()
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
