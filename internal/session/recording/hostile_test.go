package recording

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// frame is one frame of a recording, well made.
func frame(t testing.TB, kind wire.Kind, v any) []byte {
	t.Helper()
	enc, _, err := wire.Modes()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := enc.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := wire.AppendFrame(nil, kind, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func header(t testing.TB) []byte {
	t.Helper()
	return frame(t, kindHeader, Header{Format: FormatVersion, Program: "x", Made: made})
}

func zipped(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := z.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNoRecording(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":               {nil, ""},
		"text":                {[]byte("apiVersion: v1\nkind: List\n"), ""},
		"gzip":                {[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), ""},
		"zstd of nothing":     {zipped(t), ""},
		"zstd of text":        {zipped(t, []byte(strings.Repeat("hello, world\n", 1000))), "not a frame"},
		"a probe's stream":    {zipped(t, frame(t, wire.KindHello, wire.Hello{Probe: "1"})), "kind 1"},
		"events first":        {zipped(t, frame(t, kindEvent, session.Event{Time: made})), "kind 17"},
		"a header of numbers": {zipped(t, frame(t, kindHeader, []int{1, 2, 3})), "header"},
		"from the future":     {zipped(t, frame(t, kindHeader, Header{Format: 9, Program: "snattop 12.0\n\x1b[31m"})), "this program plays format 1"},
		"format 0":            {zipped(t, frame(t, kindHeader, map[int]int{})), "format 0"},
		"half a header":       {zipped(t, header(t)[:20]), "inside a frame"},
		"a header that lies":  {zipped(t, []byte("ST\x01\x10\xff\xff\xff\xff\x00\x00\x00\x00")), ""},
	} {
		path := save(t, c.file)
		_, err := Open(path, 1)
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, path+": ") || !strings.Contains(text, c.says) || strings.ContainsAny(text, "\n\x1b") || len(text) > len(path)+200 {
			t.Errorf("%s: %q", name, text)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := Open(missing, 1); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Open(t.TempDir(), 1); err == nil {
		t.Error("a directory was opened")
	}
}

func TestGarbageAfterAGoodBeginning(t *testing.T) {
	t.Parallel()
	event := frame(t, kindEvent, session.Event{Time: made, Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	broken := bytes.Clone(event)
	broken[len(broken)-1] ^= 1
	for name, tail := range map[string][]byte{
		"garbage":        []byte(strings.Repeat("\xde\xad\xbe\xef", 100)),
		"bad checksum":   broken,
		"no event":       frame(t, kindEvent, "a text"),
		"wrong types":    frame(t, kindEvent, map[int]any{2: 5}),
		"another length": event[:len(event)-3],
		"deep nesting":   frame(t, kindEvent, [][][][][][][][][][]int{{{{{{{{{{1}}}}}}}}}}),
	} {
		var l list
		if err := play(zipped(t, header(t), event, event, tail, event), &l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p := l.problems(); len(l.events) != 3 || len(p) != 1 || !strings.Contains(p[0], "ends early") || strings.Contains(p[0], "\n") {
			t.Errorf("%s: %d events, %q", name, len(l.events), p)
		}
	}
	// Bytes after the end of the compressed stream.
	var l list
	if err := play(append(zipped(t, header(t), event), "tail"...), &l); err != nil || len(l.problems()) != 1 {
		t.Errorf("a tail: %v, %q", err, l.problems())
	}
}

// A newer program may add kinds of frames and fields of events.
func TestUnknownKindsAreSkipped(t *testing.T) {
	t.Parallel()
	event := frame(t, kindEvent, map[int]any{1: made, 2: "n1", 99: "new"})
	b := zipped(t, header(t), frame(t, 77, "new"), event, frame(t, 200, []int{1}), frame(t, kindHeader, "again"), event)
	var l list
	if err := play(b, &l); err != nil || len(l.events) != 2 || l.events[0].Node != "n1" || len(l.problems()) != 0 {
		t.Errorf("%v, %+v", err, l.events)
	}
}

// zeros is endless.
type zeros struct{ left int64 }

func (z *zeros) Read(b []byte) (int, error) {
	if z.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	z.left -= n
	clear(b[:n])
	return int(n), nil
}

// A few kilobytes that unpack to gigabytes take no more memory than they may.
//
// It is alone while it runs: what is counted is the whole process's.
func TestZipBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("packs 256 MiB")
	}
	const big = 256 << 20
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(header(t)); err != nil {
		t.Fatal(err)
	}
	// A frame that claims the most it may, and goes on and on.
	if _, err := z.Write([]byte("ST\x01\x11\x00\xff\xff\xff\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, &zeros{big}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 1<<20 {
		t.Fatalf("the bomb has %d bytes", b.Len())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var l list
	if err := play(b.Bytes(), &l); err != nil || len(l.problems()) != 1 {
		t.Errorf("%v, %q", err, l.problems())
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 200<<20 {
		t.Errorf("%d MiB were taken", took>>20)
	}
}

// A window larger than the bound is refused, not allocated.
func TestHugeWindow(t *testing.T) {
	t.Parallel()
	// RFC 8878: magic, descriptor without a size, window descriptor of 2^41
	// bytes, then an empty last raw block.
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00}
	if _, err := Open(save(t, b), 1); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}

func FuzzPlay(f *testing.F) {
	f.Add(record(f, sample()[:8]), true)
	f.Add(zipped(f, header(f)), true)
	f.Add(header(f), false)
	f.Add(append(header(f), frame(f, kindEvent, session.Event{Time: made})...), false)
	f.Add([]byte("ST"), false)
	f.Fuzz(func(t *testing.T, b []byte, packed bool) {
		if len(b) > 1<<16 {
			t.Skip()
		}
		if !packed {
			// Past the compressor, where the interesting bytes are.
			b = zipped(t, header(t), b)
		}
		// A session must stand whatever a player tells.
		s := session.New(session.Options{})
		p := &Player{name: "x", open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }, wait: sleep}
		if err := s.Run(context.Background(), p); err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("an error of no kind: %v", err)
		}
		for range 2 {
			pic := s.Snapshot()
			if !pic.Done {
				t.Fatal("not done")
			}
			for _, n := range pic.Nodes {
				s.FocusOn(n.Name, "pod/x")
			}
		}
	})
}

// FuzzDeck opens, plays and seeks in whatever a file may be: behind a good
// header, or not.
func FuzzDeck(f *testing.F) {
	whole := record(f, town(25, 1))
	f.Add(whole, uint16(30))
	f.Add(whole[:len(whole)-30], uint16(60))
	f.Add(whole[:len(whole)/2], uint16(3))
	f.Add(append(append(zipped(f, header(f)), mark(made)...), zipped(f, frame(f, kindChunk, chunkHead{Time: made, Pieces: 1 << 30}), frame(f, kindPiece, session.Piece{}))...), uint16(1))
	f.Add(append(zipped(f, header(f)), index([]chunk{{offset: 1 << 40, from: made}})...), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, second uint16) {
		if len(b) > 1<<17 {
			t.Skip()
		}
		d, err := NewDeck(bytes.NewReader(b), int64(len(b)), DeckOptions{Name: "x", Speed: 1})
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		s := session.New(session.Options{})
		p := &player{deck: d, sink: s, session: s}
		defer func() { p.close() }()
		for _, at := range []time.Time{d.begin.Add(time.Duration(second) * time.Second), d.end, d.begin} {
			d.seek = nil
			if err := p.goTo(t.Context(), at); err != nil {
				return
			}
			for _, n := range s.Snapshot().Nodes {
				s.FocusOn(n.Name, "pod/x")
			}
		}
	})
}

// Times that no recording has end it, and what was read stays.
func TestImplausibleTimes(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) []byte {
		return frame(t, kindEvent, session.Event{Time: made.Add(d), Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	}
	for name, c := range map[string]struct {
		odd  []byte
		ends bool
	}{
		"a week asleep":       {at(7 * 24 * time.Hour), false},
		"a clock set back":    {at(-time.Hour), false},
		"years ahead":         {at(3 * 365 * 24 * time.Hour), true},
		"years back":          {at(-3 * 365 * 24 * time.Hour), true},
		"before there was OS": {frame(t, kindEvent, session.Event{Time: time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC), Node: "n1"}), true},
		"year 9999":           {frame(t, kindEvent, session.Event{Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Node: "n1"}), true},
	} {
		var l list
		if err := play(zipped(t, header(t), at(0), c.odd, at(time.Second)), &l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p := l.problems(); c.ends && (len(l.events) != 2 || len(p) != 1 || !strings.Contains(p[0], "the time jumps to")) || !c.ends && (len(l.events) != 3 || len(p) != 0) {
			t.Errorf("%s: %d events, %q", name, len(l.events), p)
		}
	}
}

// A checkpoint that lies costs time, not truth.
func TestLyingCheckpoints(t *testing.T) {
	t.Parallel()
	event := frame(t, kindEvent, session.Event{Time: made.Add(2 * time.Second), Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	first := frame(t, kindEvent, session.Event{Time: made, Node: "n0", State: &session.NodeState{State: session.StateStreaming}})
	for name, pieces := range map[string][][]byte{
		"no pieces":     {frame(t, kindChunk, chunkHead{Time: made})},
		"many promised": {frame(t, kindChunk, chunkHead{Time: made, Pieces: 1 << 40})},
		"no head":       {frame(t, kindChunk, chunkHead{Time: made, Pieces: 1}), frame(t, kindPiece, session.Piece{})},
		"another kind":  {frame(t, kindChunk, chunkHead{Time: made, Pieces: 1}), event},
		"no chunk":      {frame(t, 99, "x")},
		"garbage":       {[]byte("garbage")},
	} {
		b := append(zipped(t, header(t), first), mark(made)...)
		b = append(b, zipped(t, append(pieces, event)...)...)
		played(t, b, DeckOptions{Speed: 1}, func(d *Deck, s *session.Session) {
			d.SeekTo(d.end)
			d.Pause(true)
			synctest.Wait()
			if s.Snapshot().Node("n0") == nil {
				t.Errorf("%s: what was told first is forgotten", name)
			}
		})
	}
}
