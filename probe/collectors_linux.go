package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/procfs"
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
type diagCollector struct {
	ask netlink.Ask
	buf []byte
	// way is the one of diagWays that this kernel has not refused.
	way int
	// ports remembers by namespace inode what may be left out of a dump.
	ports map[uint64]*inboundPorts
	// outbound reports whether a socket's key is remembered as one that went
	// out; emit leaves that key in the socket. Nil leaves nothing out.
	outbound func(key uint64) bool
	// silence makes dumps of flows tell how silent they are.
	silence bool
}

func newDiagCollector() *diagCollector {
	return &diagCollector{
		ask: netlink.Asker(unix.NETLINK_SOCK_DIAG),
		// The kernel fills at most 32 KiB at a time (netlink_dump).
		buf:   make([]byte, 64<<10),
		ports: make(map[uint64]*inboundPorts),
	}
}

func (*diagCollector) name() Collector { return CollectorDiag }
func (*diagCollector) enters() bool    { return true }

func (d *diagCollector) collect(ns *namespace, emit func(*Socket)) error {
	ports := d.portsOf(ns)
	err := d.fetch(ports, func(s *Socket) error {
		d.tell(ports, s, emit)
		return nil
	})
	if err == nil {
		ports.end()
	}
	return err
}

// fetch reads the listeners first, which are in a small table of their own, and
// then the flows, which are in that of the whole machine: once, for both
// families, and without the connections that came from outside.
func (d *diagCollector) fetch(ports *inboundPorts, sink func(*Socket) error) error {
	ports.begin()
	err := d.dump(diagQuery{states: diagStatesOfListeners}, func(s *Socket) error {
		ports.hear(s.Local)
		return sink(s)
	})
	if err != nil {
		return fmt.Errorf("inet_diag: listeners: %w", err)
	}
	left, gone := ports.leave()
	for _, port := range gone {
		err := sink(&Socket{Protocol: protocolTCP, State: StateListen, Local: netip.AddrPortFrom(netip.IPv6Unspecified(), port)})
		if err != nil {
			return err
		}
	}
	var filter []byte
	if d.outbound != nil {
		filter = portFilter(left)
	}
	if err := d.dump(diagQuery{diagStatesOfFlows, filter, d.silence}, sink); err != nil {
		return fmt.Errorf("inet_diag: %w", err)
	}
	return nil
}

// tell passes on a socket that was fetched.
func (d *diagCollector) tell(ports *inboundPorts, s *Socket, emit func(*Socket)) {
	listens, port := s.State == StateListen, s.Local.Port()
	emit(s)
	if !listens && ports.watches(port) && d.outbound != nil && d.outbound(s.Key) {
		ports.saw(port)
	}
}

func (d *diagCollector) portsOf(ns *namespace) *inboundPorts {
	if ns == nil {
		return &inboundPorts{}
	}
	p := d.ports[ns.inode]
	if p == nil {
		p = &inboundPorts{}
		d.ports[ns.inode] = p
	}
	return p
}

// retain forgets the namespaces that are gone.
func (d *diagCollector) retain(live map[uint64]bool) {
	for inode := range d.ports {
		if !live[inode] {
			delete(d.ports, inode)
		}
	}
}

// diagWays are the ways to ask, best first: older kernels, and what guards
// newer ones, may refuse the request for both families, or byte-code.
var diagWays = []struct{ byFamily, plain bool }{{false, false}, {false, true}, {true, false}, {true, true}}

// works reports whether the kernel answers: listeners are few, while a look for
// anything else goes through the sockets of the whole machine.
func (d *diagCollector) works() error {
	return d.dump(diagQuery{states: diagStatesOfListeners}, func(*Socket) error { return nil })
}

// dump reads the sockets in some states in the first way that is not refused,
// and keeps to it.
func (d *diagCollector) dump(q diagQuery, sink func(*Socket) error) error {
	var refused error
	for i, way := range diagWays[d.way:] {
		with := q
		if way.plain {
			if q.filter == nil && i > 0 {
				continue // that was refused just now
			}
			with.filter = nil
		}
		err := d.dumpOnce(way.byFamily, with, sink)
		if netlink.Refused(err) {
			refused = errors.Join(refused, err)
			continue
		}
		if err == nil {
			d.way += i
		}
		return err
	}
	return refused
}

func (d *diagCollector) dumpOnce(byFamily bool, q diagQuery, sink func(*Socket) error) error {
	if !byFamily {
		return d.read(diagRequest(q), sink)
	}
	if err := d.read(diagFamilyRequest(familyINET, q), sink); err != nil {
		return err
	}
	err := d.read(diagFamilyRequest(familyINET6, q), sink)
	if errors.Is(err, unix.ENOENT) {
		return nil // a kernel without IPv6
	}
	return err
}

func (d *diagCollector) read(request []byte, sink func(*Socket) error) error {
	var s Socket
	return netlink.AskAgain(d.ask, request, d.buf, func(kind uint16, b []byte) error {
		if kind != sockDiagByFamily && kind != tcpDiagGetSock {
			return nil
		}
		if err := parseDiag(b, &s); err != nil {
			return err
		}
		return sink(&s)
	})
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
		inode, err := netns.Inode(filepath.Join(p.proc, strconv.Itoa(pid), "ns/net"))
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
	return netns.ErrGone
}

// works reports whether the tables of a process can be read, by the headings of
// one: a whole table may be long.
func (p *procfsCollector) works(pid int) error {
	f, err := os.Open(filepath.Join(p.proc, strconv.Itoa(pid), "net/tcp"))
	if err != nil {
		return fmt.Errorf("opening a socket table: %w", err)
	}
	head := make([]byte, 128)
	n, err := f.Read(head)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("reading a socket table: %w", err)
	}
	if !bytes.Contains(head[:n], []byte("local_address")) {
		return fmt.Errorf("%s begins with %q: %w", f.Name(), head[:n], procfs.ErrLine)
	}
	return nil
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
		bad, err := procfs.Sockets(f, func(row *procfs.Socket) {
			emit(&Socket{
				Key:      p.keys.key(ns.inode, protocolTCP, row.Local, row.Remote),
				Protocol: protocolTCP, State: State(row.State), Local: row.Local, Remote: row.Remote, Inode: row.Inode,
			})
		})
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
