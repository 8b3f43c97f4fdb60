package twin

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
)

// Counts is what a Twin has counted.
type Counts struct {
	// Opens and Closes are of connections to the ports that were asked for.
	Opens, Closes uint64
	// Events were read, of whatever socket; Lost found no room.
	Events, Lost uint64
}

// Twin is a running tracer.
type Twin struct {
	objects eventsObjects
	link    link.Link
	reader  *ringbuf.Reader
	low     uint16
	high    uint16
	done    chan error
	// flushed tells the counts when all that was sent has been read.
	flushed chan Counts
}

// Open attaches the tracer, which counts connections to the remote ports from
// low to high.
func Open(low, high uint16) (_ *Twin, err error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raising the limit of locked memory: %w", err)
	}
	t := &Twin{low: low, high: high, done: make(chan error, 1), flushed: make(chan Counts, 1)}
	if err := loadEventsObjects(&t.objects, nil); err != nil {
		return nil, fmt.Errorf("loading the program: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.objects.Close())
		}
	}()
	if t.reader, err = ringbuf.NewReader(t.objects.Events); err != nil {
		return nil, fmt.Errorf("opening the ring buffer: %w", err)
	}
	if t.link, err = link.AttachTracing(link.TracingOptions{Program: t.objects.OnState}); err != nil {
		return nil, errors.Join(fmt.Errorf("attaching the program: %w", err), t.reader.Close())
	}
	go func() { t.done <- t.read() }()
	return t, nil
}

// Where the fields of struct event lie that are read here.
const (
	sockAt       = 8
	remotePortAt = 74
	fromAt       = 78
	toAt         = 79
	eventSize    = 80
)

// States of include/net/tcp_states.h.
const (
	established = 1
	synSent     = 2
	closed      = 7
)

// read counts events until the reader is closed.
func (t *Twin) read() error {
	var r ringbuf.Record
	var counts Counts
	open := make(map[uint64]struct{})
	for {
		err := t.reader.ReadInto(&r)
		switch {
		case errors.Is(err, ringbuf.ErrClosed):
			return nil
		case errors.Is(err, ringbuf.ErrFlushed):
			t.flushed <- counts
			continue
		case err != nil:
			return fmt.Errorf("reading the ring buffer: %w", err)
		case len(r.RawSample) < eventSize:
			return fmt.Errorf("an event of %d bytes", len(r.RawSample))
		}
		counts.Events++
		port := binary.NativeEndian.Uint16(r.RawSample[remotePortAt:])
		if port < t.low || port > t.high {
			continue
		}
		sock := binary.NativeEndian.Uint64(r.RawSample[sockAt:])
		from, to := r.RawSample[fromAt], r.RawSample[toAt]
		switch {
		case from == synSent && to == established:
			counts.Opens++
			open[sock] = struct{}{}
		case to == closed:
			if _, was := open[sock]; was {
				counts.Closes++
				delete(open, sock)
			}
		}
	}
}

// Counts reads what has been sent by now, and returns what has been counted.
func (t *Twin) Counts() (Counts, error) {
	if err := t.reader.Flush(); err != nil {
		return Counts{}, fmt.Errorf("reading what is left in the ring buffer: %w", err)
	}
	var c Counts
	select {
	case c = <-t.flushed:
	case err := <-t.done:
		t.done <- err
		return Counts{}, err
	}
	if err := t.objects.Lost.Get(&c.Lost); err != nil {
		return Counts{}, fmt.Errorf("reading what was lost: %w", err)
	}
	return c, nil
}

// Close ends the tracer.
func (t *Twin) Close() error {
	err := errors.Join(t.link.Close(), t.reader.Close())
	return errors.Join(err, <-t.done, t.objects.Close())
}
