package snat

import "fmt"

// Commands are the commands that set what a plan comes to, the simplest first:
// what was asked for when it fits, else the ways to make it fit. A plan that
// cannot tell has none.
func (p Plan) Commands(t CommandTarget) []Command {
	var out []Command
	add := func(c Command, err error) {
		// What a plan computes may be beyond what a command can set, such as 20
		// addresses of a gateway that takes 16: such a way is left out.
		if err == nil {
			out = append(out, c)
		}
	}
	if p.Fits == nil {
		return nil
	}
	switch p.Input.Provider {
	case ProviderAzureLB:
		p.azureLBCommands(t, add)
	case ProviderAzureNATGW:
		switch {
		case *p.Fits:
			add(CommandNATGateway(t, p.Input.IPs, 0))
		case p.FewestIPs != nil:
			add(CommandNATGateway(t, *p.FewestIPs, 0))
		}
	case ProviderGCPNAT:
		p.googleCommands(t, add)
	case ProviderAWSNATGW:
		switch {
		case *p.Fits && p.Input.IPs > 1:
			add(CommandAWSAddresses(t, p.Input.IPs-1))
		case !*p.Fits && p.FewestIPs != nil && *p.FewestIPs <= AWSNATMaxIPs:
			add(CommandAWSAddresses(t, *p.FewestIPs-p.Input.IPs))
		}
	default:
	}
	return out
}

func (p Plan) azureLBCommands(t CommandTarget, add func(Command, error)) {
	in := p.Input
	// The number of addresses is part of a command only where one does not do:
	// it would replace addresses that a cluster brought along.
	ips := 0
	if in.IPs > 1 {
		ips = in.IPs
	}
	switch {
	case *p.Fits && in.Ports > 0:
		if *p.FewestIPs == 1 {
			ips = 0
		}
		add(CommandPorts(t, in.Ports, ips))
	case *p.Fits:
		c, err := CommandPorts(t, *p.Largest, ips)
		c.Text += fmt.Sprintf(" It is the most that %s can have, stays when the pool grows, and leaves no room for more.", nodesText(p.Machines))
		add(c, err)
	default:
		add(CommandPorts(t, *p.Wanted, *p.FewestIPs))
		if *p.Largest > 0 {
			add(CommandPorts(t, *p.Largest, ips))
		}
		add(CommandNATGateway(t, (*p.Needed+AzureNATPortsPerIP-1)/AzureNATPortsPerIP, 0))
	}
}

func (p Plan) googleCommands(t CommandTarget, add func(Command, error)) {
	if *p.Fits {
		add(CommandCloudNATPorts(t, *p.Wanted))
		return
	}
	if *p.Largest > 0 {
		add(CommandCloudNATPorts(t, *p.Largest))
	}
	add(CommandCloudNATDynamic(t, GCPNATDynamicPorts, *p.Wanted))
}
