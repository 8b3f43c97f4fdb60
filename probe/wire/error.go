package wire

import (
	"errors"
	"fmt"
)

// Reasons why a stream does not parse. Match them with errors.Is.
var (
	ErrMagic     = errors.New("not a frame of this format")
	ErrVersion   = errors.New("format version not supported")
	ErrKind      = errors.New("kind of frame not known")
	ErrTooLong   = errors.New("payload longer than the limit")
	ErrChecksum  = errors.New("checksum does not match")
	ErrTruncated = errors.New("stream ends inside a frame")
	ErrPayload   = errors.New("payload does not parse")
)

// Error is what a decoder returns for a stream that does not parse.
type Error struct {
	// Offset is where the bad frame begins, in bytes from the start.
	Offset int64
	// Reason is one of the Err values.
	Reason error
	// Detail adds what was found; may be empty.
	Detail string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("frame at byte %d: %v", e.Offset, e.Reason)
	}
	return fmt.Sprintf("frame at byte %d: %v: %s", e.Offset, e.Reason, e.Detail)
}

// Unwrap makes errors.Is match the reason.
func (e *Error) Unwrap() error { return e.Reason }
