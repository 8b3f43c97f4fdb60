// Package recording stores what a source tells in a file, and is the source
// that plays such a file back.
//
// A recording is a row of Zstandard frames (RFC 8878), the chunks, that decode
// to frames of probe/wire with kinds of payload of its own: one header, then
// events, and at the start of each chunk a checkpoint of the session that
// watches the recording. Skippable frames stand between the chunks: one before
// each that says when it begins, and an index at the end. Who reads from the
// beginning needs none of them, and none of the checkpoints; who wants to begin
// later finds the chunk by the index, or by a scan of frame headers where a
// recorder was killed before it wrote one.
//
// The compressor is flushed at every event that is a second younger than the
// last flush, so a recording that was cut off plays up to its last second.
// docs/recordings.md describes the format.
package recording

import (
	"errors"
	"fmt"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// Kinds of frames in a recording, beside those of a probe's stream.
const (
	kindHeader wire.Kind = 16
	kindEvent  wire.Kind = 17
	// kindChunk begins every chunk but the first, and kindPiece, which follows
	// it, is a part of a checkpoint.
	kindChunk wire.Kind = 18
	kindPiece wire.Kind = 19
)

// FormatVersion is the version of recordings written here. It grows only when
// an old program would misread a new recording: what it does not know, it skips.
const FormatVersion = 1

// Header is the first frame.
type Header struct {
	Format  int       `cbor:"1,keyasint"`
	Program string    `cbor:"2,keyasint"`
	Made    time.Time `cbor:"3,keyasint"`
}

// check says why a recording is not played.
func (h *Header) check() error {
	switch {
	case h.Format > FormatVersion:
		return fmt.Errorf("%w: %.60q made it in format %d; this program plays format %d: use a snattop at least as new as that one", ErrFormat, h.Program, h.Format, FormatVersion)
	case h.Format < 1:
		return fmt.Errorf("%w: format %d, made by %.60q", ErrFormat, h.Format, h.Program)
	default:
		return nil
	}
}

// chunkHead is what a chunk begins with.
type chunkHead struct {
	// Time is the newest that was told before the chunk.
	Time time.Time `cbor:"1,keyasint"`
	// Pieces is how many parts of a checkpoint follow.
	Pieces int `cbor:"2,keyasint,omitempty"`
}

// ErrFormat means that a file is no recording that this program plays.
var ErrFormat = errors.New("not a recording that this version can play")

// Bounds of what a stranger's file may ask for.
const (
	// maxMemory is what decompression may take, in bytes.
	maxMemory = 64 << 20
	// maxWindow is the largest window of a chunk, in bytes.
	maxWindow = 16 << 20
	// maxCheckpoint is what the pieces of one checkpoint may have, in bytes.
	maxCheckpoint = 64 << 20
	// maxChunks is more than a year of recording has.
	maxChunks = 200_000
	// maxJump is the longest time without an event, forwards or backwards: a
	// laptop may have slept over a holiday.
	maxJump = 400 * 24 * time.Hour
)

// plausible reports whether events of a time may follow one of another, which
// is zero at first. Events without a time hold from the first one on.
func plausible(last time.Time, e *session.Event) bool {
	if e.Time.IsZero() {
		return true
	}
	if y := e.Time.Year(); y < 1971 || y > 2200 {
		return false
	}
	return last.IsZero() || e.Time.Sub(last).Abs() <= maxJump
}
