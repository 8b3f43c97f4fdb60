//go:build bench && linux

package bench

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bareDump asks inet_diag for the established sockets of one family in each of
// some namespaces and counts the messages: what the kernel itself takes, and
// the limit for everybody who asks it.
func bareDump(b *testing.B, spaces []string) (total int, took pace) {
	b.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		began, before := time.Now(), threadCPU()
		for _, path := range spaces {
			n, err := dumpIn(path)
			if err != nil {
				done <- err
				return
			}
			total += n
		}
		took = pace{time.Since(began), threadCPU() - before}
		done <- nil
	}()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return total, took
}

// pace is what something took: by the clock, and of a processor, which is the
// same on a machine where nothing else runs.
type pace struct{ wall, cpu time.Duration }

func (p pace) String() string {
	return fmt.Sprintf("%s (CPU %s)", seconds(p.wall), seconds(p.cpu))
}

// over says how many times another pace this is.
func (p pace) over(o pace) string {
	return fmt.Sprintf("%.2f × (CPU %.2f ×)", float64(p.wall)/float64(o.wall), float64(p.cpu)/float64(o.cpu))
}

// middlePace is the median of both, each for itself.
func middlePace(of []pace) pace {
	walls, cpus := make([]time.Duration, len(of)), make([]time.Duration, len(of))
	for i, p := range of {
		walls[i], cpus[i] = p.wall, p.cpu
	}
	return pace{middle(walls), middle(cpus)}
}

// threadCPU is the processor time that the calling thread has taken.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0 // no Linux is without this clock
	}
	return time.Duration(ts.Nano())
}

func dumpIn(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	// struct nlmsghdr and struct inet_diag_req_v2: AF_INET, TCP, ESTABLISHED.
	req := make([]byte, 16+56)
	binary.NativeEndian.PutUint32(req[0:], uint32(len(req)))
	binary.NativeEndian.PutUint16(req[4:], 20)
	binary.NativeEndian.PutUint16(req[6:], 0x301)
	req[16], req[17] = unix.AF_INET, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[20:], 1<<1)
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	total := 0
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return total, err
		}
		for at := 0; at+16 <= n; {
			size := int(binary.NativeEndian.Uint32(buf[at:]))
			if binary.NativeEndian.Uint16(buf[at+4:]) == unix.NLMSG_DONE || size < 16 {
				return total, nil
			}
			total++
			at += (size + 3) &^ 3
		}
	}
}
