package probe

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// nlDump sends one request on a fresh socket of the calling thread's network
// namespace and calls fn for every message of the answer. The socket is closed
// at once: an open one would keep the namespace of a deleted pod alive.
func nlDump(family int, request, buf []byte, fn func(kind uint16, payload []byte) error) (err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer func() {
		if cerr := unix.Close(fd); err == nil && cerr != nil {
			err = fmt.Errorf("closing a netlink socket: %w", cerr)
		}
	}()
	// A dump answers at once; a kernel that does not must not hang the probe.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return fmt.Errorf("bounding a netlink read: %w", err)
	}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("asking over netlink: %w", err)
	}
	interrupted := false
	for {
		n, _, flags, from, err := unix.Recvmsg(fd, buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("reading a netlink answer: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return fmt.Errorf("a netlink answer is longer than %d bytes: %w", len(buf), errNetlinkShort)
		}
		// Only the kernel may answer; any local process can send to the port.
		if sa, ok := from.(*unix.SockaddrNetlink); ok && sa.Pid != 0 {
			continue
		}
		done, intr, err := nlMessages(buf[:n], fn)
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
		return errDumpInterrupted
	}
	return nil
}
