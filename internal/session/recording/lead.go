package recording

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

// What a recording that begins with a burst holds of the time before.
const (
	// LeadTime is how long single events are kept: a little longer than the
	// longest hold time of a port after a close, Azure Load Balancer's 240 s
	// (azure-docs load-balancer/*). What was closed by then cools down in the
	// replay as it did.
	LeadTime = 5 * time.Minute
	// leadRows bounds the rows in those events, in all: at some 200 bytes each
	// about 60 MB. Beyond it events are folded sooner.
	leadRows = 300_000
)

// Lead is a source that keeps what another has told of late, so that a
// recording can begin with what led to the moment in which it is asked for. It
// holds the newest minutes event by event, and before them only the state that
// they start from. It is safe for concurrent use.
type Lead struct {
	src session.Source

	mu     sync.Mutex
	before *folded
	recent []session.Event
	rows   int
	w      *Writer
	failed func(error)
}

var _ session.Source = (*Lead)(nil)

// NewLead returns a source that tells what src tells.
func NewLead(src session.Source) *Lead { return &Lead{src: src, before: newFolded()} }

// Focus implements session.Source.
func (l *Lead) Focus(f session.Focus) { l.src.Focus(f) }

// Run implements session.Source.
func (l *Lead) Run(ctx context.Context, sink session.Sink) error {
	return l.src.Run(ctx, leadSink{l, sink})
}

type leadSink struct {
	l    *Lead
	sink session.Sink
}

// Put implements session.Sink.
func (s leadSink) Put(e session.Event) {
	if tell, err := s.l.put(e); err != nil && tell != nil {
		tell(err)
	} else if err != nil {
		text := "the recording has stopped: " + err.Error()
		s.sink.Put(session.Event{Time: e.Time, Problem: &text})
	}
	s.sink.Put(e)
}

// put keeps an event, and records it where that was asked for. It returns an
// error once, when recording fails, and who is to hear of it; Close of the
// writer tells it as well.
func (l *Lead) put(e session.Event) (tell func(error), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.w != nil {
		if err = l.w.Put(e); err != nil {
			tell, l.w = l.failed, nil
		}
	}
	if e.Objects != nil {
		// The source goes on to sort what it has told.
		ch := *e.Objects
		ch.Nodes = slices.Clone(ch.Nodes)
		e.Objects = &ch
	}
	l.recent = append(l.recent, e)
	l.rows += rowsOf(&e)
	n := 0
	for n < len(l.recent)-1 && (e.Time.Sub(l.recent[n].Time) > LeadTime || l.rows > leadRows) {
		l.rows -= rowsOf(&l.recent[n])
		l.before.add(&l.recent[n])
		l.recent[n] = session.Event{} // to be collected
		n++
	}
	l.recent = l.recent[n:]
	return tell, err
}

// rowsOf is how much of the bound an event takes.
func rowsOf(e *session.Event) int {
	if e.Tick == nil {
		return 1
	}
	return 1 + len(e.Tick.Rows) + len(e.Tick.Owners)
}

// Begin writes what was kept, and records from now on, until End or an error.
// Such an error is told to failed, or as a problem of the session where failed
// is nil.
func (l *Lead) Begin(w *Writer, failed func(error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := tell(append(l.before.events(), l.recent...), w); err != nil {
		return err
	}
	l.w, l.failed = w, failed
	return nil
}

// End records no more. What was recorded is to be closed by who began it.
func (l *Lead) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = nil
}

// Tell writes what was kept: the last minutes, and what they start from. The
// source goes on meanwhile.
func (l *Lead) Tell(w *Writer) error {
	l.mu.Lock()
	kept := append(l.before.events(), l.recent...)
	l.mu.Unlock()
	return tell(kept, w)
}

func tell(events []session.Event, w *Writer) error {
	for _, e := range events {
		if err := w.Put(e); err != nil {
			return err
		}
	}
	return nil
}

