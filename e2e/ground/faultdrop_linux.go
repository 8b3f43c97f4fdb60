package ground

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
)

// Lift takes a fault back. It is safe to call it twice.
type Lift func(context.Context) error

// DropTowards makes a firewall of the gateway: packets of a node towards one
// destination are dropped before they are tracked or translated, so that they
// take no port. protocol is "tcp" or "udp".
func (g *Ground) DropTowards(ctx context.Context, node, protocol string, destination netip.AddrPort) (Lift, error) {
	n, err := g.nodeNamed(node)
	if err != nil {
		return nil, err
	}
	gw := g.dirs.netns(nsGateway)
	rule := []string{"PREROUTING", "-s", n.IP, "-d", destination.Addr().String(), "-p", protocol,
		"--dport", strconv.Itoa(int(destination.Port())), "-j", "DROP"}
	if _, err := gw.run(ctx, "", append([]string{"iptables", "-w", "-t", "raw", "-A"}, rule...)...); err != nil {
		return nil, fmt.Errorf("closing the gateway towards %s: %w", destination, err)
	}
	lifted := false
	return func(ctx context.Context) error {
		if lifted {
			return nil
		}
		if _, err := gw.run(ctx, "", append([]string{"iptables", "-w", "-t", "raw", "-D"}, rule...)...); err != nil {
			return fmt.Errorf("opening the gateway towards %s: %w", destination, err)
		}
		lifted = true
		return nil
	}, nil
}

// LiftDrops opens the gateway again towards everything, whoever closed it.
func (g *Ground) LiftDrops(ctx context.Context) error {
	if _, err := g.dirs.netns(nsGateway).run(ctx, "", "iptables", "-w", "-t", "raw", "-F", "PREROUTING"); err != nil {
		return fmt.Errorf("opening the gateway: %w", err)
	}
	return nil
}

func (g *Ground) nodeNamed(name string) (Node, error) {
	for _, n := range g.nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return Node{}, fmt.Errorf("there is no node %q", name)
}
