package snat

import "fmt"

// BudgetFacts is what is known of the ports that a node is granted. Zero means
// not known; a number that no provider grants counts as not known.
type BudgetFacts struct {
	// Provider is the outbound type: the one that was read, named or guessed.
	Provider Provider
	// Measured is what is allocated to this node, as the cloud measures it.
	Measured int
	// Flag is what --snat-ports says.
	Flag int
	// Read says that Provider, PerNode, IPs and Pool come from the cluster's own
	// resource. Without it Provider is a guess and Pool what the cluster lists.
	Read bool
	// PerNode is what is allocated by hand to each node; 0: by the size of the
	// pool.
	PerNode int
	// Dynamic means that Google Cloud NAT grants ports on demand. PerNode is
	// then the most that a node may get.
	Dynamic bool
	// IPs is the number of outbound addresses.
	IPs int
	// Pool is the number of machines behind them.
	Pool int
}

// BudgetOf works out a node's budget. The first of these that is known counts:
// what the cloud measures; the documented arithmetic on the cluster's own
// resource; the flag; the documented default of the provider that the nodes
// point to. Else it is unknown, because a pressure that was invented is worse
// than none.
func BudgetOf(f BudgetFacts) Budget {
	f.Measured, f.Flag = believed(f.Measured), believed(f.Flag)
	granted := grantedBy(f)
	switch {
	case f.Measured > 0:
		return Budget{Ports: f.Measured, Source: BudgetMeasured, Note: measuredNote(f, granted)}
	case f.Read && granted.Known():
		if f.Flag > 0 && f.Flag != granted.Ports {
			granted.Note = fmt.Sprintf("%s; --snat-ports says %s", granted.Note, grouped(f.Flag))
		}
		return granted
	case f.Flag > 0:
		return Budget{Ports: f.Flag, Source: BudgetFlag, Note: flagNote(f)}
	default:
		return granted
	}
}

// believed takes a number of ports that no provider can grant for none.
func believed(ports int) int {
	if ports < 0 || ports > mostPorts {
		return 0
	}
	return ports
}

func measuredNote(f BudgetFacts, granted Budget) string {
	flag := f.Flag > 0 && f.Flag != f.Measured
	// A pool that all nodes share is no figure to hold one node's against.
	profile := f.Read && granted.Known() && !granted.Shared && granted.Ports != f.Measured
	switch allocates := "the cloud allocates " + grouped(f.Measured); {
	case flag && profile:
		return fmt.Sprintf("--snat-ports says %s and the cluster's profile comes to %s, %s", grouped(f.Flag), grouped(granted.Ports), allocates)
	case flag:
		return fmt.Sprintf("--snat-ports says %s, %s", grouped(f.Flag), allocates)
	case profile:
		return fmt.Sprintf("the cluster's profile comes to %s, %s", grouped(granted.Ports), allocates)
	default:
		return fmt.Sprintf("%s: allocated to this node, as the cloud measures it", portsText(f.Measured))
	}
}

func flagNote(f BudgetFacts) string {
	note := fmt.Sprintf("%s: --snat-ports says so", portsText(f.Flag))
	if CheckPorts(f.Provider, f.Flag) != nil {
		note += fmt.Sprintf(", but Azure allocates multiples of %d up to %s", AzureLBStep, grouped(AzureLBMaxPorts))
	}
	return note
}

// grantedBy is what the provider's documents make of the facts, without the
// measurement and the flag. Its source is BudgetTable or BudgetUnknown.
func grantedBy(f BudgetFacts) Budget {
	switch f.Provider {
	case ProviderAzureLB:
		return grantedByAzureLB(f)
	case ProviderAzureNATGW:
		return grantedByAzureNAT(f)
	case ProviderGCPNAT:
		return grantedByGoogle(f)
	case ProviderAWSNATGW:
		return grantedByAWS(f)
	case ProviderAuto, ProviderUnknown:
	}
	return notKnown("what translates addresses is not known: name it with --provider, or the ports of a node with --snat-ports")
}

func notKnown(note string) Budget { return Budget{Source: BudgetUnknown, Note: note} }