// Bounds of what a stream may make a fold remember: those of a session.
const (
	foldRows    = 100_000
	foldOwners  = 20_000
	foldStreams = 20_000
	// foldSettings bounds the events that told settings.
	foldSettings = 1000
	// foldMarks bounds the starts and hand-overs of one stream.
	foldMarks = 32
)

// foldedStream is a probe's side of a node, as one full tick would tell it.
type foldedStream struct {
	// marks are what the probe said of itself when it started, and its
	// hand-overs from collector to collector, oldest first.
	marks []session.Event
	// last is the newest tick that was folded; its rows and owners are below.
	last   *session.Event
	tick   wire.Tick
	owners map[uint32]wire.Owner
	rows   map[uint32]wire.Row
}

// mark remembers a start or a hand-over. Of starts without a hand-over between
// them the newest will do.
func (s *foldedStream) mark(e session.Event) {
	if n := len(s.marks); n > 0 && e.Hello != nil && s.marks[n-1].Hello != nil {
		s.marks = s.marks[:n-1]
	}
	s.marks = append(s.marks, e)
	s.marks = s.marks[max(0, len(s.marks)-foldMarks):]
}

// add takes a tick into the state.
func (s *foldedStream) add(e *session.Event) {
	t := e.Tick
	if t.Full {
		s.owners, s.rows, s.tick = map[uint32]wire.Owner{}, map[uint32]wire.Row{}, wire.Tick{}
	}
	s.last = e
	s.tick.Seq, s.tick.UnixNanos, s.tick.Loss, s.tick.Problems = t.Seq, t.UnixNanos, t.Loss, t.Problems
	s.tick.Cost = wire.Cost{WallNanos: t.Cost.WallNanos, Sockets: t.Cost.Sockets, Namespaces: t.Cost.Namespaces}
	if t.Collector != "" {
		over := *e
		over.Tick = &wire.Tick{Seq: t.Seq, UnixNanos: t.UnixNanos, Full: true, Collector: t.Collector, Problems: t.Problems}
		s.mark(over)
	}
	if t.Conntrack != nil {
		s.tick.Conntrack = t.Conntrack
	}
	if t.Sources != nil {
		s.tick.Sources = t.Sources
	}
	for _, o := range t.Owners {
		if _, ok := s.owners[o.ID]; ok || len(s.owners) < foldOwners {
			s.owners[o.ID] = o
		}
	}
	for i := range t.Rows {
		s.row(t.Rows[i])
	}
	for _, id := range t.GoneRows {
		delete(s.rows, id)
	}
	for _, id := range t.GoneOwners {
		delete(s.owners, id)
	}
}

// row takes a row's gauges. What happened is not told again: a full tick
// counts no events.
func (s *foldedStream) row(r wire.Row) {
	was, ok := s.rows[r.ID]
	if ok {
		r.Owner, r.Protocol, r.IP, r.Port = was.Owner, was.Protocol, was.IP, was.Port
		if !r.Detailed {
			r.Detailed, r.Processes = was.Detailed, was.Processes
		}
	} else if len(s.rows) >= foldRows {
		return
	}
	r.Opens, r.Closes, r.Fails, r.Lives = 0, 0, 0, nil
	r.Resets, r.Refused, r.TimedOut, r.NoPort = 0, 0, 0, 0
	r.SynRetrans, r.Retrans, r.ResetsIn, r.ResetsOut = 0, 0, 0, 0
	s.rows[r.ID] = r
}

// event is the state as one full tick.
func (s *foldedStream) event() session.Event {
	e, t := *s.last, s.tick
	t.Full = true
	for _, id := range sorted(s.owners) {
		t.Owners = append(t.Owners, s.owners[id])
	}
	for _, id := range sorted(s.rows) {
		t.Rows = append(t.Rows, s.rows[id])
	}
	e.Tick = &t
	return e
}
