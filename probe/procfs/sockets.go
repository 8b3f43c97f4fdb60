// Package procfs reads what a node's /proc says of processes and sockets
// (proc(5)). A process chooses its own name, so what is returned is one safe line.
package procfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
)

// ErrLine is a line that does not parse.
var ErrLine = errors.New("line does not parse")

// maxLine bounds a line of /proc/net/tcp6, which has 150 characters. It
// is the size of the reader's buffer as well.
const maxLine = 64 << 10

// Socket is one row of a socket table.
type Socket struct {
	// State is the kernel's number (include/net/tcp_states.h), for UDP too.
	State         uint8
	Local, Remote netip.AddrPort
	// Inode is that of the socket's file, 0 when no process holds it.
	Inode uint64
}

// Sockets reads /proc/<pid>/net/tcp, tcp6, udp or udp6 and calls emit for every
// socket. Lines that do not parse are counted and skipped.
func Sockets(r io.Reader, emit func(*Socket)) (bad int, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, maxLine), maxLine)
	first := true
	var s Socket
	for sc.Scan() {
		if first { // the headings
			first = false
			continue
		}
		if err := parseSocket(sc.Bytes(), &s); err != nil {
			bad++
			continue
		}
		emit(&s)
	}
	if err := sc.Err(); err != nil {
		return bad, fmt.Errorf("reading a socket table: %w", err)
	}
	return bad, nil
}

// parseSocket reads one line: number, local, remote, state, queues,
// timer, retransmits, uid, timeout, inode.
func parseSocket(line []byte, s *Socket) error {
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
		return ErrLine
	}
	local, err := address(fields[1])
	if err != nil {
		return err
	}
	remote, err := address(fields[2])
	if err != nil {
		return err
	}
	state, err := strconv.ParseUint(string(fields[3]), 16, 8)
	if err != nil {
		return ErrLine
	}
	inode, err := strconv.ParseUint(string(fields[9]), 10, 64)
	if err != nil {
		return ErrLine
	}
	*s = Socket{State: uint8(state), Local: local, Remote: remote, Inode: inode}
	return nil
}

// address reads "0100007F:1F90": the address in words of the machine's
// byte order, the port in hex.
func address(b []byte) (netip.AddrPort, error) {
	var raw [16]byte
	var size int
	switch len(b) {
	case 8 + 5:
		size = 4
	case 32 + 5:
		size = 16
	default:
		return netip.AddrPort{}, ErrLine
	}
	if b[2*size] != ':' {
		return netip.AddrPort{}, ErrLine
	}
	if _, err := hex.Decode(raw[:size], b[:2*size]); err != nil {
		return netip.AddrPort{}, ErrLine
	}
	for i := 0; i < size; i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	port, err := strconv.ParseUint(string(b[2*size+1:]), 16, 16)
	if err != nil {
		return netip.AddrPort{}, ErrLine
	}
	addr := netip.AddrFrom16(raw).Unmap()
	if size == 4 {
		addr = netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}
