package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// maxOwn bounds what a deck's own checkpoints take, in bytes.
const maxOwn = 64 << 20

// player is a deck at work.
type player struct {
	deck    *Deck
	sink    session.Sink
	session *session.Session

	rd *reader
	// chunk is the one that rd is in, base that which it began with.
	chunk, base int
	// told is the newest time that was told.
	told time.Time
	// next is the event that comes next; nil when there is none.
	next *session.Event
}

func (p *player) close() {
	if p.rd != nil {
		p.rd.close()
	}
}

func (p *player) run(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch want := p.deck.wants(); {
		case want.seek != nil:
			if err := p.goTo(ctx, *want.seek); err != nil {
				return err
			}
			p.deck.sought(*want.seek)
		case want.step && p.next != nil:
			p.step()
		case want.paused || p.next == nil:
			p.deck.rest(p.next == nil)
			select {
			case <-ctx.Done():
			case <-p.deck.wake:
			}
		default:
			p.wait(ctx, want.speed)
		}
	}
}

// wants is what a player is to do next.
type wants struct {
	seek   *time.Time
	step   bool
	paused bool
	speed  float64
}

func (d *Deck) wants() wants {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := wants{seek: d.seek, step: d.steps > 0, paused: d.paused, speed: d.speed}
	if w.step {
		d.steps--
	}
	d.waiting = pause{}
	return w
}

// sought says that a moment was reached, unless another is wanted by now.
func (d *Deck) sought(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.seek != nil && d.seek.Equal(at) {
		d.seek = nil
	}
}

func (d *Deck) rest(ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended = ended; ended {
		d.at = d.end
	}
}

// wait waits for the next event to be due, and tells it.
func (p *player) wait(ctx context.Context, speed float64) {
	d := p.deck
	d.mu.Lock()
	d.ended = false
	from, until := d.at, p.next.Time
	stop := slices.IndexFunc(d.stops, func(s time.Time) bool { return s.After(from) && !s.After(until) })
	if stop >= 0 {
		until = d.stops[stop]
	}
	due := time.Duration(float64(min(max(until.Sub(from), 0), maxWait)) / speed)
	d.waiting = pause{since: time.Now(), from: from, until: until}
	d.mu.Unlock()
	if due > 0 {
		timer := time.NewTimer(due)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
			// What was asked for may change how long there is to wait: go on from
			// where the clock stands.
			at := d.Playback().At
			d.mu.Lock()
			if d.seek == nil {
				d.at = at
			}
			d.mu.Unlock()
			return
		case <-timer.C:
		}
	}
	if stop >= 0 {
		d.mu.Lock()
		d.at, d.paused = until, true
		d.stops = slices.Delete(d.stops, stop, stop+1)
		d.mu.Unlock()
		return
	}
	p.play()
}

// tell tells the next event to whoever is to hear it, and reads the one behind
// it.
func (p *player) tell(to session.Sink) {
	e := *p.next
	for _, one := range p.deck.changed(e) {
		to.Put(replayed(one))
	}
	if e.Time.After(p.told) {
		p.told = e.Time
	}
	p.read(to)
}

// play tells the next event as its time has come.
func (p *player) play() {
	p.tell(p.sink)
	p.deck.mu.Lock()
	defer p.deck.mu.Unlock()
	if p.told.After(p.deck.at) {
		p.deck.at = p.told
	}
}

// step goes on by one tick.
func (p *player) step() {
	for p.next != nil {
		tick := p.next.Tick != nil
		if p.play(); tick {
			return
		}
	}
}

// read reads the next event. What cannot be read ends the recording: what was
// read stays valid.
func (p *player) read(to session.Sink) {
	e, err := p.rd.next()
	if now := p.base + p.rd.chunk; now != p.chunk {
		p.chunk = now
		p.remember(to)
	}
	switch {
	case err == nil:
		p.next = &e
	case errors.Is(err, io.EOF):
		p.next = nil
	default:
		text := fmt.Sprintf("the recording %s ends early: %v", p.deck.opts.Name, err)
		for _, one := range p.deck.changed(session.Event{Time: p.rd.last, Problem: &text}) {
			to.Put(one)
		}
		p.next = nil
	}
}

