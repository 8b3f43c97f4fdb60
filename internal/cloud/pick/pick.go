package pick

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// Factory makes the reader of one cloud. It is called when the cluster's nodes
// have turned out to be there. No credential is to be part of its error.
type Factory func() (cloud.Watcher, error)

// Options are the readers there are. A cloud without a Factory is not read.
type Options struct {
	Azure, Google, AWS Factory
	// Clock is where time comes from; the zero value is this machine's.
	Clock poll.Clock
}

func (o Options) factory(s scheme) Factory {
	switch s {
	case azure:
		return o.Azure
	case google:
		return o.Google
	case aws:
		return o.AWS
	case none:
		return nil
	default:
		return nil
	}
}

// New makes a Watcher that waits for the first nodes and hands over to the
// reader of the cloud that most of them are in. Where none of them is in a
// cloud that can be read, Watch returns nil at once and has told nothing.
func New(o Options) cloud.Watcher {
	o.Clock = o.Clock.Filled()
	return &picker{o}
}

type picker struct{ options Options }

// Watch implements cloud.Watcher.
func (p *picker) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	var first []cloud.Node
	for len(first) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case first = <-nodes:
		}
	}
	counts := count(first)
	read := none
	for _, s := range ranked(counts) {
		if p.options.factory(s) != nil {
			read = s
			break
		}
	}
	if read == none {
		return nil
	}
	h := newHandover(read, first, tell)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pump sync.WaitGroup
	pump.Go(func() { h.pump(ctx, nodes) })
	defer pump.Wait()
	defer cancel()
	return p.follow(ctx, h)
}

// follow makes a reader and lets it watch, again and again: one that could not
// be made, that broke or that gave up is tried anew at the slow pace.
func (p *picker) follow(ctx context.Context, h *handover) error {
	for {
		problem, done := p.once(ctx, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if done {
			return nil
		}
		h.tellProblem(problem)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.options.Clock.After(poll.Slow):
		}
		// What is known of the nodes now, for the reader to come.
		h.again()
	}
}

// once runs one reader until it ends. done means that it found nothing to
// follow.
func (p *picker) once(ctx context.Context, h *handover) (problem cloud.Problem, done bool) {
	c := schemes[h.read]
	defer func() {
		if r := recover(); r != nil {
			problem, done = poll.Crash(c.source, r), false
		}
	}()
	w, err := p.options.factory(h.read)()
	if err == nil && w == nil {
		err = errors.New("there is no reader for it")
	}
	if err != nil {
		return cloud.Problem{
			What:     "metrics",
			Sentence: fmt.Sprintf("%s cannot be asked: %s; the rest goes on without its figures", c.source, poll.Short(err.Error())),
		}, false
	}
	if err := w.Watch(ctx, h.out, h.tell); err != nil {
		return cloud.Problem{
			What:     "metrics",
			Sentence: fmt.Sprintf("reading %s ended: %s; it is tried again in %s", c.source, poll.Short(err.Error()), poll.Slow),
		}, false
	}
	return cloud.Problem{}, true
}
