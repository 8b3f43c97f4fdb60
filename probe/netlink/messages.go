// Package netlink asks the kernel over netlink.
package netlink

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Netlink as netlink(7) and include/uapi/linux/netlink.h describe it. Parsing
// is kept apart from the sockets, so that it is tested and fuzzed anywhere.

const (
	// HeaderSize is that of struct nlmsghdr.
	HeaderSize = 16

	msgError = 2
	msgDone  = 3
	flagIntr = 0x10

	// FlagsDump asks for every entry: NLM_F_DUMP | NLM_F_REQUEST.
	FlagsDump = 0x300 | 0x1
)

var (
	// ErrShort means that a message ends before what it holds.
	ErrShort = errors.New("netlink message is cut short")
	// ErrInterrupted means that the table changed in a way that may have
	// made the kernel skip entries.
	ErrInterrupted = errors.New("netlink dump was interrupted by a change")
)

// errno is a kernel error from a netlink error message.
type errno int32

func (e errno) Error() string { return fmt.Sprintf("netlink error %d", int32(e)) }

// Messages calls fn for every message of one datagram. done is true when the
// dump has ended.
func Messages(b []byte, fn func(kind uint16, payload []byte) error) (done bool, interrupted bool, err error) {
	for len(b) > 0 {
		if len(b) < HeaderSize {
			return false, interrupted, ErrShort
		}
		size := binary.NativeEndian.Uint32(b[0:4])
		kind := binary.NativeEndian.Uint16(b[4:6])
		flags := binary.NativeEndian.Uint16(b[6:8])
		if size < HeaderSize || uint64(size) > uint64(len(b)) {
			return false, interrupted, ErrShort
		}
		if flags&flagIntr != 0 {
			interrupted = true
		}
		payload := b[HeaderSize:size]
		switch kind {
		case msgDone:
			if len(payload) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(payload)); code != 0 { //nolint:gosec // a kernel errno, signed by definition
					return true, interrupted, errno(code)
				}
			}
			return true, interrupted, nil
		case msgError:
			if len(payload) < 4 {
				return false, interrupted, ErrShort
			}
			if code := int32(binary.NativeEndian.Uint32(payload)); code != 0 { //nolint:gosec // a kernel errno, signed by definition
				return true, interrupted, errno(code)
			}
			return true, interrupted, nil
		default:
			if err := fn(kind, payload); err != nil {
				return false, interrupted, err
			}
		}
		b = b[min(align(int(size)), len(b)):]
	}
	return false, interrupted, nil
}

// Attrs calls fn for every attribute (struct nlattr) of a payload. The kind
// comes without the nested and byte-order flags.
func Attrs(b []byte, fn func(kind uint16, value []byte)) error {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b[0:2]))
		kind := binary.NativeEndian.Uint16(b[2:4]) & 0x3fff
		if size < 4 || size > len(b) {
			return ErrShort
		}
		fn(kind, b[4:size])
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// Attr appends one attribute.
func Attr(dst []byte, kind uint16, value []byte) []byte {
	dst = binary.NativeEndian.AppendUint16(dst, uint16(4+len(value))) //nolint:gosec // values are a few bytes
	dst = binary.NativeEndian.AppendUint16(dst, kind)
	dst = append(dst, value...)
	for len(dst)%4 != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// Request returns a dump request.
func Request(kind, flags uint16, payload []byte) []byte {
	b := make([]byte, 0, HeaderSize+len(payload))
	b = binary.NativeEndian.AppendUint32(b, uint32(HeaderSize+len(payload))) //nolint:gosec // requests are a few bytes
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel's choice
	return append(b, payload...)
}

func align(n int) int { return (n + 3) &^ 3 }
