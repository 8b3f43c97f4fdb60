package tcptracer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// enterHost makes a program that the calling thread starts see the node's
// files, and returns a directory to chroot into or "", and why it has to be a
// chroot. The thread has to be locked, and to end afterwards.
//
// The mount namespace of the node's PID 1 comes first, which is where
// kubectl-node-shell takes operators, because there everything is as the tool
// expects it: a /tmp that can be written (bcc unpacks kernel headers there),
// tracefs and debugfs (older kernels want a probe's name written to
// kprobe_events), /lib/modules, python3 with its modules. HostRoot shows the
// same files, but read-only, and without what has been mounted since unless the
// bind passes mounts on. So a chroot is what is left when the namespace may not
// be entered: that needs CAP_SYS_ADMIN, CAP_SYS_CHROOT and hostPID.
//
// The PID namespace needs no entering: the kernel part of the tool sees the
// initial one wherever it is started. Network namespaces do not matter to it.
func enterHost(hostRoot, proc, tool string) (chroot string, why error) {
	if rootOr(hostRoot) == "/" {
		return "", nil
	}
	if err := enterMounts(hostRoot, proc, tool); err != nil {
		return hostRoot, err
	}
	return "", nil
}

// errNotHost means that PID 1 is not the node's.
var errNotHost = errors.New("PID 1 does not see the node's files")

// enterMounts moves the thread into the mount namespace of PID 1. Nothing has
// changed when it fails, but that the thread has its own current directory.
func enterMounts(hostRoot, proc, tool string) error {
	// PID 1 of a pod without hostPID is the pod's own, and may have a tool of
	// the same path that is not the node's.
	here, err := statBelow(hostRoot, tool)
	if err != nil {
		return fmt.Errorf("looking at the node's tcptracer: %w", err)
	}
	there, err := os.Stat(filepath.Join(proc, "1/root", tool))
	if err != nil {
		return fmt.Errorf("looking through PID 1: %w", err)
	}
	if !os.SameFile(here, there) {
		return errNotHost
	}
	ns, err := os.Open(filepath.Join(proc, "1/ns/mnt")) //nolint:gosec // a path under /proc
	if err != nil {
		return fmt.Errorf("opening the node's mount namespace: %w", err)
	}
	defer func() { _ = ns.Close() }()
	// A thread that shares its root with others may not change namespaces
	// (setns(2)).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("leaving the other threads: %w", err)
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("entering the node's mount namespace: %w", err)
	}
	return nil
}
