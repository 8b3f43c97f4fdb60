package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/snattop/snattop/probe/facts"
)

// Message is one decoded frame; exactly one field is set.
type Message struct {
	Hello   *Hello
	Tick    *Tick
	Bye     *Bye
	Command *Command
	Section *facts.Section
}

// Frame is a frame whose payload has been checked but not parsed.
type Frame struct {
	Kind    Kind
	Payload []byte
	// Offset is where the frame begins in its stream.
	Offset int64
}

// FrameReader reads frames. It is not safe for concurrent use. After an error
// it returns the same error for ever: a broken stream is not resumed.
type FrameReader struct {
	r      io.Reader
	offset int64
	err    error
	buf    bytes.Buffer
}

// NewFrameReader returns a reader of r.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: r} }

// Next returns the next frame, io.EOF at a clean end, and an *Error or the
// reader's own error otherwise. The payload is valid until the next call.
func (f *FrameReader) Next() (Frame, error) {
	if f.err != nil {
		return Frame{}, f.err
	}
	fr, err := f.next()
	f.err = err
	return fr, err
}

func (f *FrameReader) next() (Frame, error) {
	var h [headerSize]byte
	if n, err := io.ReadFull(f.r, h[:]); err != nil {
		switch {
		case errors.Is(err, io.EOF):
			return Frame{}, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return Frame{}, f.bad(ErrTruncated, fmt.Sprintf("%d of %d header bytes", n, headerSize))
		default:
			return Frame{}, fmt.Errorf("reading the frame at byte %d: %w", f.offset, err)
		}
	}
	if h[0] != magic0 || h[1] != magic1 {
		return Frame{}, f.bad(ErrMagic, fmt.Sprintf("found %q", h[:]))
	}
	if h[2] != Version {
		return Frame{}, f.bad(ErrVersion, fmt.Sprintf("version %d, this is %d", h[2], Version))
	}
	size := binary.BigEndian.Uint32(h[4:8])
	if size > MaxPayload {
		return Frame{}, f.bad(ErrTooLong, fmt.Sprintf("%d bytes of at most %d", size, MaxPayload))
	}
	// The buffer grows with what arrives, not with what the header claims.
	f.buf.Reset()
	if n, err := io.CopyN(&f.buf, f.r, int64(size)); err != nil {
		if errors.Is(err, io.EOF) {
			return Frame{}, f.bad(ErrTruncated, fmt.Sprintf("%d of %d payload bytes", n, size))
		}
		return Frame{}, fmt.Errorf("reading the frame at byte %d: %w", f.offset, err)
	}
	payload := f.buf.Bytes()
	if got, want := crc32.Checksum(payload, castagnoli()), binary.BigEndian.Uint32(h[8:12]); got != want {
		return Frame{}, f.bad(ErrChecksum, fmt.Sprintf("%08x, expected %08x", got, want))
	}
	fr := Frame{Kind: Kind(h[3]), Payload: payload, Offset: f.offset}
	f.offset += headerSize + int64(size)
	return fr, nil
}

func (f *FrameReader) bad(reason error, detail string) error {
	return &Error{Offset: f.offset, Reason: reason, Detail: detail}
}

// Decoder reads messages of the format.
type Decoder struct {
	frames *FrameReader
	mode   cbor.DecMode
	err    error
}

// NewDecoder returns a decoder of r. The stream is untrusted: every length is
// bounded before memory is taken for it.
func NewDecoder(r io.Reader) *Decoder {
	_, mode, err := Modes()
	return &Decoder{frames: NewFrameReader(r), mode: mode, err: err}
}

// Next returns the next message, io.EOF at a clean end of the stream, an
// *Error when the stream does not parse, or the reader's own error.
func (d *Decoder) Next() (Message, error) {
	if d.err != nil {
		return Message{}, d.err
	}
	m, err := d.next()
	d.err = err
	return m, err
}

func (d *Decoder) next() (Message, error) {
	f, err := d.frames.Next()
	if err != nil {
		return Message{}, err
	}
	var m Message
	var into any
	switch f.Kind {
	case KindHello:
		m.Hello = new(Hello)
		into = m.Hello
	case KindTick:
		m.Tick = new(Tick)
		into = m.Tick
	case KindBye:
		m.Bye = new(Bye)
		into = m.Bye
	case KindCommand:
		m.Command = new(Command)
		into = m.Command
	case KindSection:
		m.Section = new(facts.Section)
		into = m.Section
	default:
		return Message{}, &Error{Offset: f.Offset, Reason: ErrKind, Detail: fmt.Sprintf("kind %d", f.Kind)}
	}
	if err := d.mode.Unmarshal(f.Payload, into); err != nil {
		return Message{}, &Error{Offset: f.Offset, Reason: ErrPayload, Detail: err.Error()}
	}
	if m.Tick != nil && zoned(m.Tick) {
		return Message{}, &Error{Offset: f.Offset, Reason: ErrPayload, Detail: "an address with a zone"}
	}
	return m, nil
}

// zoned reports whether a tick holds an address with a zone. A probe sends
// none; a zone is free text that would be printed with its address.
func zoned(t *Tick) bool {
	for i := range t.Rows {
		if t.Rows[i].IP.Zone() != "" {
			return true
		}
	}
	for i := range t.Owners {
		for _, ip := range t.Owners[i].IPs {
			if ip.Zone() != "" {
				return true
			}
		}
	}
	return false
}
