// Package pcapng writes capture files in the format of
// draft-ietf-opsawg-pcapng, which tcpdump and Wireshark's tools read: one
// section, its interfaces, their packets and what is known of losses.
package pcapng

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Block types and options, by the draft's numbers. Everything is written in
// little-endian.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6
	byteOrder       = 0x1a2b3c4d

	optEnd     = 0
	optComment = 1

	optHardware    = 2
	optSystem      = 3
	optApplication = 4

	optName        = 2
	optDescription = 3
	optResolution  = 9
	optFilter      = 11
	optIfSystem    = 12

	optFlags = 2

	optStart     = 2
	optStop      = 3
	optReceived  = 4
	optDropped   = 5
	optAccepted  = 6
	optOSDropped = 7
	optDelivered = 8
)

// maxText bounds an option's text in bytes; its length field has 16 bits.
const maxText = 32 << 10

// flushAt is how many bytes of blocks are gathered before they are written.
const flushAt = 64 << 10

// Section describes a file.
type Section struct {
	// Comment may have several lines. Hardware, System and Application made
	// the capture. What is empty is left out.
	Comment, Hardware, System, Application string
}

// Interface describes where packets come from. Empty texts are left out.
type Interface struct {
	// Link is how its packets begin (LINKTYPE_…).
	Link uint16
	// Snaplen is the most bytes that are kept of a packet.
	Snaplen uint32
	// Filter is in the language of libpcap.
	Name, Description, Filter, System string
}

// Packet is one packet. Times are of nanoseconds since 1970.
type Packet struct {
	UnixNanos uint64
	// Length is how long it was; Data is what was kept.
	Length uint32
	// Direction is 1 for inbound, 2 for outbound, 0 where it is not known.
	Direction uint8
	Data      []byte
}

// Statistics are sums since the start of a capture, at a moment.
type Statistics struct {
	At, Start, End time.Time
	// Accepted is how many packets the filter wanted, Delivered how many of
	// them the file holds. Dropped are all others; those that the operating
	// system dropped are OSDropped.
	Accepted, Delivered, Dropped, OSDropped uint64
	Comment                                 string
}

// Writer writes one section. It is not safe for concurrent use. Blocks are
// gathered and written whole, so that a file whose writer was killed can still
// be read; after an error it writes nothing more.
type Writer struct {
	w          io.Writer
	buf        []byte
	interfaces uint32
	// whole is how many bytes of whole blocks w has taken.
	whole int64
	err   error
}

// NewWriter returns a writer whose first block describes the section. It writes
// nothing yet, so that nothing fails here.
func NewWriter(w io.Writer, s Section) *Writer {
	out := &Writer{w: w, buf: make([]byte, 0, flushAt)}
	_ = out.block(blockSection, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, byteOrder)
		b = binary.LittleEndian.AppendUint16(b, 1) // version 1.0
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // the length is not known yet
		b = text(b, optComment, s.Comment)
		b = text(b, optHardware, s.Hardware)
		b = text(b, optSystem, s.System)
		return end(text(b, optApplication, s.Application))
	})
	return out
}

// Size is how long the file is with what has been gathered.
func (w *Writer) Size() int64 { return w.whole + int64(len(w.buf)) }

// Interface adds an interface; the first one is number 0.
func (w *Writer) Interface(i Interface) error {
	w.interfaces++
	return w.block(blockInterface, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint16(b, i.Link)
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint32(b, i.Snaplen)
		b = text(b, optName, i.Name)
		b = text(b, optDescription, i.Description)
		b = option(b, optResolution, []byte{9}) // nanoseconds
		if i.Filter != "" {
			b = text(b, optFilter, "\x00"+i.Filter) // of libpcap's kind
		}
		return end(text(b, optIfSystem, i.System))
	})
}

// PacketSize is how many bytes a packet adds to the file.
func PacketSize(p Packet) int64 {
	const fixed, flags = 12 + 20, 8 + 4 // the block's own, and an option with its end
	return int64(fixed + flags + padded(len(p.Data)))
}

