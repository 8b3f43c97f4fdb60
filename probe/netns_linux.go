package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/thread"
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
	at  place
	fn  func() error
	err chan<- error
}

// place is where a namespace can be entered; the zero value is the one that
// the probe itself lives in.
type place struct {
	path string
	// inode is what must be found there, 0 for anything: the process of a path
	// may have ended, and its number may be another's by now.
	inode uint64
}

var (
	// errNamespaceGone means that a path leads no longer to its namespace.
	errNamespaceGone = errors.New("the network namespace is gone")
	// errLost means that the thread could not return home.
	errLost = errors.New("lost in another network namespace")
)

func newNSThread() *nsThread {
	t := &nsThread{jobs: make(chan nsJob), done: make(chan struct{})}
	thread.Own(func() {
		defer close(t.done)
		t.serve()
	})
	return t
}

func (t *nsThread) serve() {
	var lost error
	for j := range t.jobs {
		// A thread that does not know where it is reads nothing more: the
		// sockets of one pod would be told as another's.
		err := lost
		if err == nil {
			err = inNamespace(j.at, j.fn)
		}
		if errors.Is(err, errLost) {
			lost = err
		}
		j.err <- err
	}
}

// do runs fn inside a namespace.
func (t *nsThread) do(ctx context.Context, at place, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	t.jobs <- nsJob{at, fn, answer}
	return <-answer
}

func (t *nsThread) close() {
	close(t.jobs)
	<-t.done
}

func inNamespace(at place, fn func() error) (err error) {
	if at.path == "" {
		return fn()
	}
	target, err := os.Open(at.path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: %w", errNamespaceGone, err)
	}
	if err != nil {
		return fmt.Errorf("opening a network namespace: %w", err)
	}
	defer func() {
		if cerr := target.Close(); err == nil {
			err = cerr
		}
	}()
	if at.inode != 0 {
		info, err := target.Stat()
		if err != nil {
			return fmt.Errorf("looking at a network namespace: %w", err)
		}
		if inode, ok := inodeOf(info); !ok || inode != at.inode {
			return fmt.Errorf("%w: %s leads elsewhere", errNamespaceGone, at.path)
		}
	}
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("opening our own network namespace: %w", err)
	}
	defer func() {
		if cerr := home.Close(); err == nil {
			err = cerr
		}
	}()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the network namespace %s: %w", at.path, err)
	}
	err = fn()
	if herr := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); herr != nil {
		return fmt.Errorf("%w, %s: %w", errLost, at.path, errors.Join(herr, err))
	}
	return err
}
