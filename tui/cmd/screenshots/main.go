// Command screenshots draws the pictures of the documentation from a recording:
// the pages as they were at some of its moments. The same recording and the same
// program give the same files.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/snattop/snattop/internal/report/picture"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/theme"
)

// shot is one picture of the documentation.
type shot struct {
	name string
	when moment
	// since means that it is held against how it was at the worst.
	since bool
	// ascii draws with ASCII alone.
	ascii bool
	still app.Still
}

// moment is one that the pictures show: each is worked out from the recording.
type moment int

const (
	// worst is when the most connections wait.
	worst moment = iota
	// before is half a minute before that node has used up its ports.
	before
	// ending is the end of the recording.
	ending
)

// shots are the pictures: the exhausted node, down to the cause, the proof after
// the fix, the moment before it all, and the looks of other terminals.
func shots() []shot {
	size := func(page string, height int) app.Still { return app.Still{Width: 120, Height: height, Page: page} }
	return []shot{
		{name: "nodes", still: size("nodes", 22)},
		{name: "pods", still: size("pods", 22)},
		{name: "connections", still: size("connections", 22)},
		{name: "cause", still: size("cause", 40)},
		{name: "proof", when: ending, since: true, still: size("proof", 26)},
		{name: "soon", when: before, still: size("nodes", 22)},
		{name: "nodes-narrow", still: app.Still{Width: 80, Height: 24, Page: "nodes"}},
		{name: "nodes-light", still: app.Still{Width: 120, Height: 22, Page: "nodes", Light: true}},
		{name: "nodes-16", ascii: true, still: app.Still{Width: 120, Height: 22, Page: "nodes", Colours: theme.Sixteen}},
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: screenshots RECORDING FOLDER")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	pics, err := moments(ctx, args[0])
	if err != nil {
		return err
	}
	for _, s := range shots() {
		if s.since {
			s.still.Baseline = pics[worst]
		}
		if err := s.take(pics[s.when], args[1]); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// moments are the pictures that a recording shows at each of them.
func moments(ctx context.Context, file string) (map[moment]*session.Snapshot, error) {
	full, most, err := exhaustion(ctx, file)
	if err != nil {
		return nil, err
	}
	soon := full
	if !full.IsZero() {
		soon = full.Add(-half)
	}
	pics := map[moment]*session.Snapshot{}
	for m, at := range map[moment]time.Time{worst: most, before: soon, ending: {}} {
		if pics[m], err = seen(ctx, file, at); err != nil {
			return nil, err
		}
	}
	return pics, nil
}

// half a minute is time enough to see it come.
const half = 30 * time.Second

// take draws one picture into a folder.
func (s shot) take(pic *session.Snapshot, folder string) error {
	screen, err := app.Draw(pic, app.Options{ASCII: s.ascii}, s.still)
	if err != nil {
		return err
	}
	ink, ground := theme.Paper(!s.still.Light)
	out, err := os.Create(filepath.Join(folder, s.name+".png")) //nolint:gosec // the folder is named by who runs it
	if err != nil {
		return err
	}
	missing, err := picture.Parse(screen, s.still.Width, s.still.Height, picture.Paper{Ink: ink, Ground: ground}).PNG(out)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("no glyph for %q", string(missing))
	}
	return nil
}

// seen is the picture at a moment of a recording, or at its end, with every
// process.
func seen(ctx context.Context, file string, at time.Time) (*session.Snapshot, error) {
	s := session.New(session.Options{})
	s.FocusAll()
	err := play(ctx, file, func(e session.Event) {
		if at.IsZero() || !e.Time.After(at) {
			s.Put(e)
		}
	})
	if err != nil {
		return nil, err
	}
	pic := s.Snapshot()
	if len(pic.Nodes) == 0 {
		return nil, fmt.Errorf("%s shows no node", file)
	}
	return pic, nil
}

// lookEvery is how much of a recording goes by between two looks for the worst.
const lookEvery = 5 * time.Second

// exhaustion is when a node has used up its ports, and when the most connections
// wait on it; zero, which is the end, where none ever is.
func exhaustion(ctx context.Context, file string) (full, most time.Time, err error) {
	s := session.New(session.Options{})
	var looked time.Time
	waiting := 0
	err = play(ctx, file, func(e session.Event) {
		s.Put(e)
		if e.Tick == nil || e.Time.Sub(looked) < lookEvery {
			return
		}
		looked = e.Time
		n := s.Snapshot().Nodes[0]
		if n.Verdict != snat.Exhausted {
			return
		}
		if full.IsZero() {
			full = e.Time
		}
		if n.Waiting > waiting {
			waiting, most = n.Waiting, e.Time
		}
	})
	return full, most, err
}

// play tells every event of a recording.
func play(ctx context.Context, file string, tell func(session.Event)) error {
	src, err := recording.Open(file, 0)
	if err != nil {
		return err
	}
	return src.Run(ctx, sink(tell))
}

// sink is a function that hears events.
type sink func(session.Event)

// Put implements session.Sink.
func (s sink) Put(e session.Event) { s(e) }
