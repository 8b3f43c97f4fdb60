package ground

import (
	"context"
	"fmt"
	"strings"
)

// network makes the namespaces and wires them up:
//
//	cp ──┐
//	node1┼── bridge in lan ── gw ── inet
//	nodeN┘
//
// The bridge has a namespace of its own, so that the gateway's conntrack table
// sees only what is routed through it.
func (g *Ground) network(ctx context.Context) error {
	names := []string{nsLAN, nsControlPlane, nsGateway, nsInternet}
	for _, n := range g.nodes {
		names = append(names, n.Name)
	}
	for _, name := range names {
		ns, err := createNetns(g.dirs.netns(name).path)
		if err != nil {
			return err
		}
		if _, err := ns.run(ctx, "link set lo up\n", "ip", "-batch", "-"); err != nil {
			return fmt.Errorf("bringing the loopback of %s up: %w", name, err)
		}
	}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"the nodes' network", g.wireLAN},
		{"the gateway", g.wireGateway},
		{"the internet", g.wireInternet},
		{"the control plane", g.wireControlPlane},
		{"the nodes", g.wireNodes},
	}
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("wiring %s: %w", s.what, err)
		}
	}
	return nil
}

// plug is an end of a cable into the bridge: the namespace and its address.
type plug struct{ ns, port, address string }

func (g *Ground) plugs() []plug {
	plugs := []plug{{nsGateway, "p-gw", GatewayAddress}}
	if !g.opts.Tunnel {
		plugs = append(plugs, plug{nsControlPlane, "p-cp", APIAddress})
	}
	for _, n := range g.nodes {
		plugs = append(plugs, plug{n.Name, "p-" + n.Name, n.IP})
	}
	return plugs
}

func (g *Ground) wireLAN(ctx context.Context) error {
	var lan strings.Builder
	lan.WriteString("link add br0 type bridge forward_delay 0\nlink set br0 up\n")
	for _, p := range g.plugs() {
		fmt.Fprintf(&lan, "link add %s type veth peer name eth0 netns %s\n", p.port, g.dirs.netns(p.ns).path)
		fmt.Fprintf(&lan, "link set %s master br0 up\n", p.port)
	}
	if _, err := g.dirs.netns(nsLAN).run(ctx, lan.String(), "ip", "-batch", "-"); err != nil {
		return err
	}
	for _, p := range g.plugs() {
		batch := fmt.Sprintf("addr add %s/24 dev eth0\nlink set eth0 up\n", p.address)
		if _, err := g.dirs.netns(p.ns).run(ctx, batch, "ip", "-batch", "-"); err != nil {
			return err
		}
	}
	return g.dirs.netns(nsLAN).sysctl(map[string]string{"net/bridge/bridge-nf-call-iptables": "0"})
}

// podRoutes are routes to the pods of every node but one, as `ip -batch` lines.
func (g *Ground) podRoutes(except string) string {
	var b strings.Builder
	for _, n := range g.nodes {
		if n.Name != except {
			fmt.Fprintf(&b, "route add %s via %s\n", n.PodCIDR, n.IP)
		}
	}
	return b.String()
}

func (g *Ground) wireControlPlane(ctx context.Context) error {
	if g.opts.Tunnel {
		return g.wireTunnel(ctx)
	}
	_, err := g.dirs.netns(nsControlPlane).run(ctx, g.podRoutes(""), "ip", "-batch", "-")
	return err
}

func (g *Ground) wireGateway(ctx context.Context) error {
	gw, inet := g.dirs.netns(nsGateway), g.dirs.netns(nsInternet)
	batch := "link add wan0 type veth peer name eth0 netns " + inet.path + "\n" +
		"addr add " + transitGateway + "/30 dev wan0\n" +
		"addr add " + transitIPv6Gateway + "/64 dev wan0 nodad\n" +
		"addr add fd00:224::1/64 dev eth0 nodad\n" +
		"link set wan0 up\n" +
		"route add " + InternetNetwork + " via " + transitInternet + "\n" +
		"route add " + InternetIPv6 + "/128 via " + transitIPv6Internet + "\n"
	if _, err := gw.run(ctx, batch, "ip", "-batch", "-"); err != nil {
		return err
	}
	return g.configureGateway(ctx)
}

func (g *Ground) wireInternet(ctx context.Context) error {
	inet := g.dirs.netns(nsInternet)
	var batch strings.Builder
	fmt.Fprintf(&batch, "addr add %s/30 dev eth0\n", transitInternet)
	fmt.Fprintf(&batch, "addr add %s/64 dev eth0 nodad\n", transitIPv6Internet)
	batch.WriteString("link set eth0 up\n")
	fmt.Fprintf(&batch, "route add %s/32 via %s\n", PublicAddress, transitGateway)
	fmt.Fprintf(&batch, "route add %s/128 via %s\n", publicAddressIPv6, transitIPv6Gateway)
	for i := 1; i <= destinations; i++ {
		fmt.Fprintf(&batch, "addr add %s/32 dev lo\n", Destination(i))
	}
	fmt.Fprintf(&batch, "addr add %s/128 dev lo nodad\n", InternetIPv6)
	if _, err := inet.run(ctx, batch.String(), "ip", "-batch", "-"); err != nil {
		return err
	}
	// Port 81 is a dead destination: it neither answers nor refuses.
	rules := "*filter\n-A INPUT -i eth0 -p tcp --dport 81 -j DROP\nCOMMIT\n"
	for _, restore := range []string{"iptables-restore", "ip6tables-restore"} {
		if _, err := inet.run(ctx, rules, restore); err != nil {
			return err
		}
	}
	return inet.sysctl(map[string]string{
		"net/ipv4/tcp_max_syn_backlog": "8192",
		"net/core/somaxconn":           "8192",
	})
}

func (g *Ground) wireNodes(ctx context.Context) error {
	for _, n := range g.nodes {
		ns := g.dirs.nodeNetns(n)
		batch := fmt.Sprintf("addr add %s/64 dev eth0 nodad\n", n.ipv6()) +
			"route add default via " + GatewayAddress + "\n" +
			"route add ::/0 via fd00:224::1\n" +
			g.podRoutes(n.Name)
		if _, err := ns.run(ctx, batch, "ip", "-batch", "-"); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		if err := ns.sysctl(map[string]string{
			"net/ipv4/ip_forward":                "1",
			"net/ipv6/conf/all/forwarding":       "1",
			"net/ipv4/conf/all/rp_filter":        "0",
			"net/ipv4/conf/default/rp_filter":    "0",
			"net/bridge/bridge-nf-call-iptables": "1",
		}); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		// Pods leave the cluster with their node's address; among pods, nodes
		// and services they keep their own.
		rules := "*nat\n:SNATTOP-MASQUERADE - [0:0]\n" +
			"-A POSTROUTING -s " + n.PodCIDR + " -m comment --comment \"pods leaving the cluster\" -j SNATTOP-MASQUERADE\n" +
			"-A SNATTOP-MASQUERADE -d " + PodNetwork + " -j RETURN\n" +
			"-A SNATTOP-MASQUERADE -d " + NodeNetwork + " -j RETURN\n" +
			"-A SNATTOP-MASQUERADE -d " + ServiceNetwork + " -j RETURN\n" +
			"-A SNATTOP-MASQUERADE -j MASQUERADE\nCOMMIT\n"
		if _, err := ns.run(ctx, rules, "iptables-restore"); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}
