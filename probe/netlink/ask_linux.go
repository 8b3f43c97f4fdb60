package netlink

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// link is a netlink socket, or what a test puts in its place.
type link interface {
	send(request []byte) error
	// recv reads one datagram. foreign means that it is not from the kernel:
	// any local process can send to a netlink port.
	recv(buf []byte) (n int, truncated, foreign bool, err error)
	close() error
}

// Ask sends one request and calls fn for every message of the answer, as
// Dump does; a test answers it in the kernel's place.
type Ask func(request, buf []byte, fn func(kind uint16, payload []byte) error) error

// Asker returns what asks the kernel by one netlink protocol.
func Asker(protocol int) Ask {
	return func(request, buf []byte, fn func(kind uint16, payload []byte) error) error {
		return Dump(protocol, request, buf, fn)
	}
}

// Dump sends one request on a fresh socket of the calling thread's network
// namespace and calls fn for every message of the answer. The socket is closed
// at once: an open one would keep the namespace of a deleted pod alive.
func Dump(protocol int, request, buf []byte, fn func(kind uint16, payload []byte) error) (err error) {
	link, err := open(protocol)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := link.close(); err == nil && cerr != nil {
			err = fmt.Errorf("closing a netlink socket: %w", cerr)
		}
	}()
	return exchange(link, request, buf, fn)
}

// exchange sends one request and reads its answer to the end.
func exchange(link link, request, buf []byte, fn func(kind uint16, payload []byte) error) error {
	if err := link.send(request); err != nil {
		return fmt.Errorf("asking over netlink: %w", err)
	}
	interrupted := false
	for {
		n, truncated, foreign, err := link.recv(buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("reading a netlink answer: none came for %d seconds: %w", patience, err)
		case err != nil:
			return fmt.Errorf("reading a netlink answer: %w", err)
		case foreign:
			continue
		case truncated:
			return fmt.Errorf("a netlink answer is longer than %d bytes: %w", len(buf), ErrShort)
		}
		done, intr, err := Messages(buf[:n], fn)
		interrupted = interrupted || intr
		if err != nil {
			var code errno
			if errors.As(err, &code) {
				return fmt.Errorf("netlink answers: %w", unix.Errno(-int32(code))) //nolint:gosec // errno values are small
			}
			return err
		}
		if done {
			break
		}
	}
	if interrupted {
		return ErrInterrupted
	}
	return nil
}

// maxDumps bounds how often a dump is read again that the kernel interrupted,
// or lost a part of.
const maxDumps = 3

// AskAgain asks until the answer is whole. When a table changes at each try,
// what was told is kept: what one pass skipped another found, and what was met
// twice counts once. An answer of which the kernel dropped a part (ENOBUFS) is
// no such thing, and the last of these is an error.
func AskAgain(ask Ask, request, buf []byte, fn func(kind uint16, payload []byte) error) error {
	for attempt := 1; ; attempt++ {
		err := ask(request, buf, fn)
		switch {
		case errors.Is(err, ErrInterrupted):
			if attempt == maxDumps {
				return nil
			}
		case errors.Is(err, unix.ENOBUFS):
			if attempt == maxDumps {
				return err
			}
		default:
			return err
		}
	}
}

// Refused reports whether an answer says that the kernel does not know such
// a request, or a part of it.
func Refused(err error) bool {
	for _, no := range []unix.Errno{unix.EINVAL, unix.EOPNOTSUPP, unix.ENOENT, unix.EPROTONOSUPPORT} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// patience is how many seconds an answer may take: a dump answers at once,
// and a kernel that does not must not hang the probe.
const patience = 5

// socket is a real link.
type socket int

func open(protocol int) (link, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}); err != nil {
		return nil, errors.Join(fmt.Errorf("bounding a netlink read: %w", err), unix.Close(fd))
	}
	return socket(fd), nil
}

func (s socket) send(request []byte) error {
	return unix.Sendto(int(s), request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (s socket) recv(buf []byte) (n int, truncated, foreign bool, err error) {
	n, _, flags, from, err := unix.Recvmsg(int(s), buf, nil, 0)
	sa, ok := from.(*unix.SockaddrNetlink)
	return n, flags&unix.MSG_TRUNC != 0, ok && sa.Pid != 0, err
}

func (s socket) close() error { return unix.Close(int(s)) }
