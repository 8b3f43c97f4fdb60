package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// udpNamespace is the number under which the flows from connection tracking
// stand in the aggregator: they are read apart from the sockets.
const udpNamespace = 0

// udpReader reads UDP flows from the host's connection tracking table: a UDP
// socket that is not connected shows no peer of its own.
type udpReader struct {
	keys   tupleKeys
	buf    []byte
	filter bool
	next   time.Time
	// off is why reading stopped for good.
	off error
}

// udpShare is how many times its own cost a read of the table waits.
const udpShare = 20

func newUDPReader(keys tupleKeys) *udpReader {
	return &udpReader{keys: keys, buf: make([]byte, 64<<10), filter: true}
}

// readUDP counts the UDP flows of this node's namespaces.
func (s *sampler) readUDP(ctx context.Context, now time.Time, spaces []*namespace) {
	u := s.udp
	host := hostOf(spaces)
	if u.off != nil {
		return // for good: what was known of flows ends here
	}
	if host == nil || now.Before(u.next) {
		s.agg.Failed(udpNamespace) // not read, so not known to have ended
		return
	}
	began := time.Now()
	locals := s.addrs.locals(spaces)
	var sock Socket
	emit := func(_ uint16, b []byte) error {
		ok, err := parseCtUDP(b, &sock)
		if err != nil || !ok {
			return err
		}
		ns := locals[sock.Local.Addr()]
		if ns == nil {
			return nil // it came from outside
		}
		sock.Key = u.keys.key(0, protocolUDP, sock.Local, sock.Remote)
		owner, _ := s.owner(ns, &sock)
		s.agg.add(&sock, udpNamespace, owner, false)
		return nil
	}
	err := s.inside(ctx, host, func() error {
		for _, family := range []uint8{familyINET, familyINET6} {
			err := nlDump(unix.NETLINK_NETFILTER, ctUDPRequest(family, u.filter), u.buf, emit)
			if u.filter && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)) {
				u.filter = false
				err = nlDump(unix.NETLINK_NETFILTER, ctUDPRequest(family, false), u.buf, emit)
			}
			if err != nil && !errors.Is(err, errDumpInterrupted) {
				return err
			}
		}
		return nil
	})
	u.next = now.Add(udpShare * time.Since(began))
	if err != nil {
		s.agg.Failed(udpNamespace)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
			u.off = err
		}
		s.problems.add(fmt.Errorf("UDP flows: connection tracking cannot be read: %w", err))
	}
}

// conntrackReader reads the state of connection tracking tables.
type conntrackReader struct {
	buf  []byte
	last map[uint64]wire.Conntrack
	// rare is when the namespaces other than the host's are due.
	rare time.Time
	off  bool
}

// rareEvery is the time between two looks at tables that are not the host's.
const rareEvery = 15 * time.Second

func newConntrackReader() *conntrackReader {
	return &conntrackReader{buf: make([]byte, 64<<10), last: make(map[uint64]wire.Conntrack)}
}

// conntrack returns the tables, or nil when nothing has changed.
func (s *sampler) conntrack(ctx context.Context, now time.Time, spaces []*namespace) []wire.Conntrack {
	c := s.ct
	if c.off {
		return nil
	}
	all := !now.Before(c.rare)
	if all {
		c.rare = now.Add(rareEvery)
	}
	fresh := make(map[uint64]wire.Conntrack)
	changed := false
	for _, ns := range spaces {
		old, had := c.last[ns.inode]
		if !ns.host && !all {
			if had {
				fresh[ns.inode] = old
			}
			continue
		}
		st, err := s.tableOf(ctx, ns)
		if err != nil {
			// One table that is kept from us is no reason to leave the rest.
			if errors.Is(err, fs.ErrPermission) && len(fresh) == 0 && len(c.last) == 0 {
				c.off = true
				return nil
			}
			continue
		}
		if !ns.host && st.count == 0 {
			changed = changed || had
			continue
		}
		row := wire.Conntrack{
			NetNS: ns.inode, HostNetwork: ns.host, Count: st.count, Max: st.max,
			InsertFailed: st.insertFailed, Drop: st.drop, EarlyDrop: st.earlyDrop,
		}
		fresh[ns.inode] = row
		changed = changed || row != old
	}
	changed = changed || len(fresh) != len(c.last)
	c.last = fresh
	if !changed {
		return nil
	}
	out := make([]wire.Conntrack, 0, len(fresh))
	for _, ns := range spaces {
		if row, ok := fresh[ns.inode]; ok {
			out = append(out, row)
		}
	}
	return out
}

func (s *sampler) tableOf(ctx context.Context, ns *namespace) (ctStats, error) {
	var st ctStats
	err := s.inside(ctx, ns, func() error {
		const request, dump = 0x1, 0x300 | 0x1
		const ack = 0x4
		err := nlDump(unix.NETLINK_NETFILTER, ctRequest(ctMsgGetStats, request|ack, 0, nil), s.ct.buf, func(_ uint16, b []byte) error {
			return parseCtStats(b, false, &st)
		})
		if err != nil {
			return err
		}
		return nlDump(unix.NETLINK_NETFILTER, ctRequest(ctMsgGetStatsCPU, dump, 0, nil), s.ct.buf, func(_ uint16, b []byte) error {
			return parseCtStats(b, true, &st)
		})
	})
	if err != nil {
		return st, fmt.Errorf("reading a connection tracking table: %w", err)
	}
	return st, nil
}

func hostOf(spaces []*namespace) *namespace {
	for _, ns := range spaces {
		if ns.host {
			return ns
		}
	}
	return nil
}
