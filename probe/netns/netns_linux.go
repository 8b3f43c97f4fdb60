// Package netns runs code in network namespaces other than the process's own.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/thread"
)

// Thread is one OS thread that moves between network namespaces. The thread
// ends with it: no other goroutine ever runs where it has been.
type Thread struct {
	jobs chan job
	done chan struct{}
}

type job struct {
	at  Place
	fn  func() error
	err chan<- error
}

// Place is where a namespace can be entered; the zero value is the one that
// the probe itself lives in.
type Place struct {
	// Path can be opened for setns(2): /proc/<pid>/ns/net or a bind mount.
	Path string
	// Inode is what must be found there, 0 for anything: the process of a path
	// may have ended, and its number may be another's by now.
	Inode uint64
}

var (
	// ErrGone means that a path leads no longer to its namespace.
	ErrGone = errors.New("the network namespace is gone")
	// errLost means that the thread could not return home.
	errLost = errors.New("lost in another network namespace")
)

// NewThread starts a thread, which Close ends.
func NewThread() *Thread {
	t := &Thread{jobs: make(chan job), done: make(chan struct{})}
	thread.Own(func() {
		defer close(t.done)
		t.serve()
	})
	return t
}

func (t *Thread) serve() {
	var lost error
	for j := range t.jobs {
		// A thread that does not know where it is reads nothing more: the
		// sockets of one pod would be told as another's.
		err := lost
		if err == nil {
			err = inside(j.at, j.fn)
		}
		if errors.Is(err, errLost) {
			lost = err
		}
		j.err <- err
	}
}

// Do runs fn inside a namespace. It does not wait for a thread once ctx has
// ended, and never leaves fn behind.
func (t *Thread) Do(ctx context.Context, at Place, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	t.jobs <- job{at, fn, answer}
	return <-answer
}

// Close ends the thread, and waits for it.
func (t *Thread) Close() {
	close(t.jobs)
	<-t.done
}

func inside(at Place, fn func() error) (err error) {
	if at.Path == "" {
		return fn()
	}
	target, err := os.Open(at.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return fmt.Errorf("opening a network namespace: %w", err)
	}
	defer func() {
		if cerr := target.Close(); err == nil {
			err = cerr
		}
	}()
	if at.Inode != 0 {
		var st unix.Stat_t
		if err := unix.Fstat(int(target.Fd()), &st); err != nil {
			return fmt.Errorf("looking at a network namespace: %w", err)
		}
		if st.Ino != at.Inode {
			return fmt.Errorf("%w: %s leads elsewhere", ErrGone, at.Path)
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
		return fmt.Errorf("entering the network namespace %s: %w", at.Path, err)
	}
	err = fn()
	if herr := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); herr != nil {
		return fmt.Errorf("%w, %s: %w", errLost, at.Path, errors.Join(herr, err))
	}
	return err
}

// Inode returns the number of the namespace that a path leads to.
func Inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Ino, nil
}
