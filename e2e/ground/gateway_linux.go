package ground

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// configureGateway makes the gateway a router that translates.
func (g *Ground) configureGateway(ctx context.Context) error {
	gw := g.dirs.netns(nsGateway)
	if err := gw.sysctl(map[string]string{
		"net/ipv4/ip_forward":             "1",
		"net/ipv6/conf/all/forwarding":    "1",
		"net/ipv4/conf/all/rp_filter":     "0",
		"net/ipv4/conf/default/rp_filter": "0",
	}); err != nil {
		return err
	}
	if err := gw.sysctl(g.opts.holds().settings()); err != nil {
		return err
	}
	if err := g.translate(ctx); err != nil {
		return err
	}
	if err := g.countAttempts(ctx); err != nil {
		return err
	}
	rules := "*nat\n-A POSTROUTING -o wan0 -j SNAT --to-source " + publicAddressIPv6 + "\nCOMMIT\n"
	_, err := gw.run(ctx, rules, "ip6tables-restore")
	return err
}

// startGateway starts the gateway's one process, which see KeepHolds.
func (g *Ground) startGateway() error {
	gw := g.dirs.netns(nsGateway)
	_, err := g.dirs.start(command{name: "holds", ns: &gw, argv: []string{g.dirs.program("ground"), "holds"}, env: []string{"GOMAXPROCS=1"}})
	return err
}

// translate writes the gateway's nat table: for each node and protocol one
// fixed block of ports. iptables-restore replaces the table in one go.
func (g *Ground) translate(ctx context.Context) error {
	var rules strings.Builder
	rules.WriteString("*nat\n:POSTROUTING ACCEPT [0:0]\n")
	for _, n := range g.nodes {
		block, err := blockFor(n.index, len(g.nodes), g.ports(n.Name))
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		for _, protocol := range []string{"tcp", "udp"} {
			fmt.Fprintf(&rules, "-A POSTROUTING -s %s -o wan0 -p %s -j SNAT --to-source %s:%s\n", n.IP, protocol, PublicAddress, block)
		}
	}
	fmt.Fprintf(&rules, "-A POSTROUTING -o wan0 -j SNAT --to-source %s\nCOMMIT\n", PublicAddress)
	if _, err := g.dirs.netns(nsGateway).run(ctx, rules.String(), "iptables-restore"); err != nil {
		return fmt.Errorf("writing the gateway's rules: %w", err)
	}
	return nil
}

// Block is the block of ports a node is granted now.
func (g *Ground) Block(node string) (Block, error) {
	for _, n := range g.nodes {
		if n.Name == node {
			return blockFor(n.index, len(g.nodes), g.ports(node))
		}
	}
	return Block{}, fmt.Errorf("there is no node %q", node)
}

// SetBlock grants a node a block of another size. Flows that are open keep the
// port they have, as long as it lies in the new block; the others are cut off,
// as when a balancer reclaims ports.
func (g *Ground) SetBlock(ctx context.Context, node string, ports int) error {
	if err := g.reload(); err != nil {
		return err
	}
	old, err := g.Block(node)
	if err != nil {
		return err
	}
	g.setPorts(node, ports)
	if err := g.translate(ctx); err != nil {
		g.setPorts(node, old.Size())
		return err
	}
	if err := g.save(); err != nil {
		return err
	}
	if ports >= old.Size() {
		return nil
	}
	return g.reclaim(ctx, node)
}

// reclaim forgets the flows of a node whose port is not in its block any more.
func (g *Ground) reclaim(ctx context.Context, node string) error {
	block, err := g.Block(node)
	if err != nil {
		return err
	}
	var ip string
	for _, n := range g.nodes {
		if n.Name == node {
			ip = n.IP
		}
	}
	flows, err := g.flows(ctx)
	if err != nil {
		return err
	}
	gw := g.dirs.netns(nsGateway)
	for _, f := range flows {
		if f.src.String() != ip || !f.natted || block.Contains(int(f.natPort)) {
			continue
		}
		_, err := gw.run(ctx, "", "conntrack", "-D", "-s", ip, "-p", f.protocol,
			"--reply-port-dst", strconv.Itoa(int(f.natPort)))
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("reclaiming ports of %s: %w", node, err)
		}
	}
	return nil
}

// ResetGateway forgets every flow at the gateway, as after a failover: open
// connections through it hang.
func (g *Ground) ResetGateway(ctx context.Context) error {
	_, err := g.dirs.netns(nsGateway).run(ctx, "", "conntrack", "-F")
	return err
}

func (g *Ground) list(ctx context.Context) (string, error) {
	listing, err := g.dirs.netns(nsGateway).run(ctx, "", "conntrack", "-L", "-o", "extended")
	if err != nil {
		return "", fmt.Errorf("listing the gateway's flows: %w", err)
	}
	return listing, nil
}

func (g *Ground) flows(ctx context.Context) ([]flow, error) {
	listing, err := g.list(ctx)
	if err != nil {
		return nil, err
	}
	var flows []flow
	for line := range strings.Lines(listing) {
		f, ok, err := parseFlow(line)
		if err != nil {
			return nil, err
		}
		if ok {
			flows = append(flows, f)
		}
	}
	return flows, nil
}

// Truth reads the gateway's conntrack table: which ports each node holds, and
// towards which destinations.
func (g *Ground) Truth(ctx context.Context) (Truth, error) {
	if err := g.reload(); err != nil {
		return Truth{}, err
	}
	truth := Truth{At: time.Now()}
	for _, n := range g.nodes {
		block, err := g.Block(n.Name)
		if err != nil {
			return Truth{}, err
		}
		truth.Nodes = append(truth.Nodes, NodeTruth{Name: n.Name, IP: n.IP, Block: block})
	}
	listing, err := g.list(ctx)
	if err != nil {
		return Truth{}, err
	}
	entries, err := countFlows(strings.NewReader(listing), truth.Nodes)
	if err != nil {
		return Truth{}, err
	}
	counters, err := g.dirs.netns(nsGateway).run(ctx, "", "conntrack", "-S")
	if err != nil {
		return Truth{}, fmt.Errorf("reading the gateway's counters: %w", err)
	}
	if truth.Stats, err = parseStats(strings.NewReader(counters)); err != nil {
		return Truth{}, err
	}
	truth.Stats.Entries = entries
	return truth, g.attempts(ctx, truth.Nodes)
}

// WaitTruth polls the truth until it satisfies a condition; the condition's
// error says what is missing.
func (g *Ground) WaitTruth(ctx context.Context, limit time.Duration, ok func(Truth) error) (Truth, error) {
	var last Truth
	err := poll(ctx, limit, 250*time.Millisecond, func(ctx context.Context) error {
		truth, err := g.Truth(ctx)
		if err != nil {
			return err
		}
		last = truth
		return ok(truth)
	})
	if err != nil {
		return last, errors.Join(errors.New("waiting for the gateway"), err)
	}
	return last, nil
}
