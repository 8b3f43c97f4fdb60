package capture

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/wire"
)

// Kinds of frames in a capture's stream: Start once, then Packets, then End.
const (
	KindStart   wire.Kind = 32
	KindPackets wire.Kind = 33
	KindEnd     wire.Kind = 34
)

// Bounds of a capture and of its stream.
const (
	// MaxSnaplen is the most bytes that are kept of a packet.
	MaxSnaplen = 65535
	// maxText and maxNotes bound what a Start says.
	maxText  = 1024
	maxNotes = 8
)

// Start is the first frame.
type Start struct {
	// Probe is the probe's own version; Hostname and Kernel are the node's.
	Probe    string `cbor:"1,keyasint"`
	Hostname string `cbor:"2,keyasint"`
	Kernel   string `cbor:"3,keyasint"`
	// Interface is the name of the one that is captured; Within says whose it
	// is: "the node" or "the pod".
	Interface string `cbor:"4,keyasint"`
	Within    string `cbor:"5,keyasint"`
	Link      Link   `cbor:"6,keyasint"`
	// Snaplen is the most bytes that are kept of a packet.
	Snaplen uint32 `cbor:"7,keyasint"`
	// Filter is what is wanted, as tcpdump would read it; "" is everything.
	Filter string `cbor:"8,keyasint,omitempty"`
	// Notes are sentences about how the interface was chosen.
	Notes []string `cbor:"9,keyasint,omitempty"`
	// UnixNanos is the node's clock when the capture began.
	UnixNanos int64 `cbor:"10,keyasint"`
}

// Packets are some packets, and the counts up to the last of them. A frame
// without packets says that there were none for a while.
type Packets struct {
	// Records are the packets, one behind the other; see Each.
	Records []byte `cbor:"1,keyasint,omitempty"`
	Counts  Counts `cbor:"2,keyasint"`
}

// Counts are sums since the start. Those that were seen and not dropped are
// told as packets.
type Counts struct {
	// Seen is how many packets the filter wanted.
	Seen uint64 `cbor:"1,keyasint"`
	// Kernel is how many of them the kernel dropped, whose ring was full.
	Kernel uint64 `cbor:"2,keyasint,omitempty"`
	// Queue is how many of them were dropped because the way to whoever reads
	// the stream was slower than the packets.
	Queue uint64 `cbor:"3,keyasint,omitempty"`
}

// Reasons why a capture ended in good order.
const (
	EndLeash    = "leash"
	EndDuration = "duration"
	EndSize     = "size"
)

// End is the last frame. Its counts are exact: Seen is the sum of what was
// told and what was dropped.
type End struct {
	// Reason is one of the above, or an error.
	Reason string `cbor:"1,keyasint"`
	// Failed means that the reason is an error.
	Failed bool   `cbor:"2,keyasint,omitempty"`
	Counts Counts `cbor:"3,keyasint"`
	// UnixNanos is the node's clock at the end.
	UnixNanos int64 `cbor:"4,keyasint"`
}

// Direction is which way a packet went, as the interface sees it.
type Direction uint8

// The directions, by their numbers in capture files.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Packet is one packet.
type Packet struct {
	// UnixNanos is when the node's kernel saw it, by the node's clock.
	UnixNanos int64
	// Length is how long it was; Data may hold less of it.
	Length    uint32
	Direction Direction
	Data      []byte
}

// A record is a header, big-endian, and the packet's bytes: time (8), length
// (4), bytes kept (4), direction (1).
const recordHeader = 17

// RecordCost is what a packet counts for, towards a bound of bytes, beside the
// bytes that are kept: no less than what a capture file adds to it.
const RecordCost = 48

// AppendRecord appends a packet to the records of a Packets frame.
func AppendRecord(dst []byte, p Packet) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.UnixNanos)) //nolint:gosec // read back the same way
	dst = binary.BigEndian.AppendUint32(dst, p.Length)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(p.Data))) //nolint:gosec // at most MaxSnaplen and a tag
	dst = append(dst, byte(p.Direction))
	return append(dst, p.Data...)
}

// Each calls fn for every packet, whose data is valid during the call, until
// fn fails. Records that do not parse, or that hold more of a packet than
// snaplen allows, are an error.
func (p *Packets) Each(snaplen uint32, fn func(Packet) error) error {
	for at := 0; at < len(p.Records); {
		rest := p.Records[at:]
		if len(rest) < recordHeader {
			return fmt.Errorf("record at byte %d: %w", at, io.ErrUnexpectedEOF)
		}
		pk := Packet{
			UnixNanos: int64(binary.BigEndian.Uint64(rest)), //nolint:gosec // checked below
			Length:    binary.BigEndian.Uint32(rest[8:]), Direction: Direction(rest[16]),
		}
		kept := binary.BigEndian.Uint32(rest[12:])
		switch {
		case pk.UnixNanos < 0:
			return fmt.Errorf("record at byte %d: a time before 1970 or after 2262", at)
		case pk.Direction > Outbound:
			return fmt.Errorf("record at byte %d: direction %d", at, pk.Direction)
		case kept > pk.Length || kept > snaplen+tagSize:
			return fmt.Errorf("record at byte %d: %d bytes of a packet of %d, with at most %d", at, kept, pk.Length, snaplen)
		case int64(kept) > int64(len(rest)-recordHeader):
			return fmt.Errorf("record at byte %d: %w", at, io.ErrUnexpectedEOF)
		}
		end := recordHeader + int(kept)
		pk.Data = rest[recordHeader:end:end]
		if err := fn(pk); err != nil {
			return err
		}
		at += end
	}
	return nil
}

