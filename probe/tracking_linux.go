package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/wire"
)

// conntrackReader reads the state of connection tracking tables.
type conntrackReader struct {
	buf  []byte
	last map[uint64]wire.Conntrack
	// rare is when the namespaces other than the host's are due.
	rare time.Time
	// off is why reading stopped for good.
	off error
}

// rareEvery is the time between two looks at tables that are not the host's.
const rareEvery = 15 * time.Second

func newConntrackReader() *conntrackReader {
	return &conntrackReader{buf: make([]byte, 64<<10), last: make(map[uint64]wire.Conntrack)}
}

// conntrack returns the tables, or nil when nothing has changed since they were
// told. A full tick tells them again.
func (s *sampler) conntrack(ctx context.Context, now time.Time, spaces []*namespace, full bool) []wire.Conntrack {
	c := s.ct
	if c.off != nil {
		s.hidesTables(c.off)
		return nil
	}
	all := !now.Before(c.rare)
	if all {
		c.rare = now.Add(rareEvery)
	}
	fresh := make(map[uint64]wire.Conntrack)
	changed := full
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
			if errors.Is(err, netns.ErrGone) {
				continue
			}
			s.hidesTables(err)
			// One table that is kept from us is no reason to leave the rest.
			if noTracking(err) && len(fresh) == 0 && len(c.last) == 0 {
				c.off = err
				return nil
			}
			if had {
				fresh[ns.inode] = old
			}
			continue
		}
		if !ns.host && st.Count == 0 {
			changed = changed || had
			continue
		}
		row := wire.Conntrack{
			NetNS: ns.inode, HostNetwork: ns.host, Count: st.Count, Max: st.Max,
			InsertFailed: st.InsertFailed, Drop: st.Drop, EarlyDrop: st.EarlyDrop,
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

// hidesTables tells that a table cannot be read. Of a single pod's view that is
// no news: the table that matters is the node's.
func (s *sampler) hidesTables(err error) {
	if s.cfg.Scope == ScopeNode {
		s.problems.add(err)
	}
}

func (s *sampler) tableOf(ctx context.Context, ns *namespace) (conntrack.Stats, error) {
	var st conntrack.Stats
	err := s.inside(ctx, ns, func() (err error) {
		st, err = conntrack.ReadStats(s.ct.buf)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("reading a connection tracking table: %w", err)
	}
	return st, nil
}

// noTracking reports whether an error says that the tables will not be read
// later either: it is forbidden, or the kernel has no connection tracking.
func noTracking(err error) bool { return errors.Is(err, fs.ErrPermission) || netlink.Refused(err) }

func hostOf(spaces []*namespace) *namespace {
	for _, ns := range spaces {
		if ns.host {
			return ns
		}
	}
	return nil
}
