package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/report/ticket"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/tui/app"
)

// recordings is what the key R does: it records what a source tells to a file
// of its own, beginning with the last minutes.
type recordings struct {
	held     *recording.Lead
	dir      string
	program  string
	settings session.Settings
	now      func() time.Time
	cluster  func() string

	mu   sync.Mutex
	path string
	file *os.File
	w    *recording.Writer
	err  error
}

var _ app.Recorder = (*recordings)(nil)

// State implements app.Recorder.
func (r *recordings) State() (on bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w != nil && r.err == nil, r.err
}

// Start implements app.Recorder.
func (r *recordings) Start() (path string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w != nil {
		// The one before has ended by itself; what it holds is told already.
		_ = r.end()
	}
	r.err = nil
	now := r.now()
	path = filepath.Join(r.dir, ticket.Name{Cluster: r.cluster(), At: now}.Folder()+".snattop")
	w, file, err := recording.Create(path, r.program, now)
	if err != nil {
		return "", fmt.Errorf("%w; --out-dir names another folder", err)
	}
	r.path, r.file, r.w = path, file, w
	if err := errors.Join(w.Put(session.Event{Settings: &r.settings}), r.held.Begin(w, r.failed)); err != nil {
		return path, errors.Join(err, r.end())
	}
	return path, nil
}

// failed hears that the disk is full, say: it is called while an event is told,
// and the source goes on.
func (r *recordings) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Stop implements app.Recorder. Without a recording it does nothing.
func (r *recordings) Stop() (path string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return "", nil
	}
	return r.path, r.end()
}

func (r *recordings) end() error {
	r.held.End()
	err := errors.Join(r.w.Close(), r.file.Close())
	r.w, r.file = nil, nil
	return err
}
