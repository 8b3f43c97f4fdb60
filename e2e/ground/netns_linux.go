package ground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// netns is a network namespace kept alive by a bind mount.
type netns struct{ path string }

// createNetns makes a network namespace and pins it at path.
func createNetns(path string) (netns, error) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return netns{}, fmt.Errorf("making a place for a network namespace: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		// The thread ends up in the new namespace. It is never unlocked, so
		// the runtime ends it with this goroutine and nobody inherits it.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			self := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
			if err := unix.Mount(self, path, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("pinning it: %w", err)
			}
			return nil
		}()
	}()
	if err := <-done; err != nil {
		return netns{}, fmt.Errorf("making network namespace %s: %w", filepath.Base(path), err)
	}
	return netns{path}, nil
}

// do runs f on a thread inside the namespace. Processes that f starts live in
// it; goroutines that f starts do not.
func (n netns) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			fd, err := unix.Open(n.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("opening network namespace %s: %w", filepath.Base(n.path), err)
			}
			defer func() { _ = unix.Close(fd) }()
			if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("entering network namespace %s: %w", filepath.Base(n.path), err)
			}
			return f()
		}()
	}()
	return <-done
}

// run executes a command inside the namespace and returns its output.
func (n netns) run(ctx context.Context, stdin string, argv ...string) (string, error) {
	var out string
	err := n.do(func() error {
		var err error
		out, err = run(ctx, stdin, argv...)
		return err
	})
	return out, err
}

// sysctl writes kernel settings of the namespace. Names have slashes.
func (n netns) sysctl(settings map[string]string) error {
	return n.do(func() error {
		for name, value := range settings {
			if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
				return fmt.Errorf("setting %s to %s: %w", name, value, err)
			}
		}
		return nil
	})
}

// run executes a command and returns its standard output; what it says on
// standard error becomes part of the error.
func run(ctx context.Context, stdin string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			return string(out), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(exit.Stderr)))
		}
		return string(out), fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return string(out), nil
}
