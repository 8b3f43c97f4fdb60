// Package letter is what a pod tells by the termination messages of its
// containers: the one way out of a node that needs no connection to it, since
// its kubelet reports them. Messages are few, short, and valid UTF-8.
package letter

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Source of the bounds: kubelet, container.go (MaxContainerTerminationMessageLength)
// and kuberuntime (MaxPodTerminationMessageLogLength, shared evenly by the
// containers of a pod).
const (
	// Pieces is how many containers tell one letter, each a piece of it.
	Pieces = 3
	// MaxPiece bounds a piece, in bytes.
	MaxPiece = 4096
	// header is "snattop1", the piece's number and how many there are.
	header = len(magic) + 2

	magic = "snattop1"
	// room is what one piece carries.
	room = (MaxPiece - header) / 4 * 3
	// MaxOpened bounds what a letter unfolds to, in bytes.
	MaxOpened = 1 << 20
)

// ErrTooLong means that a text does not fit a letter.
var ErrTooLong = errors.New("it does not fit the termination messages of a pod")

// Seal folds a text into pieces. Those that are not needed are empty.
func Seal(text []byte) ([Pieces]string, error) {
	var out [Pieces]string
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return out, err
	}
	if _, err := w.Write(text); err != nil {
		return out, err
	}
	if err := w.Close(); err != nil {
		return out, err
	}
	packed := b.Bytes()
	if len(packed) > Pieces*room || len(text) > MaxOpened {
		return out, fmt.Errorf("%w: %d bytes of %d", ErrTooLong, len(packed), Pieces*room)
	}
	n := max((len(packed)+room-1)/room, 1)
	for i := range n {
		part := packed[i*room : min((i+1)*room, len(packed))]
		out[i] = magic + strconv.Itoa(i) + strconv.Itoa(n) + base64.RawStdEncoding.EncodeToString(part)
	}
	return out, nil
}

// Open puts a letter together from the messages of a pod's containers, in any
// order; what is no piece is left aside. The messages are untrusted.
func Open(messages []string) ([]byte, error) {
	var parts [Pieces][]byte
	total := 0
	for _, m := range messages {
		rest, ok := strings.CutPrefix(strings.TrimSpace(m), magic)
		if !ok || len(rest) < 2 || len(m) > MaxPiece+2 {
			continue
		}
		i, n := int(rest[0]-'0'), int(rest[1]-'0')
		if i < 0 || n < 1 || n > Pieces || i >= n || total != 0 && total != n || parts[i] != nil {
			return nil, errors.New("the pieces of a termination message do not belong together")
		}
		part, err := base64.RawStdEncoding.DecodeString(rest[2:])
		if err != nil {
			return nil, fmt.Errorf("a piece of a termination message is damaged: %w", err)
		}
		if part == nil {
			part = []byte{}
		}
		parts[i], total = part, n
	}
	if total == 0 {
		return nil, errors.New("the pod has told nothing")
	}
	var packed []byte
	for i := range total {
		if parts[i] == nil {
			return nil, fmt.Errorf("piece %d of %d of the pod's termination message is missing", i+1, total)
		}
		packed = append(packed, parts[i]...)
	}
	r := flate.NewReader(bytes.NewReader(packed))
	text, err := io.ReadAll(io.LimitReader(r, MaxOpened+1))
	if err != nil {
		return nil, fmt.Errorf("the pod's termination message is damaged: %w", err)
	}
	if len(text) > MaxOpened {
		return nil, fmt.Errorf("the pod's termination message unfolds to more than %d bytes", MaxOpened)
	}
	return text, r.Close()
}