// Packet adds a packet of an interface.
func (w *Writer) Packet(of uint32, p Packet) error {
	if of >= w.interfaces {
		return fmt.Errorf("a packet of interface %d, of which there are %d", of, w.interfaces)
	}
	return w.block(blockPacket, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, of)
		b = moment(b, p.UnixNanos)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data))) //nolint:gosec // of a packet
		b = binary.LittleEndian.AppendUint32(b, p.Length)
		b = pad(append(b, p.Data...), len(p.Data))
		return end(option(b, optFlags, binary.LittleEndian.AppendUint32(nil, uint32(p.Direction))))
	})
}

// Statistics adds what is known of an interface's losses.
func (w *Writer) Statistics(of uint32, s Statistics) error {
	if of >= w.interfaces {
		return fmt.Errorf("statistics of interface %d, of which there are %d", of, w.interfaces)
	}
	return w.block(blockStatistics, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, of)
		b = moment(b, nanos(s.At))
		b = text(b, optComment, s.Comment)
		for _, t := range []struct {
			kind uint16
			at   time.Time
		}{{optStart, s.Start}, {optStop, s.End}} {
			if !t.at.IsZero() {
				b = option(b, t.kind, moment(nil, nanos(t.at)))
			}
		}
		for _, n := range []struct {
			kind uint16
			n    uint64
		}{
			{optReceived, s.Accepted}, {optDropped, s.Dropped}, {optAccepted, s.Accepted},
			{optOSDropped, s.OSDropped}, {optDelivered, s.Delivered},
		} {
			b = option(b, n.kind, binary.LittleEndian.AppendUint64(nil, n.n))
		}
		return end(b)
	})
}

// Flush writes what has been gathered.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	n, err := w.w.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.whole += wholeBlocks(w.buf[:n])
		w.buf, w.err = w.buf[:0], err
		return err
	}
	w.whole += int64(n)
	w.buf = w.buf[:0]
	return nil
}

// Whole is how many bytes of whole blocks have been written: after an error,
// a file is to be cut there.
func (w *Writer) Whole() int64 { return w.whole }

// wholeBlocks is the length of the blocks that are complete in b.
func wholeBlocks(b []byte) int64 {
	at := 0
	for at+8 <= len(b) {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		if at+size > len(b) {
			break
		}
		at += size
	}
	return int64(at)
}

// block gathers one block, whose length stands at its begin and its end.
func (w *Writer) block(kind uint32, body func([]byte) []byte) error {
	if w.err != nil {
		return w.err
	}
	at := len(w.buf)
	b := binary.LittleEndian.AppendUint32(w.buf, kind)
	b = body(binary.LittleEndian.AppendUint32(b, 0))
	size := uint32(len(b) - at + 4) //nolint:gosec // a packet and some text
	binary.LittleEndian.PutUint32(b[at+4:], size)
	w.buf = binary.LittleEndian.AppendUint32(b, size)
	if len(w.buf) < flushAt {
		return nil
	}
	return w.Flush()
}

// moment appends a time as the format has it: the higher half first.
func moment(b []byte, nanos uint64) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(nanos>>32))
	return binary.LittleEndian.AppendUint32(b, uint32(nanos)) //nolint:gosec // the lower half
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// text appends an option, or nothing where there is no text.
func text(b []byte, kind uint16, s string) []byte {
	if s == "" {
		return b
	}
	if len(s) > maxText {
		s = s[:maxText]
	}
	return option(b, kind, []byte(s))
}

func option(b []byte, kind uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value))) //nolint:gosec // at most maxText
	return pad(append(b, value...), len(value))
}

func end(b []byte) []byte { return append(b, optEnd, 0, 0, 0) }

func padded(n int) int { return (n + 3) &^ 3 }

// pad fills up what follows a value of n bytes.
func pad(b []byte, n int) []byte {
	for range padded(n) - n {
		b = append(b, 0)
	}
	return b
}
