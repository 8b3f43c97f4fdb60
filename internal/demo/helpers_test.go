package demo_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
)

// each is a sink that hands on what it is told.
type each func(session.Event)

func (f each) Put(e session.Event) { f(e) }

func walk(t *testing.T, file []byte, f func(session.Event)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "demo.snattop")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := recording.Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context(), each(f)); err != nil {
		t.Fatal(err)
	}
}

// played is the picture so long after the first numbers.
func played(t *testing.T, file []byte, at time.Duration) *session.Snapshot {
	t.Helper()
	s := session.New(session.Options{})
	var until time.Time
	walk(t, file, func(e session.Event) {
		if until.IsZero() && e.Tick != nil {
			until = e.Time.Add(at)
		}
		if until.IsZero() || !e.Time.After(until) {
			s.Put(e)
		}
	})
	return s.Snapshot()
}
