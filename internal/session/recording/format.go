// Package recording stores what a source tells in a file, and is the source
// that plays such a file back.
//
// A recording is a Zstandard stream (RFC 8878) of the frames of probe/wire,
// with two kinds of payload of its own: one header, then events. The
// compressor is flushed at every event that is a second younger than the last
// flush, so a recording that was cut off plays up to its last second.
package recording

import (
	"errors"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// Kinds of frames in a recording, beside those of a probe's stream.
const (
	kindHeader wire.Kind = 16
	kindEvent  wire.Kind = 17
)

// FormatVersion is the version of recordings written here.
const FormatVersion = 1

// Header is the first frame.
type Header struct {
	Format  int       `cbor:"1,keyasint"`
	Program string    `cbor:"2,keyasint"`
	Made    time.Time `cbor:"3,keyasint"`
}

// ErrFormat means that a file is no recording that this program plays.
var ErrFormat = errors.New("not a recording that this version can play")

// maxMemory bounds what decompression may take, in bytes: a stranger's file is
// hostile input.
const maxMemory = 64 << 20
