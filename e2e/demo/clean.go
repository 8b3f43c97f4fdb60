// Package demo makes what was recorded on the proving ground fit to be shown
// to everybody: nothing of the machine that it was recorded on stays in it.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/probe/wire"
)

// What stands in place of the machine's own words.
const (
	kernel  = "6.8.0"
	cluster = "demo"
	program = "snattop demo"
)

// Clean writes a recording again without what tells of the machine. It fails,
// and writes nothing, when a word of secrets is still in it; empty ones count
// for nothing.
func Clean(in, out string, secrets []string) error {
	player, err := recording.Open(in, 0)
	if err != nil {
		return err
	}
	var told events
	if err := player.Run(context.Background(), &told); err != nil {
		return fmt.Errorf("reading what was recorded: %w", err)
	}
	if len(told) == 0 {
		return errors.New("nothing was recorded")
	}
	var file bytes.Buffer
	w, err := recording.NewWriter(&file, program, begin(told))
	if err != nil {
		return err
	}
	enc, _, err := wire.Modes()
	if err != nil {
		return err
	}
	for _, e := range told {
		clean(&e)
		text, err := enc.Marshal(e)
		if err != nil {
			return fmt.Errorf("storing an event: %w", err)
		}
		for _, s := range secrets {
			if s != "" && bytes.Contains(text, []byte(s)) {
				return fmt.Errorf("%q of this machine is in the recording", s)
			}
		}
		if err := w.Put(e); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(out, file.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the demo: %w", err)
	}
	return nil
}

// begin is when the numbers do.
func begin(told events) time.Time {
	for _, e := range told {
		if e.Tick != nil {
			return e.Time
		}
	}
	return told[0].Time
}

// events is a sink that keeps what it is told.
type events []session.Event

// Put implements session.Sink.
func (l *events) Put(e session.Event) { *l = append(*l, e) }

// clean takes the machine's words out of an event. Programs of the ground lie
// somewhere on the machine; those of its images have paths of their own.
func clean(e *session.Event) {
	if e.Cluster != nil {
		e.Cluster.Context, e.Cluster.Source = cluster, "live"
	}
	if e.Hello != nil {
		e.Hello.Kernel, e.Hello.Hostname = kernel, e.Node
	}
	if e.Tick == nil {
		return
	}
	for i := range e.Tick.Rows {
		for j := range e.Tick.Rows[i].Processes {
			p := &e.Tick.Rows[i].Processes[j]
			if name, _, _ := strings.Cut(p.Command, " "); strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/srv/") {
				p.Command = path.Base(name)
			}
		}
	}
}
