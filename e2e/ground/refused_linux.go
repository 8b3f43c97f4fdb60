package ground

import (
	"context"
	"fmt"
	"strings"
)

// countAttempts makes the kernel count each node's SYNs twice: on their way to
// the translation, and where they arrive beyond it. The difference was refused
// a port.
//
// The second count is taken on the other side of the wire because the packet
// is dropped at the very end of the gateway's stack, when its connection is
// confirmed and its tuple turns out to be taken: no rule comes after that. The
// source port tells the node there: each has a slot of its own, of which its
// block is a part.
func (g *Ground) countAttempts(ctx context.Context) error {
	var before, after strings.Builder
	before.WriteString("*mangle\n:POSTROUTING ACCEPT [0:0]\n")
	after.WriteString("*raw\n:PREROUTING ACCEPT [0:0]\n")
	for _, n := range g.nodes {
		slot, err := blockFor(n.index, len(g.nodes), MaxBlock(len(g.nodes)))
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		fmt.Fprintf(&before, "-A POSTROUTING -s %s -o wan0 -p tcp --syn -m comment --comment %s\n", n.IP, n.Name)
		fmt.Fprintf(&after, "-A PREROUTING -s %s -p tcp --syn --sport %d:%d -m comment --comment %s\n",
			PublicAddress, slot.First, slot.Last, n.Name)
	}
	before.WriteString("COMMIT\n")
	after.WriteString("COMMIT\n")
	if _, err := g.dirs.netns(nsGateway).run(ctx, before.String(), "iptables-restore"); err != nil {
		return fmt.Errorf("counting attempts at the gateway: %w", err)
	}
	if _, err := g.dirs.netns(nsInternet).run(ctx, after.String(), "iptables-restore"); err != nil {
		return fmt.Errorf("counting attempts beyond the gateway: %w", err)
	}
	return nil
}

// attempts fills in what countAttempts counted. Before is read first: a SYN
// between the two readings is then taken for passed, never for refused.
func (g *Ground) attempts(ctx context.Context, nodes []NodeTruth) error {
	read := func(ns, table string) (map[string]int, error) {
		out, err := g.dirs.netns(ns).run(ctx, "", "iptables-save", "-c", "-t", table)
		if err != nil {
			return nil, fmt.Errorf("reading the counters of attempts: %w", err)
		}
		return parseCounters(strings.NewReader(out))
	}
	before, err := read(nsGateway, "mangle")
	if err != nil {
		return err
	}
	after, err := read(nsInternet, "raw")
	if err != nil {
		return err
	}
	for i := range nodes {
		n := &nodes[i]
		n.Passed = after[n.Name]
		n.Refused = max(0, before[n.Name]-n.Passed)
	}
	return nil
}
