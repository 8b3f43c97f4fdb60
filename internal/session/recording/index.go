package recording

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"
)

// What stands between chunks: skippable frames (RFC 8878, section 3.1.2).
const (
	skippable = 0x184D2A53
	// skipHead is a skippable frame's magic and size, and our tag behind it.
	skipHead  = 8
	tagSize   = 4
	chunkTag  = "SNTC"
	indexTag  = "SNTX"
	chunkSize = skipHead + tagSize + 8
	// An index ends in its own size and its tag, so that it is found from the
	// end of the file.
	footSize   = 8
	entrySize  = 16
	zstdMagic  = 0xFD2FB528
	blockHead  = 3
	maxHeader  = 18
	skipMask   = 0xFFFFFFF0
	skipFamily = 0x184D2A50
)

// chunk is where a chunk stands in the file.
type chunk struct {
	// offset is that of its mark, or 0 for the first, which has none.
	offset int64
	// from is the newest time that was told before it; zero for the first.
	from time.Time
}

// mark is the skippable frame before a chunk.
func mark(from time.Time) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, tagSize+8)
	b = append(b, chunkTag...)
	return binary.LittleEndian.AppendUint64(b, uint64(from.UnixNano()))
}

// index is the skippable frame at the end of a recording.
func index(chunks []chunk) []byte {
	size := tagSize + len(chunks)*entrySize + footSize
	if len(chunks) > maxChunks {
		return nil
	}
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(size)) //nolint:gosec // bounded above
	b = append(b, indexTag...)
	for _, c := range chunks {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.offset)) //nolint:gosec // an offset is not negative
		b = binary.LittleEndian.AppendUint64(b, uint64(c.from.UnixNano()))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(size)) //nolint:gosec // bounded above
	return append(b, indexTag...)
}

// chunksOf finds the chunks of a file: by its index, or by a scan.
func chunksOf(r io.ReaderAt, size int64) []chunk {
	list, err := readIndex(r, size)
	if err != nil {
		list = scan(r, size)
	}
	out := []chunk{{}}
	for _, c := range list {
		// What is out of order is a stranger's doing; the times before hold.
		if last := out[len(out)-1]; c.offset > last.offset && !c.from.Before(last.from) && len(out) < maxChunks {
			out = append(out, c)
		}
	}
	return out
}

var errIndex = errors.New("no index")

// readIndex reads the index and holds each entry against the mark that it
// leads to.
func readIndex(r io.ReaderAt, size int64) ([]chunk, error) {
	var foot [footSize]byte
	if size < footSize {
		return nil, errIndex
	}
	if _, err := r.ReadAt(foot[:], size-footSize); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	n := int64(binary.LittleEndian.Uint32(foot[:]))
	entries := n - tagSize - footSize
	if string(foot[4:]) != indexTag || entries < 0 || entries%entrySize != 0 || entries/entrySize > maxChunks || n+skipHead > size {
		return nil, errIndex
	}
	b := make([]byte, n+skipHead)
	if _, err := r.ReadAt(b, size-int64(len(b))); err != nil {
		return nil, fmt.Errorf("%w: %w", errIndex, err)
	}
	if binary.LittleEndian.Uint32(b) != skippable || int64(binary.LittleEndian.Uint32(b[4:])) != n || string(b[skipHead:skipHead+tagSize]) != indexTag {
		return nil, errIndex
	}
	var out []chunk
	for b := b[skipHead+tagSize : skipHead+tagSize+entries]; len(b) > 0; b = b[entrySize:] {
		c := chunk{
			offset: int64(binary.LittleEndian.Uint64(b)),                     //nolint:gosec // checked against the mark
			from:   nanos(int64(binary.LittleEndian.Uint64(b[8:entrySize]))), //nolint:gosec // checked against the mark
		}
		from, err := readMark(r, c.offset, size)
		if err != nil || !from.Equal(c.from) {
			return nil, errIndex
		}
		out = append(out, c)
	}
	return out, nil
}

// readMark reads the mark of a chunk.
func readMark(r io.ReaderAt, offset, size int64) (from time.Time, err error) {
	var b [chunkSize]byte
	if offset < 0 || offset > size-chunkSize {
		return from, errIndex
	}
	if _, err := r.ReadAt(b[:], offset); err != nil {
		return from, fmt.Errorf("%w: %w", errIndex, err)
	}
	if binary.LittleEndian.Uint32(b[:]) != skippable || binary.LittleEndian.Uint32(b[4:]) != tagSize+8 || string(b[skipHead:skipHead+tagSize]) != chunkTag {
		return from, errIndex
	}
	return nanos(int64(binary.LittleEndian.Uint64(b[skipHead+tagSize:]))), nil //nolint:gosec // any value is a time
}

func nanos(n int64) time.Time { return time.Unix(0, n).UTC() }

// scan walks through the frames by their headers and those of their blocks; it
// unpacks nothing. It ends where the file does, or stops making sense.
func scan(r io.ReaderAt, size int64) (out []chunk) {
	s := scanner{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)}
	for len(out) < maxChunks {
		at := s.at
		magic, err := s.r.Peek(4)
		if err != nil {
			return out
		}
		switch m := binary.LittleEndian.Uint32(magic); {
		case m&skipMask == skipFamily:
			head, err := s.take(skipHead)
			if err != nil {
				return out
			}
			n := int64(binary.LittleEndian.Uint32(head[4:]))
			if from, err := readMark(r, at, size); err == nil {
				out = append(out, chunk{offset: at, from: from})
			}
			if s.skip(n) != nil {
				return out
			}
		case m == zstdMagic:
			if s.frame() != nil {
				return out
			}
		default:
			return out
		}
	}
	return out
}

type scanner struct {
	r  *bufio.Reader
	at int64
}

func (s *scanner) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(s.r, b)
	s.at += int64(n)
	return b, err
}

func (s *scanner) skip(n int64) error {
	for n > 0 {
		did, err := s.r.Discard(int(min(n, math.MaxInt32)))
		s.at += int64(did)
		n -= int64(did)
		if err != nil {
			return err
		}
	}
	return nil
}

// frame walks over one compressed frame.
func (s *scanner) frame() error {
	b, err := s.r.Peek(maxHeader)
	if err != nil && len(b) == 0 {
		return err
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return err
	}
	if err := s.skip(int64(h.HeaderSize)); err != nil {
		return err
	}
	for last := false; !last; {
		head, err := s.take(blockHead)
		if err != nil {
			return err
		}
		v := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
		last = v&1 == 1
		n := int64(v >> 3)
		if kind := v >> 1 & 3; kind == 1 {
			n = 1 // a byte that is repeated
		}
		if err := s.skip(n); err != nil {
			return err
		}
	}
	if h.HasCheckSum {
		return s.skip(4)
	}
	return nil
}
