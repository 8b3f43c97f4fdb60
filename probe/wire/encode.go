package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/snattop/snattop/probe/facts"
)

// Encoder writes frames. It is not safe for concurrent use. Each frame is one
// Write. After a write that failed, which may have cut a frame, it returns the
// same error for ever: nothing that follows could be understood.
type Encoder struct {
	w    io.Writer
	mode cbor.EncMode
	err  error
	buf  []byte
	sent int64
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder {
	mode, _, err := Modes()
	return &Encoder{w: w, mode: mode, err: err}
}

// Sent is the number of bytes written so far.
func (e *Encoder) Sent() int64 { return e.sent }

// Hello writes the first frame of a stream.
func (e *Encoder) Hello(m *Hello) error { return e.encode(KindHello, m) }

// Tick writes a tick.
func (e *Encoder) Tick(m *Tick) error { return e.encode(KindTick, m) }

// Bye writes the last frame of a stream.
func (e *Encoder) Bye(m *Bye) error { return e.encode(KindBye, m) }

// Command writes a controller's wish.
func (e *Encoder) Command(m *Command) error { return e.encode(KindCommand, m) }

// Section writes one part of what a node told for the runbooks.
func (e *Encoder) Section(m *facts.Section) error { return e.encode(KindSection, m) }

func (e *Encoder) encode(kind Kind, m any) error {
	if e.err != nil {
		return e.err
	}
	payload, err := e.mode.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a frame of kind %d: %w", kind, err)
	}
	frame, err := AppendFrame(e.buf[:0], kind, payload)
	if err != nil {
		return err
	}
	e.buf = frame
	n, err := e.w.Write(frame)
	e.sent += int64(n)
	if err != nil {
		e.err = fmt.Errorf("writing a frame of kind %d: %w", kind, err)
	}
	return e.err
}

// AppendFrame appends a header and its payload to dst.
func AppendFrame(dst []byte, kind Kind, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("a payload of %d bytes: %w", len(payload), ErrTooLong)
	}
	dst = append(dst, magic0, magic1, Version, byte(kind))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload))) //nolint:gosec // bounded above
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli()))
	return append(dst, payload...), nil
}

// castagnoli returns the CRC-32C table; crc32 keeps it, and uses the CPU's own
// instruction where there is one.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
