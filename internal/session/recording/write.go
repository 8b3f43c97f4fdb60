package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// How long a chunk is. Who seeks plays half of one on the average, and each
// begins with a checkpoint that takes room: a chunk is as short as may be once
// its events outweigh that, and never long.
const (
	chunkLeast = 20 * time.Second
	chunkMost  = 40 * time.Second
	// chunkFree is how much room checkpoints may take in any case, in bytes a
	// second: half a megabyte an hour.
	chunkFree = 150
)

// Writer stores events. It is safe for concurrent use.
type Writer struct {
	mu      sync.Mutex
	out     *counted
	zip     *zstd.Encoder
	mode    cbor.EncMode
	back    cbor.DecMode
	flushed time.Time
	err     error
	buf     []byte

	// watcher is a session that hears what a replay will: its checkpoints are
	// those that the replay begins from. It is nil when that became too dear.
	watcher *session.Session
	// began is when the chunk did, last the newest time told, and key the bytes
	// of its checkpoint, which end at told.
	began, last time.Time
	key, told   int64
	chunks      []chunk
}

// counted knows how much was written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// NewWriter writes a recording's header to w. program is who records, made
// when.
func NewWriter(w io.Writer, program string, made time.Time) (*Writer, error) {
	mode, back, err := wire.Modes()
	if err != nil {
		return nil, err
	}
	out := &counted{w: w}
	zip, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("starting a recording: %w", err)
	}
	rec := &Writer{out: out, zip: zip, mode: mode, back: back, flushed: made, watcher: session.New(session.Options{})}
	if _, err := rec.write(kindHeader, Header{Format: FormatVersion, Program: program, Made: made}); err != nil {
		return nil, err
	}
	return rec, nil
}

// Create makes a file that is not there yet and writes a recording's header to
// it. Only its owner may read the file.
func Create(path, program string, made time.Time) (*Writer, *os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, fmt.Errorf("creating the recording: %w", err)
	}
	w, err := NewWriter(f, program, made)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return w, f, nil
}

// Put stores one event. The first error stays and is returned by Close too.
func (w *Writer) Put(e session.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.put(e)
	}
	return w.err
}

func (w *Writer) put(e session.Event) error {
	if w.due(e.Time) {
		if err := w.turn(); err != nil {
			return err
		}
	}
	payload, err := w.write(kindEvent, e)
	if err != nil {
		return err
	}
	if err := w.watch(payload); err != nil {
		return err
	}
	if e.Time.After(w.last) {
		w.last = e.Time
	}
	if w.began.IsZero() {
		w.began = e.Time
	}
	if e.Time.Sub(w.flushed) < time.Second {
		return nil
	}
	w.flushed = e.Time
	if err := w.zip.Flush(); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}

// watch lets the watcher hear an event as a replay will read it.
func (w *Writer) watch(payload []byte) error {
	if w.watcher == nil {
		return nil
	}
	var e session.Event
	if err := w.back.Unmarshal(payload, &e); err != nil {
		return fmt.Errorf("encoding a recording: what was written cannot be read: %w", err)
	}
	w.watcher.Put(replayed(e))
	return nil
}

// due reports whether an event of a time is to begin a chunk.
func (w *Writer) due(now time.Time) bool {
	if w.began.IsZero() || w.last.IsZero() || !now.After(w.last) {
		return false
	}
	age := now.Sub(w.began)
	outweighed := w.out.n-w.told >= w.key || int64(age.Seconds())*chunkFree >= w.key
	return age >= chunkMost || age >= chunkLeast && outweighed
}

// turn ends a chunk and begins the next.
func (w *Writer) turn() error {
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	at := chunk{offset: w.out.n, from: w.last.UTC().Round(0)}
	if _, err := w.out.Write(mark(at.from)); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	w.chunks = append(w.chunks, at)
	w.zip.Reset(w.out)
	var pieces []session.Piece
	if w.watcher != nil {
		var ok bool
		if pieces, ok = w.watcher.Checkpoint(); !ok {
			w.watcher = nil
		}
	}
	if _, err := w.write(kindChunk, chunkHead{Time: at.from, Pieces: len(pieces)}); err != nil {
		return err
	}
	w.began = w.last
	for i := range pieces {
		if _, err := w.write(kindPiece, &pieces[i]); err != nil {
			return err
		}
	}
	if err := w.zip.Flush(); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	w.key, w.told = w.out.n-at.offset, w.out.n
	return nil
}

func (w *Writer) write(kind wire.Kind, v any) (payload []byte, err error) {
	if payload, err = w.mode.Marshal(v); err != nil {
		return nil, fmt.Errorf("encoding a recording: %w", err)
	}
	if w.buf, err = wire.AppendFrame(w.buf[:0], kind, payload); err != nil {
		return nil, fmt.Errorf("encoding a recording: %w", err)
	}
	if _, err := w.zip.Write(w.buf); err != nil {
		return nil, fmt.Errorf("writing a recording: %w", err)
	}
	return payload, nil
}

// Close ends the recording; it does not close what it was written to.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	cerr := w.zip.Close()
	if w.err == nil && cerr == nil && len(w.chunks) > 0 {
		_, cerr = w.out.Write(index(w.chunks))
	}
	w.chunks = nil
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
