package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/internal/demo"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
	"github.com/snattop/snattop/tui/app"
)

// screenful is an output that is waited on for a text.
type screenful struct {
	mu   sync.Mutex
	new  []byte
	told chan struct{}
}

func (s *screenful) Write(b []byte) (int, error) {
	s.mu.Lock()
	s.new = append(s.new, b...)
	s.mu.Unlock()
	select {
	case s.told <- struct{}{}:
	default:
	}
	return len(b), nil
}

// shows waits until a text has been written since the last one that was waited
// for. The terminal is told what has changed on it, so a text should be new as a
// whole.
func (s *screenful) shows(ctx context.Context, text string) error {
	for {
		s.mu.Lock()
		i := bytes.Index(s.new, []byte(text))
		if i >= 0 {
			s.new = s.new[i+len(text):]
		}
		left := string(s.new)
		s.mu.Unlock()
		if i >= 0 {
			return nil
		}
		select {
		case <-s.told:
		case <-ctx.Done():
			return fmt.Errorf("it never showed %q, but %q", text, left)
		}
	}
}

// Whoever follows the notes of the demo comes to the culprit and to the proof.
func TestDemoIsWatched(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	file := demo.Recording()
	deck, err := recording.NewDeck(bytes.NewReader(file), int64(len(file)), recording.DeckOptions{Name: "of the demo", Speed: demo.Speed, Start: demo.Start, Stops: demo.Stops()})
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(session.Options{})
	fed := make(chan error, 1)
	watching, end := context.WithCancel(ctx)
	go func() { fed <- s.Run(watching, deck) }()
	in, keyboard := io.Pipe()
	screen := &screenful{told: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		done <- app.Run(ctx, s, app.Options{NoColor: true, Deck: deck, Captions: captions()},
			tea.WithInput(in), tea.WithOutput(screen), tea.WithWindowSize(120, 40), tea.WithColorProfile(colorprofile.ASCII),
			tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	}()
	const right, shiftRight, endKey = "\x1b[C", "\x1b[1;2C", "\x1b[F"
	for _, step := range []struct{ shows, press string }{
		{"① Which node?", " "},
		{"aused", shiftRight},
		{"▲ exhaust", "\r"},
		{"❷", "\r"},
		{"/srv/checkout", "4"},
		{"❹", "b5"},
		{"❺", endKey},
		{"✓", "q"},
	} {
		if err := screen.shows(ctx, step.shows); err != nil {
			t.Fatal(err)
		}
		if _, err := keyboard.Write([]byte(step.press)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	end()
	if err := <-fed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// busy is a source that tells a tick whenever it is asked for one.
type busy struct{ ticks chan int }

func (busy) Focus(session.Focus) {}

func (b busy) Run(ctx context.Context, sink session.Sink) error {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sink.Put(session.Event{Time: at, Cluster: &session.ClusterInfo{Context: "prod/eu", Source: "live"}})
	sink.Put(session.Event{Time: at, Objects: &inventory.Change{Nodes: []inventory.Node{{Name: "n1"}}}})
	sink.Put(session.Event{Time: at, Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	sink.Put(session.Event{Time: at, Node: "n1", Tick: &wire.Tick{Full: true}})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-b.ticks:
			for range n {
				at = at.Add(time.Second)
				sink.Put(session.Event{Time: at, Node: "n1", Tick: &wire.Tick{ElapsedNanos: 1e9}})
			}
			b.ticks <- 0 // done
		}
	}
}

// recordsOf runs a source with the key R at hand.
func recordsOf(t *testing.T, dir string) (*recordings, func(ticks int)) {
	t.Helper()
	src := busy{ticks: make(chan int)}
	held := recording.NewLead(src)
	s := session.New(session.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, held) }()
	t.Cleanup(func() { cancel(); <-done })
	r := &recordings{
		held: held, dir: dir, program: "snattop test", now: func() time.Time { return time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC) },
		cluster: func() string { return s.Snapshot().Cluster.Context },
	}
	return r, func(n int) { src.ticks <- n; <-src.ticks }
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, tick := recordsOf(t, dir)
	tick(60)
	path, err := r.Start()
	if err != nil || filepath.Base(path) != "snattop-prod-eu-20260301T120100Z.snattop" {
		t.Fatalf("%q, %v", path, err)
	}
	if on, err := r.State(); !on || err != nil {
		t.Errorf("%t, %v", on, err)
	}
	tick(30)
	if again, err := r.Stop(); err != nil || again != path {
		t.Errorf("%q, %v", again, err)
	}
	tick(5)
	if on, _ := r.State(); on {
		t.Error("it records on")
	}
	if none, err := r.Stop(); none != "" || err != nil {
		t.Errorf("a second end: %q, %v", none, err)
	}
	p, err := recording.Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(session.Options{})
	if err := s.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	// The minute before is in it, and nothing of after.
	if pic := s.Snapshot(); pic.Problem != "" || pic.Cluster.Context != "prod/eu" || pic.Time.Sub(pic.Started) != 90*time.Second {
		t.Errorf("%+v", pic)
	}
	// In the same second there is a file of that name already.
	if _, err := r.Start(); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "--out-dir") {
		t.Errorf("%v", err)
	}
	r.dir = filepath.Join(dir, "missing")
	if _, err := r.Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A disk that fills up ends the recording, and nothing else; what was written
// before can be played.
func TestRecordingOnAFullDisk(t *testing.T) {
	t.Parallel()
	r, tick := recordsOf(t, t.TempDir())
	tick(60)
	path, err := r.Start()
	if err != nil {
		t.Fatal(err)
	}
	tick(30)
	r.mu.Lock()
	err = r.file.Close() // what is written from now on fails
	r.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	tick(5)
	if on, err := r.State(); on || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%t, %v", on, err)
	}
	tick(5)
	if _, err := r.Stop(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
	p, err := recording.Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(session.Options{})
	if err := s.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if pic := s.Snapshot(); pic.Time.Sub(pic.Started) < 89*time.Second || !strings.Contains(pic.Problem, "ends early") {
		t.Errorf("%s, %q", pic.Time.Sub(pic.Started), pic.Problem)
	}
}
