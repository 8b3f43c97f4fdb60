package probe

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkHolders looks for the holder of each of 15,000 sockets.
func BenchmarkHolders(b *testing.B) {
	const n = 15_000
	held := &opened{}
	b.Cleanup(held.abort)
	inodes := make([]uint64, 0, n)
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Skipf("this process may not open %d sockets: %v", n, err)
		}
		held.fds = append(held.fds, fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			b.Fatal(err)
		}
		inodes = append(inodes, st.Ino)
	}
	self := []*process{{pid: os.Getpid()}}
	b.ReportAllocs()
	for b.Loop() {
		want := make([]wantedSocket, 0, n)
		for _, inode := range inodes {
			want = append(want, wantedSocket{inode: inode})
		}
		want = sortWanted(want)
		findHolders("/proc", self, want)
		for _, w := range want {
			if w.by == nil {
				b.Fatalf("socket %d has no holder", w.inode)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/socket")
}

// crowd opens n connections in the namespace of the process. Nobody accepts
// them: they wait in the queues of their listeners, and cost one file each.
func (o *opened) crowd(n int) error {
	const queue = 2000 // net.core.somaxconn is 4096
	for left := n; left > 0; left -= queue {
		fd, at, err := listen(netip.IPv4Unspecified(), queue)
		if err != nil {
			return err
		}
		o.fds = append(o.fds, fd)
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port())
		for range min(left, queue) {
			if fd, err = dial(to, false, 0); err != nil {
				return err
			}
			o.fds = append(o.fds, fd)
		}
	}
	return nil
}

// BenchmarkFirstSnapshot starts anew each time: 45,000 connections of three
// processes in three namespaces, every one with its process. The namespaces'
// sides that accept are as many, and are not told.
func BenchmarkFirstSnapshot(b *testing.B) {
	const each, processes = 15_000, 3
	var pids []int
	for range processes {
		ch := newChild(b)
		ch.say(fmt.Sprintf("crowd %d", each))
		pids = append(pids, ch.pid())
	}
	cfg, err := Config{Collector: CollectorDiag, FocusAll: true, Proc: fewProcesses(b, pids...), HostRoot: b.TempDir()}.complete()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		s, _, err := newSampler(cfg)
		if err != nil {
			b.Skipf("inet_diag does not work here: %v", err)
		}
		tick, err := s.sample(b.Context(), time.Unix(1000, 0), 0)
		if err != nil {
			b.Fatal(err)
		}
		held := 0
		for _, r := range tick.Rows {
			for _, p := range r.Processes {
				if p.PID != 0 {
					held += int(p.Established)
				}
			}
		}
		if held < each*processes {
			b.Fatalf("%d connections have a process", held)
		}
		s.close()
	}
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N*each*processes), "cpu-ns/socket")
}
