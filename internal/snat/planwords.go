package snat

import "fmt"

// Summary is the answer in one sentence.
func (p Plan) Summary() string {
	in := p.Input
	switch {
	case p.Fits == nil && p.PortsPerIP == nil:
		return fmt.Sprintf("Cannot tell: %s, and the ports of one Cloud NAT address are not known. Give them with --ports-per-ip.", p.need())
	case p.Fits == nil:
		return fmt.Sprintf("Cannot tell: the documented default allocation ends at %s, and these are %s. Give the ports of a node with --snat-ports.",
			nodesText(AzureLBDefaultPool), grouped(p.Machines))
	case p.Wanted == nil && *p.Fits:
		return fmt.Sprintf("%s are shared by %s: %s each if all take as many.", p.pool(), p.machines(), grouped(*p.Largest))
	case p.Wanted == nil:
		return fmt.Sprintf("%s are too few to be shared by %s.", p.pool(), p.machines())
	case *p.Fits:
		return fmt.Sprintf("Fits: %s, and %s %s.", p.need(), addressesText(in.IPs), p.offer())
	default:
		return fmt.Sprintf("Does not fit: %s, but %s %s.", p.need(), addressesText(in.IPs), p.offer())
	}
}

// need is what the machines take: "2,048 ports for each of 27 nodes (3 of them
// surge) take 55,296".
func (p Plan) need() string {
	text := fmt.Sprintf("%s for each of %s take %s", portsText(*p.Wanted), p.machines(), grouped(*p.Needed))
	if p.Machines == 1 {
		text = fmt.Sprintf("%s for 1 node take %s", portsText(*p.Wanted), grouped(*p.Needed))
	}
	return text
}

func (p Plan) machines() string {
	if p.Input.Surge == 0 {
		return nodesText(p.Machines)
	}
	return fmt.Sprintf("%s (%s of them surge)", nodesText(p.Machines), grouped(p.Input.Surge))
}

func (p Plan) offer() string {
	verb := "offer"
	if p.Input.IPs == 1 {
		verb = "offers"
	}
	text := fmt.Sprintf("%s %s", verb, grouped(*p.Available))
	if p.Input.Provider == ProviderAWSNATGW {
		text += " to one destination"
	}
	return text
}

func (p Plan) pool() string {
	text := portsText(*p.Available)
	if p.Input.Provider == ProviderAWSNATGW {
		text += " to one destination"
	}
	return text
}

// Notes are what the summary leaves out: assumptions, what changes with the
// size of the pool, limits.
func (p Plan) Notes() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	in := p.Input
	if in.Surge == 0 {
		add("No surge nodes are counted. An upgrade adds nodes for a while, and they take ports as well: give their number with --surge.")
	}
	switch in.Provider {
	case ProviderAzureLB:
		p.azureLBNotes(add)
	case ProviderAzureNATGW:
		add("Ports are taken on demand: a node may use more than its share while others use less.")
		if o := p.OneDestination; o.Fits != nil && !*o.Fits && *p.Fits {
			add("If all of them go to one destination they do not fit: there the addresses allow %s connections, %s for each node.", grouped(o.Available), grouped(o.Largest))
		} else {
			add("To one destination the addresses allow %s connections, %s for each node.", grouped(o.Available), grouped(o.Largest))
		}
	case ProviderGCPNAT:
		if in.Ports == 0 {
			add("Counted with %d ports a node, Cloud NAT's default for static allocation.", GCPNATStaticPorts)
		}
		add("With dynamic allocation a node has %d ports at least by default, and more on demand.", GCPNATDynamicPorts)
		if p.PortsPerIP == nil {
			add("How many ports one address has is in Google's Cloud NAT documentation; snattop has no figure of its own for it.")
		}
	case ProviderAWSNATGW:
		add("Counted as if every node talks to the same destination: each address allows %s connections to one.", grouped(AWSNATPerDestination))
	default:
	}
	if p.FewestIPs != nil && p.MaxIPs != nil && *p.FewestIPs > *p.MaxIPs {
		add("One gateway has %d addresses at most: %s need more than one gateway.", *p.MaxIPs, addressesText(*p.FewestIPs))
	}
	return out
}

func (p Plan) azureLBNotes(add func(string, ...any)) {
	if p.Input.Ports > 0 {
		add("Allocated by hand, more addresses do not raise the ports of a node: they make room for more nodes.")
	}
	if d := p.Default; d != nil && p.Input.Ports == 0 {
		if d.WithSurge != nil && *d.WithSurge < *d.Ports {
			add("An upgrade leaves each node with %s instead of %s: the surge nodes take the pool across a tier of the default allocation.", portsText(*d.WithSurge), grouped(*d.Ports))
		}
		if d.NextNodes != nil {
			change := "leave each node with " + portsText(*d.NextPorts)
			if *d.NextPorts*2 == *d.WithSurge {
				change = "halve it to " + grouped(*d.NextPorts)
			}
			add("%s %s; flows on ports that are taken back time out. Allocated by hand, the number stays.", nodesText(*d.NextNodes), change)
		}
	}
	if p.Input.PortsPerIP == 0 {
		add("Each inbound rule on an outbound address takes %d of its ports: where there are some, give what is left with --ports-per-ip.", AzureLBStep)
	}
}
