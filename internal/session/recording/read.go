package recording

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// reader reads the events of a recording, from its beginning or from a chunk.
type reader struct {
	zip    *zstd.Decoder
	frames *wire.FrameReader
	mode   cbor.DecMode
	// made is when the recording was begun.
	made time.Time
	// last is the newest time read, and chunk how many chunks have begun since
	// the reader did.
	last  time.Time
	chunk int
	// pieces is how many the newest chunk says its checkpoint has.
	pieces int
}

// newReader reads from the beginning.
func newReader(r io.Reader) (*reader, error) {
	rd, err := bareReader(r)
	if err != nil {
		return nil, err
	}
	if err := rd.header(); err != nil {
		rd.close()
		return nil, err
	}
	return rd, nil
}

// bareReader reads what begins without a header.
func bareReader(r io.Reader) (*reader, error) {
	_, mode, err := wire.Modes()
	if err != nil {
		return nil, err
	}
	zip, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemory), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &reader{zip: zip, frames: wire.NewFrameReader(zip), mode: mode}, nil
}

func (r *reader) header() error {
	f, err := r.frames.Next()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var h Header
	if f.Kind != kindHeader {
		return fmt.Errorf("%w: it begins with a frame of kind %d", ErrFormat, f.Kind)
	}
	if err := r.mode.Unmarshal(f.Payload, &h); err != nil {
		return fmt.Errorf("%w: its header does not parse: %w", ErrFormat, err)
	}
	if err := h.check(); err != nil {
		return err
	}
	r.made = h.Made
	return nil
}

// next returns the next event. Kinds of frames that are not known are skipped:
// a newer program may add some.
func (r *reader) next() (session.Event, error) {
	for {
		f, err := r.frames.Next()
		if err != nil {
			return session.Event{}, err
		}
		if f.Kind == kindChunk {
			var head chunkHead
			_ = r.mode.Unmarshal(f.Payload, &head) // a head that says nothing has no checkpoint
			r.chunk, r.pieces = r.chunk+1, head.Pieces
		}
		if f.Kind != kindEvent {
			continue
		}
		var e session.Event
		if err := r.mode.Unmarshal(f.Payload, &e); err != nil {
			return session.Event{}, &wire.Error{Offset: f.Offset, Reason: wire.ErrPayload, Detail: err.Error()}
		}
		if !plausible(r.last, &e) {
			return session.Event{}, &wire.Error{Offset: f.Offset, Reason: wire.ErrPayload, Detail: "the time jumps to " + e.Time.UTC().Format(time.RFC3339)}
		}
		if e.Time.After(r.last) {
			r.last = e.Time
		}
		return e, nil
	}
}

// errNoCheckpoint means that a chunk has none that can be used.
var errNoCheckpoint = errors.New("no checkpoint")

// head reads the first frame of a chunk.
func (r *reader) head() (chunkHead, error) {
	f, err := r.frames.Next()
	if err != nil {
		return chunkHead{}, err
	}
	var head chunkHead
	if f.Kind != kindChunk {
		return head, fmt.Errorf("%w: a chunk begins with a frame of kind %d", errNoCheckpoint, f.Kind)
	}
	if err := r.mode.Unmarshal(f.Payload, &head); err != nil {
		return head, fmt.Errorf("%w: %w", errNoCheckpoint, err)
	}
	return head, nil
}

// checkpoint reads the beginning of a chunk and returns the session that
// watched it.
func (r *reader) checkpoint() (*session.Session, error) {
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	if head.Pieces <= 0 {
		return nil, errNoCheckpoint
	}
	return r.restored(head.Pieces)
}

// restored reads so many pieces, or all that come when n is negative, and
// returns their session.
func (r *reader) restored(n int) (*session.Session, error) {
	var pieces []session.Piece
	total := 0
	for n < 0 || len(pieces) < n {
		f, err := r.frames.Next()
		if n < 0 && errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if total += len(f.Payload); f.Kind != kindPiece || total > maxCheckpoint {
			return nil, fmt.Errorf("%w: it is cut, or too large", errNoCheckpoint)
		}
		var p session.Piece
		if err := r.mode.Unmarshal(f.Payload, &p); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoCheckpoint, err)
		}
		pieces = append(pieces, p)
	}
	s, err := session.Restored(pieces)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCheckpoint, err)
	}
	return s, nil
}

func (r *reader) close() { r.zip.Close() }
