package tcptracer

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/sanitize"
)

// ErrLine is a line that is no event of tcptracer.
var ErrLine = errors.New("line does not parse")

// maxLine bounds a line; the longest that the tool prints has about 200 bytes.
const maxLine = 1024

// Kind is what happened to a connection.
type Kind uint8

// The kinds.
const (
	// Connect is a handshake that this side began, and that is complete.
	Connect Kind = iota + 1
	// Accept is a connection that a program took from its listening socket.
	Accept
	// Close is a program closing its socket.
	Close
)

// Event is one line.
type Event struct {
	// Time is since the first event that the same tool printed; below zero for
	// one that was overtaken. It is 0 in formats without a time.
	Time time.Duration
	Kind Kind
	// Family is 4 or 6: that of the socket, not of its addresses.
	Family uint8
	// PID is in the initial PID namespace.
	PID uint32
	// Command is made printable.
	Command string
	// Local and Remote are never IPv4 mapped into IPv6.
	Local, Remote netip.AddrPort
	// NetNS is the inode of the network namespace; 0 in formats without it.
	NetNS uint64
}

// Parse reads one line as the tool prints it with -t and -v. The event is
// untouched when the error, ErrLine, says that it is none.
func Parse(line []byte, e *Event) error { return runFormat.Parse(line, e) }

// Parse reads one line of this format, without its line break. The event is
// untouched when the error, ErrLine, says that it is none.
//
// The padding of columns is checked, which looks pedantic and is not: a program
// may have a line break in its name and go on with what looks like an event.
// Names have at most 15 bytes, too few to forge padded columns.
func (f Format) Parse(line []byte, e *Event) error {
	if len(line) > maxLine {
		return ErrLine
	}
	var out Event
	rest, ok := f.parseTime(line, &out)
	if !ok {
		return ErrLine
	}
	if rest, ok = f.parseKind(rest, &out); !ok {
		return ErrLine
	}
	pid, rest, ok := column(rest, digits(rest), widthPID)
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return ErrLine
	}
	rest = rest[1:]
	n, ok := number(pid, math.MaxInt32)
	if !ok {
		return ErrLine
	}
	out.PID = uint32(n) //nolint:gosec // bounded above
	if rest, ok = f.parseEnds(rest, &out); !ok {
		return ErrLine
	}
	// What is left is the name, which may hold blanks, and one blank behind it.
	if utf8.RuneCount(rest) != widthComm+1 || rest[len(rest)-1] != ' ' {
		return ErrLine
	}
	out.Command = sanitize.Text(string(bytes.TrimSpace(rest)))
	*e = out
	return nil
}

func (f Format) parseTime(line []byte, e *Event) ([]byte, bool) {
	if !f.Time {
		return line, true
	}
	sign := 0
	if len(line) > 0 && line[0] == '-' {
		sign = 1
	}
	n := sign + digits(line[sign:])
	whole, ok := number(line[sign:n], math.MaxInt64)
	if !ok {
		return nil, false
	}
	width := widthNanos
	if !f.Verbose {
		// Three digits behind the point.
		if len(line) < n+4 || line[n] != '.' || digits(line[n+1:n+4]) != 3 || whole >= math.MaxInt64/uint64(time.Second) {
			return nil, false
		}
		millis, _ := number(line[n+1:n+4], 999)
		n, width = n+4, widthSeconds
		whole = whole*uint64(time.Second) + millis*uint64(time.Millisecond)
	}
	e.Time = time.Duration(whole) //nolint:gosec // bounded above
	if sign == 1 {
		e.Time = -e.Time
	}
	_, rest, ok := column(line, n, width)
	return rest, ok
}

func (f Format) parseKind(line []byte, e *Event) ([]byte, bool) {
	width := widthLetter
	if f.Verbose {
		width = widthWord
	}
	n := bytes.IndexByte(line, ' ')
	if n < 0 || n >= width {
		return nil, false
	}
	word, rest, ok := column(line, n, width)
	if !ok {
		return nil, false
	}
	name := string(word)
	if f.Verbose {
		switch name {
		case "connect":
			e.Kind = Connect
		case "accept":
			e.Kind = Accept
		case "close":
			e.Kind = Close
		}
	} else {
		switch name {
		case "C":
			e.Kind = Connect
		case "A":
			e.Kind = Accept
		case "X":
			e.Kind = Close
		}
	}
	return rest, e.Kind != 0
}

// parseEnds reads the columns behind the name, from the right, because none of
// them holds a blank.
func (f Format) parseEnds(line []byte, e *Event) (rest []byte, ok bool) {
	if f.NetNS {
		var word []byte
		line, word = lastWord(line)
		if e.NetNS, ok = number(word, math.MaxUint32); !ok || e.NetNS == 0 {
			return nil, false
		}
	}
	line, dport := lastWord(line)
	line, sport := lastWord(line)
	line, daddr := lastWord(line)
	line, saddr := lastWord(line)
	line, family := lastWord(line)
	switch string(family) {
	case "4":
		e.Family = 4
	case "6":
		e.Family = 6
	default:
		return nil, false
	}
	if e.Local, ok = endpoint(e.Family, saddr, sport); !ok {
		return nil, false
	}
	e.Remote, ok = endpoint(e.Family, daddr, dport)
	return line, ok
}

// endpoint reads an address, which stands in brackets in IPv6, and a port. The
// tool passes over sockets where either is zero.
func endpoint(family uint8, addr, port []byte) (netip.AddrPort, bool) {
	if family == 6 {
		if len(addr) < 2 || addr[0] != '[' || addr[len(addr)-1] != ']' {
			return netip.AddrPort{}, false
		}
		addr = addr[1 : len(addr)-1]
	}
	ip, err := netip.ParseAddr(string(addr))
	if err != nil || ip.Is4() != (family == 4) || ip.Zone() != "" || ip.IsUnspecified() {
		return netip.AddrPort{}, false
	}
	p, ok := number(port, math.MaxUint16)
	if !ok || p == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(p)), true //nolint:gosec // bounded above
}

// column cuts a value of n bytes off, and the blanks that pad it to a width.
func column(line []byte, n, width int) (value, rest []byte, ok bool) {
	if n == 0 || len(line) < width {
		return nil, nil, false
	}
	for i := n; i < width; i++ {
		if line[i] != ' ' {
			return nil, nil, false
		}
	}
	return line[:n], line[max(n, width):], true
}

// lastWord splits the last word off; the rest keeps the blanks before it.
func lastWord(line []byte) (rest, word []byte) {
	line = bytes.TrimRight(line, " ")
	i := bytes.LastIndexByte(line, ' ') + 1
	return line[:i], line[i:]
}

// digits returns how many digits stand at the start.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// number reads a decimal number without a sign.
func number(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 19 || digits(b) != len(b) {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		n = n*10 + uint64(c-'0')
	}
	return n, n <= limit
}
