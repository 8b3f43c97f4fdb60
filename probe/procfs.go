package probe

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"strconv"
)

// errProcfsLine is a line of /proc/net/tcp that does not parse.
var errProcfsLine = errors.New("line does not parse")

// maxProcfsLine bounds a line of /proc/net/tcp6, which has 150 characters. It
// is the size of the reader's buffer as well.
const maxProcfsLine = 64 << 10

// parseProcNet reads /proc/<pid>/net/tcp or tcp6 (proc(5)) and calls emit for
// every socket. Lines that do not parse are counted and skipped. key turns a
// tuple into a socket's key, since procfs shows no cookie.
func parseProcNet(r io.Reader, key func(local, remote netip.AddrPort) uint64, emit func(*Socket)) (bad int, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, maxProcfsLine), maxProcfsLine)
	first := true
	var s Socket
	for sc.Scan() {
		if first { // the headings
			first = false
			continue
		}
		if err := parseProcNetLine(sc.Bytes(), &s); err != nil {
			bad++
			continue
		}
		s.Key = key(s.Local, s.Remote)
		emit(&s)
	}
	if err := sc.Err(); err != nil {
		return bad, fmt.Errorf("reading a socket table: %w", err)
	}
	return bad, nil
}

// parseProcNetLine reads one line: number, local, remote, state, queues,
// timer, retransmits, uid, timeout, inode.
func parseProcNetLine(line []byte, s *Socket) error {
	var fields [10][]byte
	n := 0
	for i := 0; i < len(line) && n < len(fields); {
		for i < len(line) && line[i] == ' ' {
			i++
		}
		start := i
		for i < len(line) && line[i] != ' ' {
			i++
		}
		if i > start {
			fields[n] = line[start:i]
			n++
		}
	}
	if n < len(fields) {
		return errProcfsLine
	}
	local, err := procNetAddr(fields[1])
	if err != nil {
		return err
	}
	remote, err := procNetAddr(fields[2])
	if err != nil {
		return err
	}
	state, err := strconv.ParseUint(string(fields[3]), 16, 8)
	if err != nil {
		return errProcfsLine
	}
	inode, err := strconv.ParseUint(string(fields[9]), 10, 64)
	if err != nil {
		return errProcfsLine
	}
	*s = Socket{Protocol: protocolTCP, State: State(state), Local: local, Remote: remote, Inode: inode}
	return nil
}

// procNetAddr reads "0100007F:1F90": the address in words of the machine's
// byte order, the port in hex.
func procNetAddr(b []byte) (netip.AddrPort, error) {
	var raw [16]byte
	var size int
	switch len(b) {
	case 8 + 5:
		size = 4
	case 32 + 5:
		size = 16
	default:
		return netip.AddrPort{}, errProcfsLine
	}
	if b[2*size] != ':' {
		return netip.AddrPort{}, errProcfsLine
	}
	if _, err := hex.Decode(raw[:size], b[:2*size]); err != nil {
		return netip.AddrPort{}, errProcfsLine
	}
	for i := 0; i < size; i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	port, err := strconv.ParseUint(string(b[2*size+1:]), 16, 16)
	if err != nil {
		return netip.AddrPort{}, errProcfsLine
	}
	addr := netip.AddrFrom16(raw).Unmap()
	if size == 4 {
		addr = netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// tupleKeys makes keys out of tuples. The seed is random for each run, so that
// nobody can choose connections whose keys collide.
type tupleKeys struct{ seed maphash.Seed }

func newTupleKeys() tupleKeys { return tupleKeys{maphash.MakeSeed()} }

func (k tupleKeys) key(ns uint64, proto uint8, local, remote netip.AddrPort) uint64 {
	return maphash.Comparable(k.seed, struct {
		ns     uint64
		proto  uint8
		local  netip.AddrPort
		remote netip.AddrPort
	}{ns, proto, local, remote})
}
