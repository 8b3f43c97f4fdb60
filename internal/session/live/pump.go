package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe/wire"
)

const (
	// stopGrace is how long a probe may take to say goodbye.
	stopGrace = 2 * time.Second
	// silence is how long a probe may say nothing, beyond some intervals,
	// before the stream counts as broken.
	silence = 30 * time.Second
	// spoken ends the wait for a first frame.
	spoken = 60 * time.Second
)

// lane is one stream of a node, across reconnects.
type lane struct {
	mu   sync.Mutex
	want session.Focus
	wake chan struct{}
}

func newLane() *lane { return &lane{wake: make(chan struct{}, 1)} }

// focus stores a wish; the newest wins. It never blocks.
func (l *lane) focus(f session.Focus) {
	l.mu.Lock()
	l.want = f
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) wish() session.Focus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.want
}

// pumped is how a stream went.
type pumped struct {
	spoke  bool
	lasted time.Duration
	err    error
}

// pump feeds a stream to the sink until it ends or ctx does. It returns when
// every goroutine of it has.
func (r *runner) pump(ctx context.Context, ln *lane, lk *link, streaming func()) pumped {
	var (
		res     pumped
		started = time.Now()
		frames  = make(chan wire.Message)
		failed  = make(chan error, 1)
		stop    = make(chan struct{})
		wg      sync.WaitGroup
	)
	wg.Go(func() {
		dec := wire.NewDecoder(lk.conn)
		for {
			msg, err := dec.Next()
			if err != nil {
				failed <- err
				return
			}
			select {
			case frames <- msg:
			case <-stop:
				return
			}
		}
	})
	ready := make(chan struct{})
	wg.Go(func() { sendWishes(ln, lk, ready, stop) })

	quiet := time.NewTimer(spoken)
	patience := silence + 5*r.src.opts.Interval
	if lk.patience > 0 {
		patience = lk.patience
		quiet.Reset(patience)
	}
loop:
	for {
		select {
		case <-ctx.Done():
			res.err = ctx.Err()
			break loop
		case <-quiet.C:
			res.err = fmt.Errorf("the probe has said nothing for %s", patience)
			break loop
		case err := <-failed:
			res.err = endOf(lk, err)
			break loop
		case msg := <-frames:
			quiet.Reset(patience)
			ev := session.Event{Time: r.src.opts.Now(), Node: r.name, PodUID: lk.podUID, Hello: msg.Hello, Tick: msg.Tick, Bye: msg.Bye}
			switch {
			case msg.Hello != nil:
				if !res.spoke {
					res.spoke = true
					close(ready)
					streaming()
				}
			case msg.Bye != nil:
				r.sink.Put(ev)
				res.err = byeError(msg.Bye)
				break loop
			case msg.Tick == nil:
				continue
			}
			r.sink.Put(ev)
		}
	}
	quiet.Stop()
	close(stop)
	lk.conn.Close(stopGrace)
	wg.Wait()
	res.lasted = time.Since(started)
	if !res.spoke && lk.spoiled != nil && ctx.Err() == nil {
		lk.spoiled()
	}
	return res
}

// endOf prefers the reason of the stream to that of the decoder: "exit code
// 1: no such flag" says more than "unexpected end of file".
func endOf(lk *link, err error) error {
	var bad *wire.Error
	if errors.As(err, &bad) && !errors.Is(err, wire.ErrTruncated) {
		return fmt.Errorf("the probe's stream is broken: %w", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- lk.conn.Wait() }()
	t := time.NewTimer(stopGrace)
	defer t.Stop()
	select {
	case werr := <-waited:
		if werr != nil {
			return werr
		}
	case <-t.C:
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the probe ended without a word")
	}
	return err
}

func byeError(b *wire.Bye) error {
	if b.Failed {
		return fmt.Errorf("the probe gave up: %s", b.Reason)
	}
	return fmt.Errorf("the probe ended: %s", b.Reason)
}

// sendWishes writes commands to the probe, the newest wish only, from the
// moment it has spoken. A blocked write ends with the connection.
func sendWishes(ln *lane, lk *link, ready, stop <-chan struct{}) {
	select {
	case <-ready:
	case <-stop:
		return
	}
	enc := wire.NewEncoder(lk.conn)
	told := wire.Focus{}
	for {
		want := wireFocus(ln.wish(), lk.pod != "")
		if !sameFocus(want, told) {
			if enc.Command(&wire.Command{Focus: &want}) != nil {
				return
			}
			told = want
		}
		select {
		case <-ln.wake:
		case <-stop:
			return
		}
	}
}

// wireFocus translates a wish. Owner IDs belong to one stream; where a node is
// seen pod by pod they would be ambiguous, and a pod is small enough for all.
func wireFocus(f session.Focus, onePod bool) wire.Focus {
	if f.All || (onePod && len(f.Owners) > 0) {
		return wire.Focus{All: true}
	}
	return wire.Focus{Owners: f.Owners}
}

func sameFocus(a, b wire.Focus) bool {
	if a.All != b.All || len(a.Owners) != len(b.Owners) {
		return false
	}
	for i := range a.Owners {
		if a.Owners[i] != b.Owners[i] {
			return false
		}
	}
	return true
}
