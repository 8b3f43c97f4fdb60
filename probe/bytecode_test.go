package probe

import (
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type bcInstruction struct {
	code, yes uint8
	no        int
}

func bcAt(prog []byte, at int) bcInstruction {
	return bcInstruction{prog[at], prog[at+1], int(binary.NativeEndian.Uint16(prog[at+2:]))}
}

// bcAudit is inet_diag_bc_audit: what the kernel checks before it runs a
// program of ours.
func bcAudit(prog []byte) bool {
	for at := 0; at < len(prog); {
		left := len(prog) - at
		if left < bcOpSize {
			return false
		}
		op, least := bcAt(prog, at), bcOpSize
		switch op.code {
		case bcLocalPort:
			if least = 2 * bcOpSize; left < least {
				return false
			}
		case bcJump:
		default:
			return false
		}
		if op.no < least || op.no > left+4 || op.no%4 != 0 {
			return false
		}
		if op.no < left && !bcOnPath(prog, at+op.no) {
			return false
		}
		if int(op.yes) < least || int(op.yes) > left+4 || op.yes%4 != 0 {
			return false
		}
		at += int(op.yes)
		if at > len(prog) {
			return false
		}
	}
	return true
}

// bcOnPath is valid_cc: a jump may only lead to where the way of yes leads.
func bcOnPath(prog []byte, to int) bool {
	for at := 0; at < to; {
		yes := int(bcAt(prog, at).yes)
		if at += yes; yes < bcOpSize || yes%4 != 0 || at+bcOpSize > len(prog) {
			return false
		}
		if at == to {
			return true
		}
	}
	return false
}

// bcTells is inet_diag_bc_run.
func bcTells(prog []byte, port uint16) (told bool, steps int) {
	at := 0
	for ; at < len(prog); steps++ {
		op := bcAt(prog, at)
		yes := op.code == bcLocalPort && int(port) >= bcAt(prog, at+bcOpSize).no
		if yes {
			at += int(op.yes)
		} else {
			at += op.no
		}
	}
	return at == len(prog), steps
}

// Of all ports, those and only those are left out, in a few steps, by a program
// that the kernel accepts.
func TestPortFilter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		port := rapid.OneOf(rapid.Uint16(), rapid.SampledFrom([]uint16{0, 1, 79, 80, 81, 82, 65534, 65535}))
		ports := rapid.SliceOfN(port, 0, maxFilterPorts).Draw(t, "ports")
		prog := portFilter(ports)
		if (prog == nil) != (len(ports) == 0) {
			t.Fatalf("% x", prog)
		}
		if !bcAudit(prog) {
			t.Fatalf("refused: % x", prog)
		}
		out := make(map[uint16]bool)
		for _, p := range ports {
			out[p] = true
		}
		for p := range 1 << 16 {
			told, steps := bcTells(prog, uint16(p))
			if told == out[uint16(p)] || steps > 9 { // log2(2*64+1), and the end
				t.Fatalf("port %d: told %t after %d steps", p, told, steps)
			}
		}
	})
}

// The audit of this test is no rubber stamp.
func TestPortFilterAudit(t *testing.T) {
	t.Parallel()
	good := portFilter([]uint16{80, 443})
	for at := range good {
		for _, to := range []byte{0, 2, 255} {
			bad := slices.Clone(good)
			bad[at] = to
			if bcAudit(bad) {
				for p := range 1 << 16 {
					bcTells(bad, uint16(p)) // ends, and reads nothing beyond it
				}
			}
		}
	}
	for name, bad := range map[string][]byte{
		"cut short":       good[:len(good)-4],
		"half an operand": bcOp(nil, bcLocalPort, 4, 4),
		"into an operand": bcOp(bcOp(bcOp(bcOp(nil, bcLocalPort, 8, 4), 0, 0, 1), bcJump, 4, 8), bcJump, 4, 4),
		"too far":         bcOp(nil, bcJump, 4, 12),
	} {
		if bcAudit(bad) {
			t.Errorf("%s: accepted", name)
		}
	}
}
