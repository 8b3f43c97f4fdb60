package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/wire"
)

// udpNamespace is the number under which the flows from connection tracking
// stand in the aggregator: they are read apart from the sockets.
const udpNamespace = 0

// trackedReader reads the entries of the host's connection tracking table: UDP
// flows, because a UDP socket that is not connected shows no peer of its own,
// and the sources of all flows, for nodes that forward those of others.
//
// One dump of everything serves both. With 50,000 TCP and 2,000 UDP entries it
// takes 62 ms, and one that the kernel filters by protocol takes 27 ms for UDP
// alone, as it must be asked for each family: it walks the table twice.
type trackedReader struct {
	keys tupleKeys
	buf  []byte
	ask  netlink.Ask
	next time.Time
	// off is why reading stopped for good.
	off error

	// sources are those of the last read, problem what it has to say of them.
	sources []wire.Source
	problem error
	// told are the sources that the controller has.
	told []wire.Source
}

// trackedShare is how many times its own cost a read of the table waits.
const trackedShare = 20

func newTrackedReader(keys tupleKeys) *trackedReader {
	return &trackedReader{keys: keys, buf: make([]byte, 64<<10), ask: netlink.Asker(unix.NETLINK_NETFILTER)}
}

// readTracked counts the UDP flows of this node's namespaces, and the sources.
func (s *sampler) readTracked(ctx context.Context, now time.Time, spaces []*namespace) {
	r := s.tracked
	if r.off != nil {
		s.problems.add(r.off)
		return // for good: what was known of flows ends here
	}
	host := hostOf(spaces)
	if host == nil || now.Before(r.next) {
		s.agg.Failed(udpNamespace) // not read, so not known to have ended
		return
	}
	began := time.Now()
	locals := s.addrs.locals(spaces)
	sources := newSourceCounts()
	var sock Socket
	err := s.inside(ctx, host, func() error {
		return conntrack.Entries(r.ask, r.buf, func(_ uint16, b []byte) error {
			ok, err := parseCtFlow(b, &sock)
			if err != nil || !ok {
				return err
			}
			sources.add(sock.Local.Addr(), sock.Protocol)
			if ns := locals[sock.Local.Addr()]; ns != nil && sock.Protocol == protocolUDP {
				sock.Key = r.keys.key(0, protocolUDP, sock.Local, sock.Remote)
				owner, _ := s.owner(ns, &sock)
				s.agg.add(&sock, udpNamespace, owner, false)
			}
			return nil
		})
	})
	r.next = now.Add(trackedShare * time.Since(began))
	switch {
	case err == nil, errors.Is(err, netlink.ErrInterrupted):
		r.sources, r.problem = sources.list(func(ip netip.Addr) bool { return locals[ip] != nil })
	case errors.Is(err, netns.ErrGone):
		s.agg.Failed(udpNamespace)
	default:
		s.agg.Failed(udpNamespace)
		err = fmt.Errorf("UDP flows and sources: connection tracking cannot be read: %w", err)
		s.problems.add(err)
		if noTracking(err) {
			r.off, r.sources, r.problem = err, nil, nil
		}
	}
}

// sources returns the sources, nil when nothing has changed since they were
// told. A full tick tells them again.
func (s *sampler) sources(full bool) []wire.Source {
	r := s.tracked
	if full {
		r.told = nil
	}
	if r.problem != nil {
		s.problems.add(r.problem)
	}
	out := changedSources(r.told, r.sources)
	if out != nil {
		r.told = out
	}
	return out
}
