package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/snattop/snattop/internal/pcapng"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/probe/capture"
	"github.com/snattop/snattop/probe/wire"
)

// Stream is a probe that captures; live.Stream is one, and so is what Local
// returns.
type Stream interface {
	io.Reader
	// CloseStdin asks for the end; what is still told can be read.
	CloseStdin() error
	// Close ends the stream, at the latest after grace.
	Close(grace time.Duration)
	// Wait waits for the end and says why.
	Wait() error
}

// Options are what Save needs beyond the stream.
type Options struct {
	// About is written into the file.
	About About
	// MaxSize bounds the file in bytes; at least MinSize.
	MaxSize int64
	// Duration is how long the probe was told to capture, from its start on; it
	// is ended from here when it does not heed that. 0 means no bound.
	Duration time.Duration
	// Progress is told what has been captured, about once a second, from one
	// goroutine. It may be nil.
	Progress func(Progress)
}

const (
	// MinSize is the smallest bound of a file in bytes: it has room for what
	// describes the capture.
	MinSize = 64 << 10
	// reserve is what is kept of a file's bound for its description and the
	// statistics at its end.
	reserve = 16 << 10

	// endGrace is how long a probe may take to tell the rest when it is asked
	// to end; its own patience is shorter.
	endGrace = 8 * time.Second
	// overtime is how long a probe may exceed the duration it was given.
	overtime = 5 * time.Second
	// silence is how long a probe may say nothing before its stream counts as
	// broken. It says something every second.
	silence = 30 * time.Second
	// closeGrace is how long a probe may take to end when nobody listens any
	// more.
	closeGrace = 2 * time.Second
	// tellEvery is the time between two tellings of progress, and the least
	// between two statistics in a file.
	tellEvery = time.Second
)

// Progress is how far a capture is.
type Progress struct {
	// Interface and Within name what is captured: "veth1" of "the node". Filter
	// and Notes are as the probe tells them.
	Interface, Within, Filter string
	Notes                     []string
	// Packets and Bytes are those in the file, KernelDrops and SlowDrops those
	// that were wanted and are not: because the node's kernel had no room, and
	// because the way here was slower than the packets.
	Packets                uint64
	Bytes                  int64
	KernelDrops, SlowDrops uint64
	Elapsed                time.Duration
	// Ended says why the capture ended; "" while it runs.
	Ended string
}

// saving is one capture on its way into a file.
type saving struct {
	opts   Options
	stream Stream
	out    io.Writer
	// These are known from the stream's first word on.
	start *capture.Start
	w     *pcapng.Writer
	began time.Time

	state  Progress
	counts capture.Counts
	// stats are the counts as last written to the file, told is when.
	stats capture.Counts
	told  time.Time
	full  bool
	// unwritten says that the file took no more.
	unwritten bool
	end       *capture.End

	leash sync.Once
	// asked and silent say that the end was asked for from here, and that the
	// stream was broken off since it said nothing.
	asked, silent atomic.Bool
}

// Save writes what a stream tells to out, until it ends, a bound is reached or
// ctx ends: all of these are good ends. It closes the stream. Blocks are
// written whole; where an error cut one, whole is where out has to be cut. It
// is 0 when nothing came that is worth a file.
func Save(ctx context.Context, stream Stream, out io.Writer, opts Options) (result Progress, whole int64, err error) {
	s := &saving{opts: opts, stream: stream, out: out}
	heard, done := make(chan struct{}, 1), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx, heard, done) })
	err = s.read(heard)
	close(done)
	wg.Wait()
	stream.Close(closeGrace)
	if s.start == nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return s.state, 0, err
	}
	if werr := s.finish(); err == nil && werr != nil {
		err = disk(werr)
	}
	return s.state, s.w.Whole(), err
}

// watch asks the stream to end when ctx or its time does, and breaks it off
// when it says nothing or does not end.
func (s *saving) watch(ctx context.Context, heard, done <-chan struct{}) {
	// The pod, the upload and the start have bounds of their own, which are
	// over; the probe finds its interface within the time of silence.
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	over := time.NewTimer(s.opts.Duration + silence + overtime)
	defer over.Stop()
	if s.opts.Duration <= 0 {
		over.Stop()
	}
	cancelled := ctx.Done()
	var late <-chan time.Time
	first := true
	for {
		select {
		case <-done:
			return
		case <-heard:
			quiet.Reset(silence)
			if first && s.opts.Duration > 0 {
				over.Reset(s.opts.Duration + overtime)
			}
			first = false
			continue
		case <-quiet.C:
			s.silent.Store(true)
			s.stream.Close(0)
			return
		case <-late:
			s.stream.Close(0)
			return
		case <-cancelled:
		case <-over.C:
		}
		cancelled = nil
		s.letGo()
		if late == nil {
			late = time.After(endGrace)
		}
	}
}

func (s *saving) letGo() {
	s.asked.Store(true)
	s.leash.Do(func() { _ = s.stream.CloseStdin() })
}

