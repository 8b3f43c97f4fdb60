package probe

import (
	"encoding/binary"
	"slices"
)

// Byte-code that the kernel runs on each socket before it copies it to us:
// struct inet_diag_bc_op and inet_diag_bc_run in net/ipv4/inet_diag.c. An
// operation names the distance to the next one for yes and for no; who arrives
// exactly at the end is told, who goes four bytes beyond is left out.
const (
	bcJump      = 1 // INET_DIAG_BC_JMP: always no
	bcLocalPort = 2 // INET_DIAG_BC_S_GE: is the local port at least the next operand's?

	bcOpSize = 4
)

// maxFilterPorts bounds a filter. The kernel checks each jump of it from the
// beginning (inet_diag_bc_audit), so that its cost grows with the square: with
// 64 ports it is far below that of walking the table.
const maxFilterPorts = 64

// portFilter returns byte-code that leaves out the sockets with these local
// ports, nil when there is none. It is a binary search, so that it costs a few
// comparisons a socket, of S_GE alone, which every kernel knows.
func portFilter(ports []uint16) []byte {
	parts := portRanges(ports)
	if len(parts) == 1 && parts[0].keep {
		return nil
	}
	return bcSearch(nil, parts, 0)
}

// portRange is the ports from one number to the next range's.
type portRange struct {
	from uint16
	keep bool
}

// portRanges cuts all port numbers into ranges that are kept or left out.
func portRanges(ports []uint16) []portRange {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	out := []portRange{{0, true}}
	for _, p := range slices.Compact(ports) {
		last := &out[len(out)-1]
		if last.from == p { // the one before ended here
			last.keep = false
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
		} else {
			out = append(out, portRange{p, false})
		}
		if p < 1<<16-1 {
			out = append(out, portRange{p + 1, true})
		}
	}
	return out
}

// bcSearch appends the search among parts; rest is how many bytes of the
// program will follow it.
func bcSearch(dst []byte, parts []portRange, rest int) []byte {
	if len(parts) == 1 {
		no := bcOpSize + rest
		if !parts[0].keep {
			no += bcOpSize
		}
		return bcOp(dst, bcJump, bcOpSize, no)
	}
	low, high := parts[:len(parts)/2], parts[len(parts)/2:]
	dst = bcOp(dst, bcLocalPort, 2*bcOpSize, 2*bcOpSize+bcSize(high))
	dst = bcOp(dst, 0, 0, int(high[0].from)) // the operand
	dst = bcSearch(dst, high, bcSize(low)+rest)
	return bcSearch(dst, low, rest)
}

func bcSize(parts []portRange) int { return len(parts)*bcOpSize + (len(parts)-1)*2*bcOpSize }

func bcOp(dst []byte, code, yes uint8, no int) []byte {
	return binary.NativeEndian.AppendUint16(append(dst, code, yes), uint16(no)) //nolint:gosec // a program is some kilobytes at most
}
