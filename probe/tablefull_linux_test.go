package probe

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/wire"
)

// stuffing fills the tracking table of the thread's namespace, a batch at a time.
type stuffing struct {
	fd   int
	next uint32
	buf  []byte
}

const (
	stuffingBatch = 100
	// mostEntries is how large a table a test fills: about 100 MB of the kernel's.
	mostEntries = 300_000
)

func newStuffing() (*stuffing, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	return &stuffing{fd: fd, buf: make([]byte, 64<<10)}, err
}

// add enters a batch of connections with a status, and returns how many the
// kernel refused because the table is full.
func (s *stuffing) add(status uint32) (refused int, err error) {
	var batch []byte
	for range stuffingBatch {
		n := s.next
		s.next++
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 99, byte(n >> 24), byte(n >> 16)}), uint16(n))
		entry := ctStatusOf(ctTuples(protocolTCP, src, at("20.0.0.1:443")), status)
		entry = netlink.Attr(entry, 7, binary.BigEndian.AppendUint32(nil, 600)) // CTA_TIMEOUT
		const request, ack, create = 0x1, 0x4, 0x400
		batch = append(batch, netlink.Request(conntrack.Subsystem<<8, request|ack|create, entry)...)
	}
	if err := unix.Sendto(s.fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	for answers := 0; answers < stuffingBatch; {
		n, _, err := unix.Recvfrom(s.fd, s.buf, 0)
		if err != nil {
			return refused, err
		}
		const header = 16
		for at := 0; at+header+4 <= n; answers++ {
			size := int(binary.NativeEndian.Uint32(s.buf[at:]))
			switch code := unix.Errno(-int32(binary.NativeEndian.Uint32(s.buf[at+header:]))); code {
			case 0:
			case unix.ENOMEM:
				refused++
			default:
				return refused, code
			}
			at += (size + 3) &^ 3
		}
	}
	return refused, nil
}

// A table that is full drops connections, and before that those that were not
// answered yet: both are told as the kernel counts them.
func TestKernelTableFull(t *testing.T) {
	host, pod := node(t)
	limit := number(t, "/proc/sys/net/netfilter/nf_conntrack_max")
	if limit > mostEntries {
		t.Skipf("the tables of this machine take %d entries", limit)
	}
	w := newView(t, Config{Collector: CollectorDiag, Proc: nodeProc(t, host, pod), HostRoot: t.TempDir()})
	var table wire.Conntrack
	look := func() {
		for _, row := range w.look().Conntrack {
			if row.HostNetwork {
				table = row
			}
		}
	}
	look()
	if table.Drop != 0 || table.EarlyDrop != 0 {
		t.Fatalf("at first: %+v", table)
	}
	insideNS(t, host, func() error {
		s, err := newStuffing()
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(s.fd) }()
		// One in eight may be evicted, so that a place for another has one in reach, or
		// has not.
		for refused := 0; refused == 0; {
			if uint64(s.next) > 2*limit {
				t.Fatalf("a table of %d entries took %d", limit, s.next)
			}
			status := uint32(0x18e) // confirmed, assured, seen reply, NAT done
			if uint64(s.next) < limit/8 {
				status = 0x18a // not assured
			}
			if refused, err = s.add(status); err != nil {
				return err
			}
		}
		return nil
	})
	// What is refused by netlink is no packet that was dropped.
	for port := 0; table.Drop == 0 || table.EarlyDrop == 0; port++ {
		if port == 1000 {
			t.Fatalf("nothing is dropped: %+v", table)
		}
		pod.say(fmt.Sprintf("udp 10.77.0.1:%d", 9000+port))
		look()
	}
	insideNS(t, host, func() error {
		got := [3]uint64{table.InsertFailed, table.Drop, table.EarlyDrop}
		if want := statColumns(t, "insert_failed", "drop", "early_drop"); got != want {
			t.Errorf("failed, dropped and dropped early: %d, the kernel says %d", got, want)
		}
		return nil
	})
	if table.Max != limit || table.Count > limit {
		t.Errorf("a table that is full: %+v", table)
	}
}