// read takes messages until there are no more.
func (s *saving) read(heard chan<- struct{}) error {
	dec := capture.NewDecoder(s.stream)
	for {
		m, err := dec.Next()
		if err != nil {
			return s.brokeOff(err)
		}
		select {
		case heard <- struct{}{}:
		default:
		}
		if err := s.take(m); err != nil {
			s.unwritten = true
			return disk(err)
		}
		s.tell(false)
		if s.end == nil {
			continue
		}
		if s.end.Failed {
			return fmt.Errorf("the capture ended early: %s", s.end.Reason)
		}
		return nil
	}
}

func (s *saving) take(m capture.Message) error {
	switch {
	case m.Start != nil:
		s.start, s.began = m.Start, time.Now()
		s.told = s.began
		s.state.Interface, s.state.Within, s.state.Filter, s.state.Notes = m.Start.Interface, m.Start.Within, m.Start.Filter, m.Start.Notes
		s.w = pcapng.NewWriter(s.out, s.opts.About.section(m.Start))
		if err := s.w.Interface(s.opts.About.device(m.Start)); err != nil {
			return err
		}
	case m.Packets != nil:
		s.counts = m.Packets.Counts
		if err := m.Packets.Each(s.start.Snaplen, s.packet); err != nil {
			return err
		}
	case m.End != nil:
		s.end, s.counts = m.End, m.End.Counts
	}
	return s.w.Flush()
}

// packet writes one packet, unless the file is full.
func (s *saving) packet(p capture.Packet) error {
	out := pcapng.Packet{UnixNanos: uint64(p.UnixNanos), Length: p.Length, Direction: uint8(p.Direction), Data: p.Data} //nolint:gosec // the decoder refuses negative times
	if s.full = s.full || s.w.Size()+pcapng.PacketSize(out) > s.opts.MaxSize-statsRoom; s.full {
		s.letGo()
		return nil
	}
	s.state.Packets++
	return s.w.Packet(0, out)
}

// statsRoom is what is left free for the statistics.
const statsRoom = 4 << 10

// tell passes progress on, and notes new losses in the file, now and then.
func (s *saving) tell(last bool) {
	now := time.Now()
	if !last && now.Sub(s.told) < tellEvery && s.state.Packets > 0 {
		return
	}
	s.told = now
	s.state.KernelDrops, s.state.SlowDrops = s.counts.Kernel, s.counts.Queue
	s.state.Bytes, s.state.Elapsed = s.w.Size(), now.Sub(s.began)
	if s.opts.Progress != nil {
		s.opts.Progress(s.state)
	}
	lost := s.counts.Kernel != s.stats.Kernel || s.counts.Queue != s.stats.Queue
	if !last && lost && !s.full {
		// What fails here fails at the next packet as well, and is told there.
		_ = s.statistics(now)
	}
}

func (s *saving) statistics(now time.Time) error {
	s.stats = s.counts
	st := pcapng.Statistics{
		At: now, Start: s.began, Accepted: s.counts.Seen, Delivered: s.state.Packets,
		Dropped: s.counts.Kernel + s.counts.Queue, OSDropped: s.counts.Kernel,
	}
	if st.Dropped > 0 {
		st.Comment = fmt.Sprintf("not in this file: %d packets for which the node's kernel had no room, %d for which the way here was too slow", s.counts.Kernel, s.counts.Queue)
	}
	if s.state.Ended != "" {
		st.End = now
		st.Comment = strings.TrimPrefix(st.Comment+"; ended: "+s.state.Ended, "; ")
	}
	return s.w.Statistics(0, st)
}

// finish writes the last statistics.
func (s *saving) finish() error {
	s.state.Ended = s.reason()
	err := errors.Join(s.statistics(time.Now()), s.w.Flush())
	s.tell(true)
	return err
}

// reason says why a capture ended.
func (s *saving) reason() string {
	switch {
	case s.unwritten:
		return "the file could not be written"
	case s.full, s.end != nil && s.end.Reason == capture.EndSize:
		return "its size was reached"
	case s.end == nil && s.asked.Load():
		return "stopped before all was told"
	case s.end == nil:
		return "the stream broke"
	case s.end.Reason == capture.EndDuration:
		return "its time was up"
	case s.end.Reason == capture.EndLeash:
		return "stopped"
	default:
		return s.end.Reason
	}
}

// brokeOff says why a stream ended without an End.
func (s *saving) brokeOff(err error) error {
	var bad *wire.Error
	switch {
	case s.silent.Load():
		return fmt.Errorf("the probe has said nothing for %s", silence)
	case s.start != nil && s.asked.Load():
		return nil // it did not end in time, which was asked for here
	case errors.As(err, &bad) && !errors.Is(err, wire.ErrTruncated):
		return fmt.Errorf("the probe's stream is broken: %w", err)
	}
	if werr := s.stream.Wait(); werr != nil {
		err = werr
	}
	var exit *k8s.ExitError
	if errors.As(err, &exit) && exit.Stderr != "" && exit.Code <= 2 {
		// The probe's own words say it all.
		return errors.New(sanitize.Text(strings.TrimPrefix(exit.Stderr, "snattop-probe: ")))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, wire.ErrTruncated) {
		return errors.New("the probe ended without a word")
	}
	return err
}

// disk says in words what a file system answers when it is full.
func disk(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk here is full: %w", err)
	}
	return fmt.Errorf("writing the file: %w", err)
}
