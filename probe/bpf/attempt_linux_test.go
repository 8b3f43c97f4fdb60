package bpf

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// An attempt that nobody answers is sent again, and then times out.
func TestTimedOut(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	s := serve(t, loopback(), 0)
	filler, err := dial(s.at, false, 0)
	must(t, err)
	fd, sa, err := socket(s.at, false, 0)
	must(t, err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1))
	if err := connect(fd, sa); !errors.Is(err, unix.ETIMEDOUT) {
		t.Fatalf("connecting to a full queue: %v", err)
	}
	must(t, end(fd))
	w.until("timed out", func() bool { _, e := w.to(s.at); return e.TimedOut == 1 })
	g, e := w.to(s.at)
	if g != (count.Gauges{Established: 1}) || e.Opens != 1 || e.Fails != 1 || e.Refused+e.NoPort != 0 || e.SynRetrans == 0 {
		t.Errorf("%+v after %+v", g, e)
	}
	must(t, end(filler))
}

// The local ports of a destination run out: what the operator is looking for.
func TestNoLocalPort(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	elsewhere(t, func() error {
		s := serve(t, loopback(), 64)
		defer s.close()
		if err := sysctl("ip_local_port_range", "20000 20000"); err != nil {
			return err
		}
		for _, mapped := range []bool{false, true} {
			first, err := dial(s.at, mapped, 0)
			if err != nil {
				return err
			}
			for range 3 {
				if _, err := dial(s.at, mapped, 0); !errors.Is(err, unix.EADDRNOTAVAIL) {
					return fmt.Errorf("connecting without a port: %w", err)
				}
			}
			if err := abort(first); err != nil {
				return err
			}
		}
		w.want("both kinds of sockets", s.at, count.Gauges{}, count.Events{Opens: 2, Closes: 2, Resets: 2, ResetsOut: 2, Fails: 6, NoPort: 6})
		return nil
	})
}

// Two that connect to each other at the same time are connected without a
// listener; a socket that connects to itself does the same.
func TestSimultaneousOpen(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	for _, mapped := range []bool{false, true} {
		fd, sa, err := socket(netip.AddrPortFrom(loopback(), 0), mapped, 0)
		must(t, err, unix.Bind(fd, sa))
		addr, port, err := localPort(fd)
		must(t, err)
		at := netip.AddrPortFrom(addr.Unmap(), port)
		_, sa = sockaddr(at, mapped)
		must(t, connect(fd, sa))
		w.want("connected to itself", at, count.Gauges{Established: 1}, count.Events{Opens: 1})
		must(t, end(fd))
		w.until("closed", func() bool {
			g, e := w.to(at)
			return g == count.Gauges{} && e.Closes == 1 && e.Resets == 0 && e.Fails == 0
		})
	}
}

// A connection that begins with its data is opened by a write.
func TestFastOpen(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	elsewhere(t, func() error {
		// Both sides, and no cookie is asked for (ip-sysctl, tcp_fastopen).
		if err := sysctl("tcp_fastopen", fmt.Sprint(0x1|0x2|0x4|0x200)); err != nil {
			t.Skipf("this kernel has no TCP fast open: %v", err)
		}
		s := serve(t, loopback(), 64)
		defer s.close()
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16); err != nil {
			t.Skipf("this kernel has no TCP fast open: %v", err)
		}
		fd, sa, err := socket(s.at, false, 0)
		must(t, err)
		if err := unix.Sendto(fd, []byte("at once"), unix.MSG_FASTOPEN, sa); err != nil {
			t.Skipf("this kernel has no TCP fast open: %v", err)
		}
		accepted := s.accept()
		w.want("open", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
		must(t, readable(accepted))
		_, err = unix.Read(accepted, make([]byte, 16))
		must(t, err, end(accepted))
		w.want("half closed", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
		must(t, end(fd))
		w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1})
		return nil
	})
}
