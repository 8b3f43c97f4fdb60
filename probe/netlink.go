package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Netlink as netlink(7) and include/uapi/linux/netlink.h describe it. Parsing
// is kept apart from the sockets, so that it is tested and fuzzed anywhere.

const (
	nlHeaderSize = 16
	nlMsgError   = 2
	nlMsgDone    = 3
	nlFlagIntr   = 0x10
)

var (
	errNetlinkShort = errors.New("netlink message is cut short")
	// errDumpInterrupted means that the table changed in a way that may have
	// made the kernel skip entries.
	errDumpInterrupted = errors.New("netlink dump was interrupted by a change")
)

// errno is a kernel error from a netlink error message.
type errno int32

func (e errno) Error() string { return fmt.Sprintf("netlink error %d", int32(e)) }

// nlMessages calls fn for every message of one datagram. done is true when the
// dump has ended.
func nlMessages(b []byte, fn func(kind uint16, payload []byte) error) (done bool, interrupted bool, err error) {
	for len(b) > 0 {
		if len(b) < nlHeaderSize {
			return false, interrupted, errNetlinkShort
		}
		size := binary.NativeEndian.Uint32(b[0:4])
		kind := binary.NativeEndian.Uint16(b[4:6])
		flags := binary.NativeEndian.Uint16(b[6:8])
		if size < nlHeaderSize || uint64(size) > uint64(len(b)) {
			return false, interrupted, errNetlinkShort
		}
		if flags&nlFlagIntr != 0 {
			interrupted = true
		}
		payload := b[nlHeaderSize:size]
		switch kind {
		case nlMsgDone:
			if len(payload) >= 4 {
				if code := int32(binary.NativeEndian.Uint32(payload)); code != 0 { //nolint:gosec // a kernel errno, signed by definition
					return true, interrupted, errno(code)
				}
			}
			return true, interrupted, nil
		case nlMsgError:
			if len(payload) < 4 {
				return false, interrupted, errNetlinkShort
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
		b = b[min(nlAlign(int(size)), len(b)):]
	}
	return false, interrupted, nil
}

// nlAttrs calls fn for every attribute (struct nlattr) of a payload. The kind
// comes without the nested and byte-order flags.
func nlAttrs(b []byte, fn func(kind uint16, value []byte)) error {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b[0:2]))
		kind := binary.NativeEndian.Uint16(b[2:4]) & 0x3fff
		if size < 4 || size > len(b) {
			return errNetlinkShort
		}
		fn(kind, b[4:size])
		b = b[min(nlAlign(size), len(b)):]
	}
	return nil
}

// nlAttr appends one attribute.
func nlAttr(dst []byte, kind uint16, value []byte) []byte {
	dst = binary.NativeEndian.AppendUint16(dst, uint16(4+len(value))) //nolint:gosec // values are a few bytes
	dst = binary.NativeEndian.AppendUint16(dst, kind)
	dst = append(dst, value...)
	for len(dst)%4 != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// nlRequest returns a dump request.
func nlRequest(kind, flags uint16, payload []byte) []byte {
	b := make([]byte, 0, nlHeaderSize+len(payload))
	b = binary.NativeEndian.AppendUint32(b, uint32(nlHeaderSize+len(payload))) //nolint:gosec // requests are a few bytes
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel's choice
	return append(b, payload...)
}

func nlAlign(n int) int { return (n + 3) &^ 3 }