// Message is one decoded frame; exactly one field is set.
type Message struct {
	Start   *Start
	Packets *Packets
	End     *End
}

// Encoder writes a capture's stream. It is not safe for concurrent use.
type Encoder struct {
	w    io.Writer
	mode cbor.EncMode
	err  error
	buf  []byte
}

// NewEncoder returns an encoder that writes to w. Each frame is one Write.
func NewEncoder(w io.Writer) *Encoder {
	mode, _, err := wire.Modes()
	return &Encoder{w: w, mode: mode, err: err}
}

// Encode writes one frame. After a write that failed it returns the same error
// for ever.
func (e *Encoder) Encode(m Message) error {
	if e.err != nil {
		return e.err
	}
	var kind wire.Kind
	var body any
	switch {
	case m.Start != nil:
		kind, body = KindStart, m.Start
	case m.Packets != nil:
		kind, body = KindPackets, m.Packets
	default:
		kind, body = KindEnd, m.End
	}
	payload, err := e.mode.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding a frame of kind %d: %w", kind, err)
	}
	if e.buf, err = wire.AppendFrame(e.buf[:0], kind, payload); err != nil {
		return err
	}
	if _, err := e.w.Write(e.buf); err != nil {
		e.err = fmt.Errorf("writing a frame of kind %d: %w", kind, err)
	}
	return e.err
}

// Decoder reads a capture's stream, which is untrusted: every length is bounded
// before memory is taken for it, and text is made safe to print.
type Decoder struct {
	frames *wire.FrameReader
	mode   cbor.DecMode
	err    error
	start  *Start
	ended  bool
}

// NewDecoder returns a decoder of r.
func NewDecoder(r io.Reader) *Decoder {
	_, mode, err := wire.Modes()
	return &Decoder{frames: wire.NewFrameReader(r), mode: mode, err: err}
}

// Next returns the next message: a Start first, Packets whose records parse,
// and an End, behind which is io.EOF. The error is a *wire.Error when the
// stream does not parse, or the reader's own.
func (d *Decoder) Next() (Message, error) {
	if d.err != nil {
		return Message{}, d.err
	}
	var m Message
	m, d.err = d.next()
	return m, d.err
}

func (d *Decoder) next() (Message, error) {
	if d.ended {
		return Message{}, io.EOF
	}
	f, err := d.frames.Next()
	if err != nil {
		return Message{}, err
	}
	bad := func(reason error, detail string) (Message, error) {
		return Message{}, &wire.Error{Offset: f.Offset, Reason: reason, Detail: detail}
	}
	if (f.Kind == KindStart) != (d.start == nil) {
		return bad(wire.ErrKind, fmt.Sprintf("kind %d here", f.Kind))
	}
	var m Message
	var into any
	switch f.Kind {
	case KindStart:
		m.Start = new(Start)
		into = m.Start
	case KindPackets:
		m.Packets = new(Packets)
		into = m.Packets
	case KindEnd:
		m.End = new(End)
		into = m.End
	default:
		return bad(wire.ErrKind, fmt.Sprintf("kind %d", f.Kind))
	}
	if err := d.mode.Unmarshal(f.Payload, into); err != nil {
		return bad(wire.ErrPayload, err.Error())
	}
	if err := d.accept(&m); err != nil {
		return bad(wire.ErrPayload, err.Error())
	}
	return m, nil
}

// accept checks what a message says.
func (d *Decoder) accept(m *Message) error {
	switch {
	case m.Start != nil:
		s := m.Start
		if s.Link != Ethernet && s.Link != RawIP {
			return fmt.Errorf("link type %d", s.Link)
		}
		if s.Snaplen == 0 || s.Snaplen > MaxSnaplen {
			return fmt.Errorf("%d bytes of a packet", s.Snaplen)
		}
		if len(s.Notes) > maxNotes {
			return fmt.Errorf("%d notes", len(s.Notes))
		}
		for _, text := range []*string{&s.Probe, &s.Hostname, &s.Kernel, &s.Interface, &s.Within, &s.Filter} {
			*text = safe(*text)
		}
		for i := range s.Notes {
			s.Notes[i] = safe(s.Notes[i])
		}
		d.start = s
	case m.Packets != nil:
		return m.Packets.Each(d.start.Snaplen, func(Packet) error { return nil })
	case m.End != nil:
		m.End.Reason = safe(m.End.Reason)
		d.ended = true
	}
	return nil
}

// safe makes text of a node one line of bounded length.
func safe(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return sanitize.Text(text)
}
