package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is one network namespace of the node.
type namespace struct {
	inode uint64
	host  bool
	// path can be opened for setns: /proc/<pid>/ns/net or a bind mount.
	path string
	// pids are its processes, lowest first.
	pids []int
	// id is the small number that conns carry.
	id uint32
	// owner is what the cgroups of its processes say.
	owner CgroupOwner
	// command is that of its first process, to name it when nothing else does.
	command string
}

// nsThread is one OS thread that moves between network namespaces. The thread
// ends with it: no other goroutine ever runs where it has been.
type nsThread struct {
	jobs chan nsJob
	done chan struct{}
}

type nsJob struct {
	path string
	fn   func() error
	err  chan<- error
}

func newNSThread() *nsThread {
	t := &nsThread{jobs: make(chan nsJob), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		for j := range t.jobs {
			j.err <- inNamespace(j.path, j.fn)
		}
	}()
	return t
}

// do runs fn inside the namespace at path; an empty path is where the probe
// itself lives.
func (t *nsThread) do(ctx context.Context, path string, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	t.jobs <- nsJob{path, fn, answer}
	return <-answer
}

func (t *nsThread) close() {
	close(t.jobs)
	<-t.done
}

func inNamespace(path string, fn func() error) (err error) {
	if path == "" {
		return fn()
	}
	target, err := os.Open(path) //nolint:gosec // a path under /proc or /run/netns that we listed
	if err != nil {
		return fmt.Errorf("opening a network namespace: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("opening our own network namespace: %w", err)
	}
	defer func() { err = errors.Join(err, home.Close()) }()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil { //nolint:gosec // a file descriptor
		return fmt.Errorf("entering the network namespace %s: %w", path, err)
	}
	err = fn()
	if herr := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); herr != nil { //nolint:gosec // a file descriptor
		return errors.Join(err, fmt.Errorf("returning from the network namespace %s: %w", path, herr))
	}
	return err
}
