package tcptracer

import (
	"bufio"
	"errors"
	"io"
)

// readBuffer is how much of a stream is read at a time.
const readBuffer = 64 << 10

// eachLine hands every line of a stream to emit, without its line break, until
// the stream ends. whole is false for one that is longer than maxLine, of which
// the first part is told, and for the last one when it has no line break: a
// number at its end may be cut, and would be another number.
func eachLine(r io.Reader, emit func(line []byte, whole bool)) error {
	in := bufio.NewReaderSize(r, readBuffer)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			line = line[:len(line)-1]
			emit(line[:min(len(line), maxLine)], len(line) <= maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			emit(line[:maxLine], false)
			if err := skipLine(in); err != nil {
				return ended(err)
			}
		default:
			if len(line) > 0 {
				emit(line[:min(len(line), maxLine)], false)
			}
			return ended(err)
		}
	}
}

// skipLine reads up to the next line break and keeps nothing.
func skipLine(in *bufio.Reader) error {
	for {
		if _, err := in.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// ended makes the end of a stream no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
