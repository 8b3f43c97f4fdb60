package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/thread"
)

// manyNamespaces makes network namespaces that are bound below a root, each
// with a listener and some connections to it. They end with the benchmark.
func manyNamespaces(b *testing.B, root string, n, conns int) {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("making network namespaces needs root")
	}
	dir := filepath.Join(root, "run/netns")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	held := &opened{}
	b.Cleanup(held.abort)
	done := make(chan error, 1)
	thread.Own(func() {
		done <- func() error {
			for i := range n {
				path := filepath.Join(dir, fmt.Sprintf("pod%d", i))
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					return err
				}
				if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
					return err
				}
				if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
					return err
				}
				b.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
				if err := errors.Join(loopbackUp(), held.serve(conns)); err != nil {
					return err
				}
			}
			return nil
		}()
	})
	if err := <-done; err != nil {
		b.Skipf("root may not make and bind network namespaces here: %v", err)
	}
}

// serve opens a listener and connections to it, in the namespace of the thread.
func (o *opened) serve(conns int) error {
	fd, at, err := listen(netip.MustParseAddr("127.0.0.1"), 64)
	if err != nil {
		return err
	}
	o.fds = append(o.fds, fd)
	for range conns {
		if fd, err = dial(at, false, 0); err != nil {
			return err
		}
		o.fds = append(o.fds, fd)
	}
	return nil
}

// A snapshot of a node with many namespaces: with a connection in each, and
// with listeners only, as in most pods of a busy node.
func BenchmarkNamespaces(b *testing.B) {
	for _, n := range []int{200, 500} {
		for conns, name := range []string{"listeners", "connections"} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				root, proc := b.TempDir(), b.TempDir()
				// As the first process of a node: where that is not shown, problems
				// are told.
				if err := os.Symlink("/proc/"+strconv.Itoa(os.Getpid()), filepath.Join(proc, "1")); err != nil {
					b.Fatal(err)
				}
				manyNamespaces(b, root, n, conns)
				cfg, err := Config{Collector: CollectorDiag, Proc: proc, HostRoot: root}.complete()
				if err != nil {
					b.Fatal(err)
				}
				s, _, err := newSampler(cfg)
				if err != nil {
					b.Skipf("inet_diag does not work here: %v", err)
				}
				defer s.close()
				now, began := time.Unix(1000, 0), processorTime(b)
				for b.Loop() {
					now = now.Add(time.Second)
					tick, err := s.sample(b.Context(), now, time.Second)
					if err != nil || len(tick.Problems) > 0 || int(tick.Cost.Namespaces) < n {
						b.Fatalf("%d namespaces, problems %q, %v", tick.Cost.Namespaces, tick.Problems, err)
					}
				}
				b.ReportMetric(float64((processorTime(b)-began).Microseconds())/float64(b.N*n), "cpu-µs/namespace")
			})
		}
	}
}

// processorTime is what this process has had: it says more than a clock on a
// machine that does other work as well.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
