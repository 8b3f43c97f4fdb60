package tcptracer

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// errStopped means that a tool ended because it was asked to.
var errStopped = errors.New("it was stopped")

// running is one process of the tool.
type running struct {
	what       tool
	proc       process
	complaints complaints
	out, err   *os.File
	// attached is closed at the headings, gone when it has ended, heard when
	// its output has been read to the end.
	attached, gone, heard chan struct{}
}

// launch starts one tool.
func (t *Tracer) launch(interpreter []string, what tool) (*running, error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting tcptracer: %w", err)
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		closeAll(outR, outW)
		return nil, fmt.Errorf("starting tcptracer: %w", err)
	}
	// Ours must not stay open, or the end of the output would never be seen.
	defer closeAll(outW, errW)
	widen(outR)
	r := &running{
		what: what, out: outR, err: errR,
		attached: make(chan struct{}), gone: make(chan struct{}), heard: make(chan struct{}),
	}
	argv := append(append([]string(nil), interpreter...), t.cfg.Path, what.options)
	r.proc, err = startProcess(launch{
		argv: argv, tool: t.cfg.Path, hostRoot: t.cfg.HostRoot, proc: t.cfg.Proc, stdout: outW, stderr: errW,
	})
	if err != nil {
		closeAll(outR, errR)
		return nil, err
	}
	return r, nil
}

// listen reads what a tool prints. That a stream ends is all there is to know
// about it: the process says why.
func (t *Tracer) listen(r *running) {
	var readers sync.WaitGroup
	readers.Go(func() { _ = eachLine(r.out, t.events(r)) })
	readers.Go(func() {
		_ = eachLine(r.err, func(line []byte, _ bool) {
			if n := r.complaints.line(line); n > 0 {
				t.mu.Lock()
				t.table.AddLost(n)
				t.mu.Unlock()
			}
		})
	})
	go func() {
		readers.Wait()
		close(r.heard)
	}()
}

// events returns what takes the lines of a tool. Before the headings nothing is
// an event.
func (t *Tracer) events(r *running) func(line []byte, whole bool) {
	var format Format
	var headed bool
	var e Event
	return func(line []byte, whole bool) {
		if !headed {
			if format, headed = ParseHeader(line); headed {
				close(r.attached)
				t.attached()
			}
			return
		}
		err := ErrLine
		if whole {
			err = format.Parse(line, &e)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if err != nil {
			t.table.AddMalformed()
			return
		}
		t.table.Add(&e)
	}
}

// supervise sees a tool to its end.
func (t *Tracer) supervise(r *running) {
	reason := t.await(r)
	if reason != nil {
		t.end(r)
	}
	// A process that left its group may hold the pipes open for ever.
	select {
	case <-r.heard:
	case <-t.cfg.After(t.cfg.Grace):
	}
	closeAll(r.out, r.err)
	<-r.heard
	if reason == nil {
		reason = errors.New(r.proc.status())
		if last := r.complaints.text(); last != "" {
			reason = fmt.Errorf("%w: %s", reason, last)
		}
	}
	close(r.gone)
	t.ended(r, fmt.Errorf("%w: %s: %w", ErrEnded, r.what.options, reason))
}

// await returns why a tool has to be ended; nil if it has ended by itself.
func (t *Tracer) await(r *running) error {
	timeout, attached := t.cfg.After(t.cfg.AttachTimeout), r.attached
	for {
		select {
		case <-r.proc.exited():
			return nil
		case <-t.stopping:
			return errStopped
		case <-attached:
			timeout, attached = nil, nil
		case <-timeout:
			if r.isAttached() {
				continue
			}
			return fmt.Errorf("it did not attach within %s", t.cfg.AttachTimeout)
		}
	}
}

// end asks a tool to end, and then makes it.
func (t *Tracer) end(r *running) {
	r.proc.interrupt()
	select {
	case <-r.proc.exited():
		return
	case <-t.cfg.After(t.cfg.Grace):
	}
	r.proc.kill()
	select {
	case <-r.proc.exited():
	case <-t.cfg.After(t.cfg.Grace):
		t.mu.Lock()
		t.stuck = fmt.Errorf("tcptracer %s was killed and has not ended within %s", r.what.options, t.cfg.Grace)
		t.mu.Unlock()
	}
}

func (r *running) isAttached() bool { return isClosed(r.attached) }

// settled is whether there is nothing to wait for any more.
func (r *running) settled() bool { return r.isAttached() || isClosed(r.gone) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