func grantedByAzureLB(f BudgetFacts) Budget {
	switch {
	case f.PerNode > AzureLBMaxPorts || f.PerNode < 0:
		return notKnown(fmt.Sprintf("the cluster's profile allocates %s ports to a node, Azure's limit is %s: give the real figure with --snat-ports", grouped(f.PerNode), grouped(AzureLBMaxPorts)))
	case f.PerNode > 0:
		b := Budget{Ports: f.PerNode, Source: BudgetTable, Note: portsText(f.PerNode) + ": allocated by hand to each node"}
		if f.IPs <= 0 || f.IPs > planMost || f.Pool > planMost {
			return b
		}
		if need, have := f.PerNode*f.Pool, AzureLBPortsPerIP*f.IPs; need > have {
			b.Note += fmt.Sprintf(", but %s take %s of the %s on %s", nodesText(f.Pool), grouped(need), grouped(have), addressesText(f.IPs))
		}
		return b
	case f.Pool <= 0:
		return notKnown("the size of the backend pool is not known: give the ports of a node with --snat-ports")
	case f.Pool > AzureLBDefaultPool:
		return notKnown(fmt.Sprintf("the documented default allocation ends at %s, the pool has %s: give the ports of a node with --snat-ports", nodesText(AzureLBDefaultPool), grouped(f.Pool)))
	}
	note := "pool of " + nodesText(f.Pool)
	if f.IPs > 1 {
		note += ", " + addressesText(f.IPs)
	}
	note += ", default allocation"
	ports := AzureLBDefault(f.Pool, max(f.IPs, 1))
	switch {
	case !f.Read:
		note += " assumed"
	case f.IPs <= 0 && ports < AzureLBDefaultMost:
		// With more addresses it would be more.
		note += ", one address assumed"
	}
	return Budget{Ports: ports, Source: BudgetTable, Note: portsText(ports) + ": " + note}
}

func grantedByAzureNAT(f BudgetFacts) Budget {
	switch {
	case f.IPs <= 0:
		return notKnown(fmt.Sprintf("the number of the NAT gateway's addresses is not known; each has %s ports, shared by all nodes", grouped(AzureNATPortsPerIP)))
	case f.IPs > AzureNATMaxIPs:
		return notKnown(fmt.Sprintf("%s are more than the %d of a NAT gateway: give the ports of a node with --snat-ports", addressesText(f.IPs), AzureNATMaxIPs))
	}
	ports := f.IPs * AzureNATPortsPerIP
	return Budget{
		Ports: ports, Source: BudgetTable, Shared: true, PerDestination: f.IPs * AzureNATPerDestination,
		Note: fmt.Sprintf("%s: a NAT gateway with %s, shared by all nodes on demand", portsText(ports), addressesText(f.IPs)),
	}
}

func grantedByGoogle(f BudgetFacts) Budget {
	switch {
	case f.PerNode < 0 || f.PerNode > mostPorts:
		return notKnown("the gateway's ports per node cannot be right: give the real figure with --snat-ports")
	case f.PerNode > 0 && f.Dynamic:
		return Budget{Ports: f.PerNode, Source: BudgetTable, Note: portsText(f.PerNode) + ": the most that Cloud NAT grants a node on demand"}
	case f.PerNode > 0:
		return Budget{Ports: f.PerNode, Source: BudgetTable, Note: portsText(f.PerNode) + ": Cloud NAT's minimum per node, as set by hand"}
	case f.Read && f.Dynamic:
		// The minimum is no budget: a node that needs more gets more.
		return notKnown(fmt.Sprintf("Cloud NAT grants %d ports at least and more on demand; the most is not known", GCPNATDynamicPorts))
	case f.Read && f.IPs > 0:
		// Addresses come from the gateway itself, so no ports per node there
		// means that nobody set any. A resource without them told nothing of it.
		return Budget{Ports: GCPNATStaticPorts, Source: BudgetTable, Note: portsText(GCPNATStaticPorts) + ": Cloud NAT's default for static allocation"}
	default:
		return notKnown(fmt.Sprintf("what Cloud NAT is set to is not known; its defaults are %d ports a node, or %d and more on demand: give --snat-ports", GCPNATStaticPorts, GCPNATDynamicPorts))
	}
}

func grantedByAWS(f BudgetFacts) Budget {
	switch {
	case f.IPs <= 0:
		return notKnown(fmt.Sprintf("the number of the NAT gateway's addresses is not known; each has %s ports to a destination, shared by what is behind it", grouped(AWSNATPerDestination)))
	case f.IPs > AWSNATMaxIPs:
		return notKnown(fmt.Sprintf("%s are more than the %d of a NAT gateway: give the ports of a node with --snat-ports", addressesText(f.IPs), AWSNATMaxIPs))
	}
	ports := f.IPs * AWSNATPerDestination
	return Budget{
		Ports: ports, Source: BudgetTable, Shared: true, PerDestination: ports,
		Note: fmt.Sprintf("%s to a destination: a NAT gateway with %s, shared by what is behind it", portsText(ports), addressesText(f.IPs)),
	}
}
