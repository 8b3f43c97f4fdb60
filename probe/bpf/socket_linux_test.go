package bpf

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The helpers below make real sockets with system calls, so that a test says
// exactly which states there are.

// nextAddr numbers the addresses of loopback: a test has its destinations for
// itself.
var nextAddr atomic.Uint32

func loopback() netip.Addr {
	n := nextAddr.Add(1)
	return netip.AddrFrom4([4]byte{127, 1 + byte(n>>16), byte(n >> 8), byte(n)})
}

func sockaddr(at netip.AddrPort, six bool) (family int, sa unix.Sockaddr) {
	if !six {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// listen opens a listener on a free port of an address.
func listen(addr netip.Addr, backlog int) (fd int, at netip.AddrPort, err error) {
	family, sa := sockaddr(netip.AddrPortFrom(addr, 0), addr.Is6())
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, at, err
	}
	if err = errors.Join(unix.Bind(fd, sa), unix.Listen(fd, backlog)); err != nil {
		return 0, at, errors.Join(err, unix.Close(fd))
	}
	_, port, err := localPort(fd)
	return fd, netip.AddrPortFrom(addr, port), err
}

func localPort(fd int) (addr netip.Addr, port uint16, err error) {
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr), uint16(sa.Port), err
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr), uint16(sa.Port), err
	}
	return addr, 0, err
}

// socket opens a socket that can connect to an address. Mapped means an IPv6
// socket that speaks IPv4.
func socket(to netip.AddrPort, mapped bool, flags int) (fd int, sa unix.Sockaddr, err error) {
	family, sa := sockaddr(to, to.Addr().Is6() || mapped)
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	return fd, sa, err
}

// connect goes on when a signal interrupts it.
func connect(fd int, sa unix.Sockaddr) error {
	err := unix.Connect(fd, sa)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EALREADY) {
		if err = unix.Connect(fd, sa); errors.Is(err, unix.EISCONN) {
			err = nil
		}
	}
	if errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

func dial(to netip.AddrPort, mapped bool, flags int) (fd int, err error) {
	fd, sa, err := socket(to, mapped, flags)
	if err != nil {
		return 0, err
	}
	if err := connect(fd, sa); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// abort closes with a reset. A child that is being started would share the
// socket until it runs its own program.
func abort(fd int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return errors.Join(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Close(fd))
}

// end closes as programs do.
func end(fd int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return unix.Close(fd)
}

// must fails a test that could not make its sockets.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// server is a listener that a test closes.
type server struct {
	t  testing.TB
	fd int
	at netip.AddrPort
}

func serve(t testing.TB, addr netip.Addr, backlog int) *server {
	t.Helper()
	if addr.Is6() && !addr.Is4In6() {
		needIPv6(t)
	}
	fd, at, err := listen(addr, backlog)
	must(t, err)
	s := &server{t, fd, at}
	t.Cleanup(s.close)
	return s
}

func needIPv6(t testing.TB) {
	t.Helper()
	if text, err := os.ReadFile("/proc/net/if_inet6"); err != nil || !strings.Contains(string(text), " lo") {
		t.Skip("this kernel has no IPv6 on its loopback")
	}
}

func (s *server) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
	}
	s.fd = -1
}

// accept takes the next connection. It aborts it when the test ends, so that
// nothing waits for an end that nobody makes.
func (s *server) accept() int {
	s.t.Helper()
	for {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		must(s.t, err)
		return fd
	}
}

// pair is one connection with both its ends.
func (s *server) pair(mapped bool) (client, accepted int) {
	s.t.Helper()
	client, err := dial(s.at, mapped, 0)
	must(s.t, err)
	return client, s.accept()
}

// rawConnect connects to an address as it lies in memory.
func rawConnect(fd int, addr []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(addr))), uintptr(len(addr)))
	if errno != 0 {
		return errno
	}
	return nil
}
