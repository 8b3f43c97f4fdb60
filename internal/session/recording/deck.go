package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
)

// Bounds of a deck's speed.
const (
	slowest = 0.125
	fastest = 1000
)

// maxWait bounds how long a pause in a recording lasts in its replay, at the
// speed at which it happened: nobody waits for a laptop's lid to open again.
const maxWait = time.Minute

// DeckOptions are how a recording is played.
type DeckOptions struct {
	// Name is what messages call the recording.
	Name string
	// Speed is how many times as fast as it happened; 0 shows its end at once.
	Speed float64
	// Session is what the session that is played into was made with. What a
	// recording's checkpoints hold was worked out without: with options of the
	// operator's own, seeking takes longer.
	Session session.Options
	// Change is done to every event, where it is set: names are left out, say.
	// The file's checkpoints do not know of it, so seeking takes longer then.
	Change func(session.Event) []session.Event
	// Start is how long after the beginning the playing starts, and Stops are
	// where it pauses by itself, once each.
	Start time.Duration
	Stops []time.Duration
}

// Deck plays a recording as it is told to. It is a source that ends only when
// its context does.
type Deck struct {
	file   io.ReaderAt
	size   int64
	opts   DeckOptions
	made   time.Time
	chunks []chunk
	begin  time.Time
	end    time.Time
	closer io.Closer

	mu      sync.Mutex
	at      time.Time
	speed   float64
	paused  bool
	ended   bool
	seek    *time.Time
	steps   int
	stops   []time.Time
	waiting pause
	// wake tells the player that something was asked for.
	wake chan struct{}

	// own are the checkpoints made while playing, by chunk, where the file's
	// own do not serve; ownBytes is what they take.
	own      map[int][]byte
	ownBytes int
	useless  map[int]bool
}

// pause is a wait between two events.
type pause struct {
	since time.Time
	from  time.Time
	until time.Time
}

var (
	_ session.Source = (*Deck)(nil)
	_ session.Deck   = (*Deck)(nil)
)

// OpenDeck returns a deck for a file, which is read through once to know how
// long it is. A wrong file is refused before a screen is drawn.
func OpenDeck(path string, opts DeckOptions) (*Deck, error) {
	f, err := os.Open(path) //nolint:gosec // the operator named the file
	if err != nil {
		return nil, fmt.Errorf("opening a recording: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a recording: %w", err), f.Close())
	}
	opts.Name = path
	d, err := NewDeck(f, info.Size(), opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	d.closer = f
	return d, nil
}

// NewDeck returns a deck for a recording of size bytes.
func NewDeck(r io.ReaderAt, size int64, opts DeckOptions) (*Deck, error) {
	rd, err := newReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opts.Name, err)
	}
	defer rd.close()
	d := &Deck{
		file: r, size: size, opts: opts, made: rd.made, chunks: chunksOf(r, size),
		wake: make(chan struct{}, 1), own: map[int][]byte{}, useless: map[int]bool{},
	}
	d.begin = firstTick(rd)
	d.end = d.lastTime()
	if d.begin.IsZero() || d.begin.After(d.end) {
		d.begin = d.end
	}
	start := d.begin
	if d.made.After(start) && d.made.Before(d.end) {
		// What was told before the recording was begun is where it starts from.
		start = d.made
	}
	start = start.Add(max(opts.Start, 0))
	d.speed = min(max(opts.Speed, slowest), fastest)
	if opts.Speed == 0 {
		start, d.speed = d.end, 1
	}
	for _, s := range opts.Stops {
		d.stops = append(d.stops, d.begin.Add(s))
	}
	d.at = d.begin
	d.SeekTo(start)
	return d, nil
}

// firstTick is when numbers begin, which is what there is to see.
func firstTick(rd *reader) (first time.Time) {
	for range 100_000 {
		e, err := rd.next()
		if err != nil {
			return first
		}
		if first.IsZero() || e.Tick != nil {
			first = e.Time
		}
		if e.Tick != nil {
			return first
		}
	}
	return first
}

// lastTime reads the last chunk that can be read for the time of its last
// event. The last may have been cut before its first; more are a stranger's.
func (d *Deck) lastTime() time.Time {
	n := len(d.chunks)
	for _, i := range []int{n - 1, max(n-2, 0), 0} {
		rd, err := d.open(i)
		if err != nil {
			continue
		}
		for err == nil {
			_, err = rd.next()
		}
		last := rd.last
		rd.close()
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

// open returns a reader that begins with a chunk.
func (d *Deck) open(i int) (*reader, error) {
	section := io.NewSectionReader(d.file, d.chunks[i].offset, d.size-d.chunks[i].offset)
	if i == 0 {
		return newReader(section)
	}
	rd, err := bareReader(section)
	if err != nil {
		return nil, err
	}
	rd.made, rd.last = d.made, d.chunks[i].from
	return rd, nil
}

// Focus implements session.Source; a recording tells what it holds.
func (*Deck) Focus(session.Focus) {}

// Playback implements session.Deck.
func (d *Deck) Playback() session.Playback {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.at
	if w := d.waiting; !w.since.IsZero() && !d.paused && d.seek == nil {
		now := w.from.Add(time.Duration(float64(time.Since(w.since)) * d.speed))
		if now.After(w.until) {
			now = w.until
		}
		if now.After(at) {
			at = now
		}
	}
	return session.Playback{Begin: d.begin, End: d.end, At: at, Speed: d.speed, Paused: d.paused, Ended: d.ended, Seeking: d.seek != nil}
}

// Pause implements session.Deck.
func (d *Deck) Pause(on bool) {
	d.ask(func() { d.paused = on })
}

// SetSpeed implements session.Deck.
func (d *Deck) SetSpeed(times float64) {
	d.ask(func() { d.speed = min(max(times, slowest), fastest) })
}

// SeekTo implements session.Deck.
func (d *Deck) SeekTo(at time.Time) {
	if at.Before(d.begin) {
		at = d.begin
	}
	if at.After(d.end) {
		at = d.end
	}
	d.ask(func() { d.seek, d.steps = &at, 0 })
}

// maxSteps is how many steps may be waiting to be done.
const maxSteps = 100

// Step implements session.Deck.
func (d *Deck) Step() {
	d.ask(func() { d.paused, d.steps = true, min(d.steps+1, maxSteps) })
}

func (d *Deck) ask(change func()) {
	d.mu.Lock()
	change()
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// changed is an event as it is to be told.
func (d *Deck) changed(e session.Event) []session.Event {
	if d.opts.Change == nil {
		return []session.Event{e}
	}
	return d.opts.Change(e)
}

// Tell writes the last minutes before the moment that is seen, and what they
// start from.
func (d *Deck) Tell(w *Writer) error {
	at := d.Playback().At
	rd, err := d.open(0)
	if err != nil {
		return fmt.Errorf("%s: %w", d.opts.Name, err)
	}
	defer rd.close()
	held := NewLead(nil)
	for {
		e, err := rd.next()
		if err != nil || e.Time.After(at) {
			return held.Tell(w)
		}
		for _, one := range d.changed(e) {
			if _, err := held.put(one); err != nil {
				return err
			}
		}
	}
}

// Close closes the file; the deck must not run any more.
func (d *Deck) Close() error {
	if d.closer == nil {
		return nil
	}
	return d.closer.Close()
}

// Run implements session.Source. A sink that is no session cannot be taken
// back to an earlier moment: it hears everything once, without seeking.
func (d *Deck) Run(ctx context.Context, sink session.Sink) error {
	p := &player{deck: d, sink: sink}
	p.session, _ = sink.(*session.Session)
	defer p.close()
	return p.run(ctx)
}
