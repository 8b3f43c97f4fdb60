package wire

import (
	"github.com/fxamacker/cbor/v2"
)

// Bounds of what a decoder accepts. A node with 20,000 destinations and their
// processes stays below 4 MiB; a stream that claims more is not a probe's.
const (
	// MaxPayload is the largest payload in bytes.
	MaxPayload = 16 << 20
	// maxElements bounds arrays and maps inside a payload.
	maxElements = 1 << 20
	// maxNesting bounds the depth of a payload; ours is 5.
	maxNesting = 8
)

const (
	headerSize = 12
	magic0     = 'S'
	magic1     = 'T'
)

// Modes returns the CBOR modes of the format, for those who store its messages
// in frames of their own.
func Modes() (cbor.EncMode, cbor.DecMode, error) {
	enc, err := cbor.EncOptions{
		Sort: cbor.SortNone,
		Time: cbor.TimeRFC3339NanoUTC,
	}.EncMode()
	if err != nil {
		return nil, nil, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  maxNesting,
		MaxArrayElements: maxElements,
		MaxMapPairs:      maxElements,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	return enc, dec, err
}
