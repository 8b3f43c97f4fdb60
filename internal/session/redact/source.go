package redact

import (
	"context"

	"github.com/snattop/snattop/internal/session"
)

// Source returns a source that tells what another does, without names and
// addresses.
func (r *Redactor) Source(src session.Source) session.Source { return &source{r, src} }

type source struct {
	r   *Redactor
	src session.Source
}

// Focus implements session.Source: the source knows the node by its own name.
func (s *source) Focus(f session.Focus) {
	s.r.mu.Lock()
	if name, ok := s.r.realNode[f.Node]; ok {
		f.Node = name
	}
	s.r.mu.Unlock()
	s.src.Focus(f)
}

// Run implements session.Source.
func (s *source) Run(ctx context.Context, to session.Sink) error {
	if err := s.src.Run(ctx, &sink{r: s.r, to: to}); err != nil {
		return &redacted{text: s.r.Text(err.Error()), err: err}
	}
	return nil
}

// sink redacts in the order in which events come: the settings that one needs
// are told right before it.
type sink struct {
	r  *Redactor
	to session.Sink
}

// Put implements session.Sink.
func (s *sink) Put(e session.Event) {
	for _, one := range s.r.Event(e) {
		s.to.Put(one)
	}
}

// redacted is an error whose words name nobody.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }

func (e *redacted) Unwrap() error { return e.err }
