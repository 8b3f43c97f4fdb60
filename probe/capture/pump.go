package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// source is where packets come from: a ring of the kernel, or a test's.
type source interface {
	// read waits for packets, for at most patience, and calls fn for each,
	// whose data is valid during the call.
	read(patience time.Duration, fn func(Packet)) error
	// counts returns how many packets were wanted since the start, and how many
	// of them the kernel dropped.
	counts() (seen, dropped uint64, err error)
	// stop lets nothing more arrive. What has arrived is still to be read.
	stop() error
}

// Limits end a capture; the zero value has none.
type Limits struct {
	// Duration is from the start on.
	Duration time.Duration
	// Bytes bounds what is told of packets: what is kept of each, and
	// RecordCost beside.
	Bytes int64
}

const (
	// batchSize is how many bytes of records a frame gathers, and batches how
	// many of them wait for the reader of the stream: 8 MiB, before packets
	// are dropped. A record may be as large as batchSize.
	batchSize = 64 << 10
	batches   = 128
	// patience is how long packets may lie before they are told.
	patience = 100 * time.Millisecond
	// beat is how often the counts are told when there are no packets.
	beat = time.Second
	// drainTime bounds the wait for what has arrived when a capture ends.
	drainTime = time.Second
)

// batch is the packets of one frame.
type batch struct {
	records []byte
	packets uint64
	counts  Counts
}

// pump tells packets until ctx ends or a limit is reached.
type pump struct {
	src    source
	limits Limits
	queue  chan *batch
	free   chan *batch

	// These are the reading side's alone.
	open   *batch
	got    uint64 // packets that came, told or dropped
	bytes  int64
	full   bool // the limit of bytes is reached
	counts Counts
}

// run is a capture's stream, from Start to End. The error is the source's, or
// out's.
func run(ctx context.Context, src source, start *Start, limits Limits, out io.Writer) error {
	enc := NewEncoder(out)
	if err := enc.Encode(Message{Start: start}); err != nil {
		return err
	}
	p := &pump{src: src, limits: limits, queue: make(chan *batch, batches), free: make(chan *batch, batches)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var end *End
	var failed error
	wg.Go(func() {
		defer close(p.queue)
		end, failed = p.read(ctx)
	})
	if err := p.write(enc); err != nil {
		cancel()
		for range p.queue { // let the reading side end
		}
		wg.Wait()
		return err
	}
	wg.Wait()
	return errors.Join(failed, enc.Encode(Message{End: end}))
}

// write tells batches until there are no more, and the counts now and then.
func (p *pump) write(enc *Encoder) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var last Counts
	for {
		select {
		case b, more := <-p.queue:
			if !more {
				return nil
			}
			last = b.counts
			if err := enc.Encode(Message{Packets: &Packets{Records: b.records, Counts: b.counts}}); err != nil {
				return err
			}
			b.records, b.packets = b.records[:0], 0
			select {
			case p.free <- b:
			default:
			}
			tick.Reset(beat)
		case <-tick.C:
			if err := enc.Encode(Message{Packets: &Packets{Counts: last}}); err != nil {
				return err
			}
		}
	}
}

// read takes packets into batches until ctx ends or a limit is reached.
func (p *pump) read(ctx context.Context) (*End, error) {
	var over <-chan time.Time
	if p.limits.Duration > 0 {
		t := time.NewTimer(p.limits.Duration)
		defer t.Stop()
		over = t.C
	}
	end := &End{}
	var failed error
	for end.Reason == "" {
		select {
		case <-ctx.Done():
			end.Reason = EndLeash
			continue
		case <-over:
			end.Reason = EndDuration
			continue
		default:
		}
		if failed = p.take(patience); failed != nil {
			end.Reason, end.Failed = failed.Error(), true
		} else if p.full {
			end.Reason = EndSize
		}
	}
	if err := p.drain(); failed == nil && err != nil {
		end.Reason, end.Failed, failed = err.Error(), true, err
	}
	end.Counts, end.UnixNanos = p.counts, time.Now().UnixNano()
	return end, failed
}

// take reads once and passes on what came.
func (p *pump) take(wait time.Duration) error {
	err := p.src.read(wait, p.packet)
	if cerr := p.count(); err == nil {
		err = cerr
	}
	p.flush()
	return err
}

func (p *pump) count() error {
	seen, dropped, err := p.src.counts()
	if err != nil {
		return fmt.Errorf("counting packets: %w", err)
	}
	p.counts.Seen, p.counts.Kernel = seen, dropped
	return nil
}

// packet adds one packet to the open batch.
func (p *pump) packet(pk Packet) {
	if p.full {
		return
	}
	cost := int64(len(pk.Data)) + RecordCost
	if p.limits.Bytes > 0 && p.bytes+cost > p.limits.Bytes {
		p.full = true
		return
	}
	p.bytes += cost
	if p.open != nil && len(p.open.records)+recordHeader+len(pk.Data) > batchSize {
		p.flush()
	}
	p.got++
	if p.open == nil {
		select {
		case p.open = <-p.free:
		default:
			p.open = &batch{records: make([]byte, 0, batchSize)}
		}
	}
	p.open.records = AppendRecord(p.open.records, pk)
	p.open.packets++
}

// flush hands the open batch over; where the other side is behind by a whole
// queue, the batch stays open until it is full. Then it is dropped and counted:
// packets keep coming, and waiting would only let the kernel drop them.
func (p *pump) flush() {
	b := p.open
	if b == nil || b.packets == 0 {
		return
	}
	b.counts = p.counts
	select {
	case p.queue <- b:
		p.open = nil
	default:
		if len(b.records) < batchSize/2 {
			return
		}
		p.counts.Queue += b.packets
		b.records, b.packets = b.records[:0], 0
	}
}

// drain ends the arrival of packets and reads what has arrived, so that the
// counts add up. What came behind the limit of bytes was not wanted any more.
func (p *pump) drain() error {
	defer func() {
		if p.open != nil && p.open.packets > 0 {
			p.open.counts = p.counts
			p.queue <- p.open // whoever takes it, or drops all, is still there
		}
	}()
	if err := p.src.stop(); err != nil {
		return err
	}
	for deadline := time.Now().Add(drainTime); ; {
		if err := p.count(); err != nil {
			return err
		}
		left := p.counts.Seen - p.counts.Kernel - p.got
		if left == 0 {
			return nil
		}
		if p.full {
			p.counts.Seen -= left
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d packets that the kernel counted were never seen", left)
		}
		if err := p.take(patience); err != nil {
			return err
		}
	}
}