// goTo shows a moment: it plays on where that is near, and else begins anew
// with the checkpoint of the chunk in which the moment lies, or of the nearest
// before it that has one.
func (p *player) goTo(ctx context.Context, at time.Time) error {
	to, least := p.deck.chunkAt(at), 0
	switch back := p.rd == nil || at.Before(p.told); {
	case p.session == nil && p.rd != nil && back:
		return nil // what was told cannot be taken back
	case p.session == nil:
		to = 0
	case !back:
		least = p.chunk + 1
	}
	sink := p.sink
	for i := to; i >= least; i-- {
		rd, fresh, err := p.deck.enter(i)
		if err != nil && i == 0 {
			return fmt.Errorf("%s: %w", p.deck.opts.Name, err)
		}
		if err != nil {
			continue
		}
		p.close()
		p.rd, p.base, p.chunk, p.told = rd, i, i, p.deck.chunks[i].from
		if p.session != nil {
			sink = fresh
		}
		p.read(sink)
		break
	}
	for p.next != nil && !p.next.Time.After(at) && p.deck.wanted(at) {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.tell(sink)
	}
	if fresh, ok := sink.(*session.Session); ok && fresh != p.session {
		p.session.Take(fresh)
	}
	return nil
}

// wanted reports whether a moment is still the one that was asked for last.
func (d *Deck) wanted(at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seek == nil || d.seek.Equal(at)
}

// chunkAt is the chunk in which a moment lies.
func (d *Deck) chunkAt(at time.Time) int {
	i := len(d.chunks) - 1
	for i > 0 && d.chunks[i].from.After(at) {
		i--
	}
	return i
}

// enter returns a reader of what a chunk tells, and a session that has heard
// everything before it.
func (d *Deck) enter(i int) (*reader, *session.Session, error) {
	if i > 0 && d.own[i] == nil && (d.useless[i] || !d.plain()) {
		return nil, nil, errNoCheckpoint
	}
	rd, err := d.open(i)
	if err != nil {
		return nil, nil, err
	}
	var s *session.Session
	switch own := d.own[i]; {
	case i == 0:
		s = session.New(d.opts.Session)
	case own != nil:
		if _, err = rd.head(); err == nil {
			s, err = unpack(own)
		}
	default:
		s, err = rd.checkpoint()
	}
	if err != nil {
		d.useless[i] = true
		rd.close()
		return nil, nil, err
	}
	return rd, s, nil
}

// plain reports whether what the file's checkpoints hold is what the session
// would have worked out: the operator has decided nothing of it.
func (d *Deck) plain() bool {
	o := d.opts.Session
	if o.Provider == snat.ProviderAuto {
		o.Provider = ""
	}
	return d.opts.Change == nil && o.Provider == "" && o.Timers == snat.Timers{} && o.SNATPorts == 0 && len(o.Private) == 0 && len(o.OwnEgress) == 0
}

// remember makes a checkpoint of the deck's own at the beginning of a chunk
// whose own cannot be used.
func (p *player) remember(of session.Sink) {
	d, i := p.deck, p.chunk
	s, ok := of.(*session.Session)
	if !ok || i >= len(d.chunks) || d.own[i] != nil || d.plain() && p.rd.pieces > 0 && !d.useless[i] {
		return
	}
	pieces, ok := s.Checkpoint()
	if !ok {
		return
	}
	b, err := pack(pieces)
	if err != nil || d.ownBytes+len(b) > maxOwn {
		return
	}
	d.own[i], d.ownBytes = b, d.ownBytes+len(b)
}

// pack stores a checkpoint in memory.
func pack(pieces []session.Piece) ([]byte, error) {
	mode, _, err := wire.Modes()
	if err != nil {
		return nil, err
	}
	var raw []byte
	for i := range pieces {
		payload, err := mode.Marshal(&pieces[i])
		if err != nil {
			return nil, fmt.Errorf("storing a checkpoint: %w", err)
		}
		if raw, err = wire.AppendFrame(raw, kindPiece, payload); err != nil {
			return nil, fmt.Errorf("storing a checkpoint: %w", err)
		}
	}
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("storing a checkpoint: %w", err)
	}
	defer func() { _ = zip.Close() }()
	return zip.EncodeAll(raw, nil), nil
}

func unpack(b []byte) (*session.Session, error) {
	rd, err := bareReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer rd.close()
	return rd.restored(-1)
}
