package snat

import "fmt"

// aks begins a command that changes an AKS cluster.
func (t CommandTarget) aks() string {
	return line("az aks update -g", word(t.Group, "RESOURCE_GROUP"), "-n", word(t.Name, "CLUSTER_NAME"))
}

// CommandPorts allocates ports to each node of an AKS cluster by hand. ips
// above 0 sets the number of managed outbound addresses in the same step.
//
// Source of the flags: AKS (azure-aks-docs).
func CommandPorts(t CommandTarget, ports, ips int) (Command, error) {
	if ports == 0 {
		return Command{}, fmt.Errorf("allocating 0 ports by hand: 0 stands for the default allocation")
	}
	if err := CheckPorts(ProviderAzureLB, ports); err != nil {
		return Command{}, err
	}
	if ips < 0 || ips > planMost {
		return Command{}, fmt.Errorf("%d outbound addresses: use 1 to %d", ips, planMost)
	}
	c := Command{
		Text:    fmt.Sprintf("Allocate %s to each node.", portsText(ports)),
		Line:    line(t.aks(), flag("--load-balancer-outbound-ports", ports)),
		Warning: checkPage,
	}
	if ips > 0 {
		c.Text = fmt.Sprintf("Allocate %s to each node, with %s.", portsText(ports), addressesText(ips))
		c.Line = line(c.Line, flag("--load-balancer-managed-outbound-ip-count", ips))
		c.Warning = ownAddresses + " " + checkPage
	}
	return c, nil
}

// ownAddresses keeps an operator from replacing addresses that others allow by
// name.
const ownAddresses = "For addresses that AKS manages: a cluster with addresses of its own names them with --load-balancer-outbound-ips or --load-balancer-outbound-ip-prefixes instead."

// CommandIdleTimeout sets after how many minutes a silent flow loses its port
// on an AKS cluster's load balancer.
func CommandIdleTimeout(t CommandTarget, minutes int) (Command, error) {
	if err := checkIdle(minutes); err != nil {
		return Command{}, err
	}
	return Command{
		Text:    fmt.Sprintf("Take a port back when its flow has been silent for %s.", counted(minutes, "minute", "minutes")),
		Line:    line(t.aks(), flag("--load-balancer-idle-timeout", minutes)),
		Warning: "A connection that is silent for longer loses its port and is reset. " + checkPage,
	}, nil
}

// CommandNATGateway moves an AKS cluster to a managed NAT gateway. minutes is
// its idle timeout; 0 leaves that out.
func CommandNATGateway(t CommandTarget, ips, minutes int) (Command, error) {
	if ips < 1 || ips > AzureNATMaxIPs {
		return Command{}, fmt.Errorf("%d addresses of a NAT gateway: use 1 to %d", ips, AzureNATMaxIPs)
	}
	c := Command{
		Text: fmt.Sprintf("Move to a managed NAT gateway with %s: %s, shared by all nodes on demand.", addressesText(ips), portsText(ips*AzureNATPortsPerIP)),
		Line: line(t.aks(), "--outbound-type managedNATGateway", flag("--nat-gateway-managed-outbound-ip-count", ips)),
		Warning: "The gateway becomes the subnet's way to the internet and has addresses of its own: whoever allows the old ones by name must allow the new ones. " +
			checkPage,
	}
	if minutes != 0 {
		if err := checkIdle(minutes); err != nil {
			return Command{}, err
		}
		c.Line = line(c.Line, flag("--nat-gateway-idle-timeout", minutes))
	}
	return c, nil
}

// CommandNATGatewayIPs sets the number of addresses of an AKS cluster's managed
// NAT gateway.
func CommandNATGatewayIPs(t CommandTarget, ips int) (Command, error) {
	if ips < 1 || ips > AzureNATMaxIPs {
		return Command{}, fmt.Errorf("%d addresses of a NAT gateway: use 1 to %d", ips, AzureNATMaxIPs)
	}
	return Command{
		Text:    fmt.Sprintf("Give the managed NAT gateway %s: %s, shared by all nodes on demand.", addressesText(ips), portsText(ips*AzureNATPortsPerIP)),
		Line:    line(t.aks(), flag("--nat-gateway-managed-outbound-ip-count", ips)),
		Warning: checkPage,
	}, nil
}

// CommandNATGatewayIdleTimeout sets the idle timeout of an AKS cluster's
// managed NAT gateway, in minutes.
func CommandNATGatewayIdleTimeout(t CommandTarget, minutes int) (Command, error) {
	if err := checkIdle(minutes); err != nil {
		return Command{}, err
	}
	return Command{
		Text:    fmt.Sprintf("Take a port back when its flow has been silent for %s.", counted(minutes, "minute", "minutes")),
		Line:    line(t.aks(), flag("--nat-gateway-idle-timeout", minutes)),
		Warning: "A connection that is silent for longer loses its port. " + checkPage,
	}, nil
}
