package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// Writer stores events.
type Writer struct {
	mu      sync.Mutex
	zip     *zstd.Encoder
	mode    cbor.EncMode
	flushed time.Time
	err     error
	buf     []byte
}

// NewWriter writes a recording's header to w. program is who records, made
// when.
func NewWriter(w io.Writer, program string, made time.Time) (*Writer, error) {
	mode, _, err := wire.Modes()
	if err != nil {
		return nil, err
	}
	zip, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("starting a recording: %w", err)
	}
	rec := &Writer{zip: zip, mode: mode, flushed: made}
	if err := rec.write(kindHeader, Header{Format: FormatVersion, Program: program, Made: made}); err != nil {
		return nil, err
	}
	return rec, nil
}

// Put stores one event. The first error stays and is returned by Close too.
func (w *Writer) Put(e session.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.err = w.write(kindEvent, e)
	if w.err == nil && e.Time.Sub(w.flushed) >= time.Second {
		w.flushed = e.Time
		w.err = w.zip.Flush()
	}
	return w.err
}

func (w *Writer) write(kind wire.Kind, v any) error {
	payload, err := w.mode.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a recording: %w", err)
	}
	if w.buf, err = wire.AppendFrame(w.buf[:0], kind, payload); err != nil {
		return fmt.Errorf("encoding a recording: %w", err)
	}
	if _, err := w.zip.Write(w.buf); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}

// Close ends the recording; it does not close what it was written to.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	cerr := w.zip.Close()
	if errors.Is(w.err, cerr) {
		return w.err
	}
	return errors.Join(w.err, cerr)
}

// Tee is a source that also records what another tells. A recording that fails
// (a full disk) is told as the session's problem, and the source goes on.
func Tee(src session.Source, w *Writer) session.Source { return &tee{src: src, w: w} }

type tee struct {
	src session.Source
	w   *Writer
}

func (t *tee) Focus(f session.Focus) { t.src.Focus(f) }

func (t *tee) Run(ctx context.Context, sink session.Sink) error {
	return t.src.Run(ctx, &teeSink{w: t.w, sink: sink})
}

type teeSink struct {
	w      *Writer
	sink   session.Sink
	failed sync.Once
}

func (t *teeSink) Put(e session.Event) {
	if err := t.w.Put(e); err != nil {
		t.failed.Do(func() {
			text := "the recording has stopped: " + err.Error()
			t.sink.Put(session.Event{Time: e.Time, Problem: &text})
		})
	}
	t.sink.Put(e)
}
