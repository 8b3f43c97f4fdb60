package ground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// KeepHolds makes the kernel of this network namespace hold ports the way a
// balancer does. Left alone, the kernel evicts entries in TIME_WAIT and CLOSE
// as soon as a new flow finds no free port; a balancer lets the new flow fail.
// Entries with a fixed timeout are never evicted, so every entry is given one
// the moment its flow ends: what the namespace's own settings say then, so that
// SetHolds is obeyed at once.
func KeepHolds(ctx context.Context) error {
	settings, err := openHoldSettings()
	if err != nil {
		return err
	}
	defer settings.close()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("binding the netlink socket: %w", err)
	}
	const updates = 2 // NFNLGRP_CONNTRACK_UPDATE
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, updates); err != nil {
		return fmt.Errorf("subscribing to conntrack events: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		return fmt.Errorf("enlarging the netlink socket's buffer: %w", err)
	}
	timeout := unix.NsecToTimeval(int64(500 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return fmt.Errorf("setting the netlink socket's timeout: %w", err)
	}
	buffer := make([]byte, 1<<16)
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			fmt.Fprintln(os.Stderr, "conntrack events were lost: some holds may end early")
			continue
		case err != nil:
			return fmt.Errorf("receiving conntrack events: %w", err)
		}
		endings, err := parseEndings(buffer[:n])
		if err != nil {
			return fmt.Errorf("reading a conntrack event: %w", err)
		}
		if len(endings) == 0 {
			continue
		}
		fin, reset, err := settings.read()
		if err != nil {
			return err
		}
		for _, e := range endings {
			seconds := fin
			if e.reset {
				seconds = reset
			}
			message := holdMessage(e, seconds)
			// An entry that is already gone is answered with an error message,
			// which is skipped like everything that is no event.
			if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
				return fmt.Errorf("fixing a hold: %w", err)
			}
		}
	}
	return nil
}
