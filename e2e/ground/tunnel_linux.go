package ground

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// With Options.Tunnel the control plane lives beyond the gateway, at a public
// address, as a managed one does: the nodes reach it through their SNAT ports,
// and it reaches them through konnectivity, whose agents are pods.
const (
	// TunnelAddress is the public address of the control plane then.
	TunnelAddress = "20.50.2.1"
	// TunnelPort is where the agents connect to.
	TunnelPort = 8132
	// TunnelImage is the image of the agents.
	TunnelImage = "registry.k8s.io/kas-network-proxy/proxy-agent:v0.34.0"

	tunnelNeighbour = "20.50.2.2"
	tunnelVersion   = "v0.34.0"
)

// apiAddress is where the nodes find the API server.
func (g *Ground) apiAddress() string {
	if g.opts.Tunnel {
		return TunnelAddress
	}
	return APIAddress
}

// wireTunnel connects the control plane to the internet instead of to the
// nodes' network.
func (g *Ground) wireTunnel(ctx context.Context) error {
	cp, inet, gw := g.dirs.netns(nsControlPlane), g.dirs.netns(nsInternet), g.dirs.netns(nsGateway)
	steps := []struct {
		ns    netns
		batch string
	}{
		{inet, "link add cp0 type veth peer name eth0 netns " + cp.path + "\n" +
			"addr add " + tunnelNeighbour + "/30 dev cp0\nlink set cp0 up\n"},
		{cp, "addr add " + TunnelAddress + "/30 dev eth0\nlink set eth0 up\nroute add default via " + tunnelNeighbour + "\n"},
		{gw, "route add " + TunnelAddress + "/32 via " + transitInternet + "\n"},
	}
	for _, s := range steps {
		if _, err := s.ns.run(ctx, s.batch, "ip", "-batch", "-"); err != nil {
			return err
		}
	}
	return inet.sysctl(map[string]string{"net/ipv4/ip_forward": "1"})
}

func (g *Ground) tunnelSocket() string { return filepath.Join(g.dirs.root, "tunnel.sock") }

// writeEgressSelector makes the API server send everything that goes to the
// cluster through the tunnel, and returns the flags that say so.
func (g *Ground) writeEgressSelector() ([]string, error) {
	if !g.opts.Tunnel {
		return nil, nil
	}
	path := filepath.Join(g.dirs.root, "egress-selector.yaml")
	config := fmt.Sprintf(`apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: GRPC
    transport: {uds: {udsName: %q}}
`, g.tunnelSocket())
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		return nil, fmt.Errorf("writing the egress selector: %w", err)
	}
	return []string{"--egress-selector-config-file=" + path}, nil
}

// startTunnel starts the control plane's end of the tunnel.
func (g *Ground) startTunnel() error {
	if !g.opts.Tunnel {
		return nil
	}
	d, cp := g.dirs, g.dirs.netns(nsControlPlane)
	_, err := d.start(command{name: "proxy-server", ns: &cp, argv: []string{d.program("proxy-server"),
		"--mode=grpc", "--uds-name=" + g.tunnelSocket(), "--delete-existing-uds-file", "--server-port=0",
		"--agent-port=" + strconv.Itoa(TunnelPort), "--admin-port=8133", "--health-port=8134",
		"--cluster-cert=" + d.certificate("apiserver"), "--cluster-key=" + d.key("apiserver"),
		"--agent-namespace=kube-system", "--agent-service-account=konnectivity-agent",
		"--authentication-audience=system:konnectivity-server",
		"--kubeconfig=" + filepath.Join(d.pki(), "konnectivity-server.kubeconfig"), "--v=1"}})
	return err
}

// awaitTunnel starts the agents and waits until the API server reaches every
// node through them.
func (g *Ground) awaitTunnel(ctx context.Context) error {
	if !g.opts.Tunnel {
		return nil
	}
	manifest, err := Manifest("konnectivity", Values{"HOST": TunnelAddress, "PORT": strconv.Itoa(TunnelPort), "IMAGE": TunnelImage})
	if err != nil {
		return err
	}
	if err := g.Apply(ctx, manifest); err != nil {
		return err
	}
	client, err := g.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return poll(ctx, 60*time.Second, 200*time.Millisecond, func(ctx context.Context) error {
		for _, n := range g.nodes {
			url := fmt.Sprintf("https://127.0.0.1:%d/api/v1/nodes/%s/proxy/healthz", g.state.Port, n.Name)
			if _, err := get(ctx, client, url); err != nil {
				return fmt.Errorf("waiting for the tunnel to %s: %w", n.Name, err)
			}
		}
		return nil
	})
}

func (g *Ground) tunnelImage() (Image, error) {
	agent, err := os.ReadFile(g.dirs.program("proxy-agent"))
	if err != nil {
		return Image{}, fmt.Errorf("making the image of the tunnel's agent: %w", err)
	}
	return Image{
		Tags: []string{TunnelImage}, Entrypoint: []string{"/proxy-agent"}, Env: imageEnvironment,
		Files: []File{{Path: "proxy-agent", Mode: 0o755, Body: agent}},
	}, nil
}
