package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// collector reads the sockets of one namespace.
type collector interface {
	name() Collector
	// enters reports whether collect must run inside the namespace.
	enters() bool
	// collect calls emit for every socket, listeners first. The socket is
	// valid during the call only.
	collect(ns *namespace, emit func(*Socket)) error
}

// diagCollector asks the kernel over netlink: sock_diag(7).
type diagCollector struct{ buf []byte }

func newDiagCollector() *diagCollector {
	// The kernel fills at most 32 KiB at a time (netlink_dump).
	return &diagCollector{buf: make([]byte, 64<<10)}
}

func (*diagCollector) name() Collector { return CollectorDiag }
func (*diagCollector) enters() bool    { return true }

// maxDumps bounds how often an interrupted dump is read again; what one pass
// skipped another finds, and sockets met twice count once.
const maxDumps = 3

func (d *diagCollector) collect(_ *namespace, emit func(*Socket)) error {
	var s Socket
	for _, family := range []uint8{familyINET, familyINET6} {
		request := diagRequest(family)
		for attempt := 1; ; attempt++ {
			err := nlDump(unix.NETLINK_SOCK_DIAG, request, d.buf, func(kind uint16, b []byte) error {
				if kind != sockDiagByFamily {
					return nil
				}
				if err := parseDiag(b, &s); err != nil {
					return err
				}
				emit(&s)
				return nil
			})
			if errors.Is(err, errDumpInterrupted) && attempt < maxDumps {
				continue
			}
			if family == familyINET6 && errors.Is(err, unix.ENOENT) {
				break // a kernel without IPv6
			}
			if err != nil && !errors.Is(err, errDumpInterrupted) {
				return fmt.Errorf("inet_diag: %w", err)
			}
			break
		}
	}
	return nil
}

// procfsCollector reads /proc/<pid>/net/tcp and tcp6 of any process in the
// namespace. It needs nothing but a readable /proc.
type procfsCollector struct {
	proc string
	keys tupleKeys
	// bad counts lines that did not parse, since the start.
	bad int
}

func newProcfsCollector(proc string) *procfsCollector {
	return &procfsCollector{proc: proc, keys: newTupleKeys()}
}

func (*procfsCollector) name() Collector { return CollectorProcfs }
func (*procfsCollector) enters() bool    { return false }

func (p *procfsCollector) collect(ns *namespace, emit func(*Socket)) error {
	if len(ns.pids) == 0 {
		return errors.New("no process lives in the network namespace, so procfs cannot show it")
	}
	for _, pid := range ns.pids {
		inode, err := nsInode(filepath.Join(p.proc, strconv.Itoa(pid), "ns/net"))
		if err == nil && inode == ns.inode {
			err = p.read(ns, pid, emit)
		}
		if err == nil && inode == ns.inode {
			return nil
		}
		if err != nil && !gone(err) {
			return err
		}
		// The process ended meanwhile: the next one sees the same namespace.
	}
	return errNamespaceGone
}

// gone reports whether an error of procfs says that a process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// alive reports whether a process still shows its network.
func (p *procfsCollector) alive(pid int) bool {
	_, err := os.Stat(filepath.Join(p.proc, strconv.Itoa(pid), "net/tcp"))
	return err == nil
}

func (p *procfsCollector) read(ns *namespace, pid int, emit func(*Socket)) error {
	for _, name := range []string{"tcp", "tcp6"} {
		path := filepath.Join(p.proc, strconv.Itoa(pid), "net", name)
		f, err := os.Open(path) //nolint:gosec // a path under /proc that we listed
		if err != nil {
			if name == "tcp6" && errors.Is(err, fs.ErrNotExist) && p.alive(pid) {
				continue // a kernel without IPv6
			}
			return fmt.Errorf("opening a socket table: %w", err)
		}
		bad, err := parseProcNet(f, func(local, remote netip.AddrPort) uint64 {
			return p.keys.key(ns.inode, protocolTCP, local, remote)
		}, emit)
		p.bad += bad
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}
