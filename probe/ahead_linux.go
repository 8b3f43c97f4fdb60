package probe

import (
	"context"
	"errors"
	"runtime"

	"github.com/snattop/snattop/probe/netns"
)

// lookAhead reads every other namespace on a second thread while the first
// reads those between. What it finds waits for that namespace's turn, so a
// snapshot is the same as with one thread.
//
// Nearly all that a small namespace costs is the kernel's walk of the socket
// table. A snapshot of 500 namespaces with a connection each, on two processors,
// takes 219 ms with one thread and 118 ms with two, and as much processor time
// (BenchmarkNamespaces, -cpu 1,2). A third brought 5 % there. A node has other
// things to do, so there are never more than two, and one where we may use only
// one processor.
type lookAhead struct {
	thread *netns.Thread
	diag   *diagCollector
	// claimed are the namespaces that it reads, in the order of found.
	claimed []*namespace
	found   chan foundAhead
	stop    context.CancelFunc
}

// claim is a namespace that is to be read ahead.
type claim struct {
	ns    *namespace
	ports *inboundPorts
	// addresses is whether they are due.
	addresses bool
}

// foundAhead is what a namespace holds.
type foundAhead struct {
	sockets []Socket
	ports   *inboundPorts
	// begun is whether a read of these ports was begun.
	begun bool
	addrs localAddrs
	err   error
}

const (
	// maxAhead bounds the sockets of one namespace that wait for its turn; with
	// more, it is read again when it comes.
	maxAhead = 1000
	// aheadBy bounds the namespaces that wait; together that is less than a
	// megabyte.
	aheadBy = 4
)

var errTooManyAhead = errors.New("too many sockets to keep them")

func newLookAhead() *lookAhead {
	return &lookAhead{thread: netns.NewThread(), diag: newDiagCollector()}
}

// start begins to read namespaces.
func (l *lookAhead) start(ctx context.Context, with *diagCollector, claims []claim) {
	l.drop()
	if len(claims) == 0 {
		return
	}
	for _, c := range claims {
		l.claimed = append(l.claimed, c.ns)
	}
	l.diag.ask, l.diag.outbound, l.diag.way, l.diag.silence = with.ask, with.outbound, with.way, with.silence
	ctx, l.stop = context.WithCancel(ctx)
	found := make(chan foundAhead, aheadBy)
	l.found = found
	go func() {
		defer close(found)
		for _, c := range claims {
			found <- l.read(ctx, c)
		}
	}()
}

func (l *lookAhead) read(ctx context.Context, c claim) foundAhead {
	f := foundAhead{ports: c.ports}
	f.err = l.thread.Do(ctx, netns.Place{Path: c.ns.path, Inode: c.ns.inode}, func() error {
		if c.addresses {
			f.addrs, _ = listAddresses() // none: they stay due
		}
		f.begun = true
		return l.diag.fetch(c.ports, func(s *Socket) error {
			if len(f.sockets) >= maxAhead {
				return errTooManyAhead
			}
			f.sockets = append(f.sockets, *s)
			return nil
		})
	})
	return f
}

// take returns what was found in a namespace when it has its turn; ok is false
// when it was not claimed, or read in vain: it is read as any other then.
func (l *lookAhead) take(ns *namespace) (f foundAhead, ok bool) {
	if l == nil || len(l.claimed) == 0 || l.claimed[0] != ns {
		return f, false
	}
	l.claimed = l.claimed[1:]
	f = <-l.found
	if f.err != nil {
		f.undo()
		return f, false
	}
	return f, true
}

func (f *foundAhead) undo() {
	if f.begun {
		f.ports.undo()
	}
}

// drop ends reading, and forgets what was found.
func (l *lookAhead) drop() {
	if l.stop == nil {
		return
	}
	l.stop()
	for f := range l.found {
		f.undo()
	}
	l.claimed, l.stop = nil, nil
}

func (l *lookAhead) close() {
	if l == nil {
		return
	}
	l.drop()
	l.thread.Close()
}

// readAhead shares the namespaces of a snapshot with the second thread, if that
// helps.
func (s *sampler) readAhead(ctx context.Context, spaces []*namespace) {
	with, ok := s.collect.(*diagCollector)
	if !ok || runtime.GOMAXPROCS(0) < 2 {
		return
	}
	var claims []claim
	own := false
	for _, ns := range spaces {
		// Those without flows are hardly ever read, and the large ones not kept.
		if m, known := s.memory[ns.id]; known && m.flows == 0 {
			continue
		} else if own = !own; own || m.flows > maxAhead/2 || ns.inode == s.selfNS {
			continue
		}
		claims = append(claims, claim{ns, with.portsOf(ns), s.addrs.due(ns.inode)})
	}
	if s.ahead == nil {
		if len(claims) == 0 {
			return
		}
		s.ahead = newLookAhead()
	}
	s.ahead.start(ctx, with, claims)
}

// foundAhead tells what the second thread found in a namespace.
func (s *sampler) foundAhead(ns *namespace, emit func(*Socket)) bool {
	with, isDiag := s.collect.(*diagCollector)
	if !isDiag {
		return false
	}
	f, ok := s.ahead.take(ns)
	if !ok {
		return false
	}
	if f.addrs != nil {
		s.addrs.byNS[ns.inode] = f.addrs
	}
	for i := range f.sockets {
		with.tell(f.ports, &f.sockets[i], emit)
	}
	f.ports.end()
	return true
}
