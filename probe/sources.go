package probe

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/snattop/snattop/probe/wire"
)

const (
	// maxSources bounds the sources that are told; they are the largest.
	maxSources = 256
	// maxCounted bounds those that are told apart while a table is read: a node
	// that many clients talk to has one for each of them.
	maxCounted = 1 << 16
)

// sourceCounts counts the entries of a connection tracking table by the address
// that opened them: the source of the original direction, before any
// translation, whatever the entry leads to. Left out are only the node's own
// conversations over loopback.
type sourceCounts struct {
	by map[netip.Addr]sourceCount
	// uncounted are entries of sources beyond maxCounted.
	uncounted uint64
}

type sourceCount struct{ tcp, udp uint32 }

func newSourceCounts() *sourceCounts { return &sourceCounts{by: make(map[netip.Addr]sourceCount)} }

func (c *sourceCounts) add(ip netip.Addr, protocol uint8) {
	if ip.IsLoopback() {
		return
	}
	n, known := c.by[ip]
	if !known && len(c.by) >= maxCounted {
		c.uncounted++
		return
	}
	if protocol == protocolUDP {
		n.udp++
	} else {
		n.tcp++
	}
	c.by[ip] = n
}

// list returns the largest sources, the largest first, and a sentence about
// the rest.
func (c *sourceCounts) list(local func(netip.Addr) bool) ([]wire.Source, error) {
	all := slices.Collect(maps.Keys(c.by))
	slices.SortFunc(all, func(a, b netip.Addr) int {
		x, y := c.by[a], c.by[b]
		return cmp.Or(cmp.Compare(uint64(y.tcp)+uint64(y.udp), uint64(x.tcp)+uint64(x.udp)), a.Compare(b))
	})
	out := make([]wire.Source, 0, min(len(all), maxSources))
	for _, ip := range all[:cap(out)] {
		n := c.by[ip]
		out = append(out, wire.Source{IP: ip, TCP: n.tcp, UDP: n.udp, Local: local(ip)})
	}
	switch {
	case c.uncounted > 0:
		return out, fmt.Errorf("connection tracking: more than %d addresses open connections: %d entries are of none that was counted, and only %d sources are told",
			maxCounted, c.uncounted, maxSources)
	case len(all) > maxSources:
		return out, fmt.Errorf("connection tracking: %d addresses open connections: only the %d with the most entries are told", len(all), maxSources)
	}
	return out, nil
}

// changedSources returns what to tell a controller that has told: nil when it
// is the same. No sources at all look on the wire as no change does, so then the
// first of those before is told as having nothing.
func changedSources(told, now []wire.Source) []wire.Source {
	if len(now) == 0 && len(told) > 0 {
		none := told[0]
		none.TCP, none.UDP = 0, 0
		now = []wire.Source{none}
	}
	if slices.Equal(told, now) {
		return nil
	}
	return now
}
