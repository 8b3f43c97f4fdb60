package snat

// PlanInput is what a plan starts from.
type PlanInput struct {
	// Provider is the outbound type. It must be named: there is no cluster.
	Provider Provider
	// Nodes is the number of nodes behind the addresses, and Surge how many
	// more an upgrade adds for a while.
	Nodes, Surge int
	// IPs is the number of outbound addresses.
	IPs int
	// Ports is what each node shall have; 0: the default allocation of the
	// provider, or its whole share where ports are taken on demand.
	Ports int
	// PortsPerIP replaces the ports of one address; 0: what the provider
	// documents. Google documents its figure where it was not read, so there it
	// is not known unless it is given here.
	PortsPerIP int
}

// Plan is what a number of nodes, addresses and ports per node comes to. A
// number that is not known, or was not asked for, is nil.
type Plan struct {
	Input PlanInput
	// Machines is what the ports must do for: nodes and surge.
	Machines int
	// PortsPerIP is what was counted for one address. For AWS it is the
	// connections to one destination.
	PortsPerIP *int
	// Wanted is the ports per node that the plan is held against: those that
	// were asked for, or else the default allocation.
	Wanted *int
	// Fits says whether all machines can have what is wanted.
	Fits *bool
	// Needed and Available are the ports that all machines take and that all
	// addresses offer.
	Needed, Available *int
	// Largest is the most ports per node that fit all machines; 0 is an answer.
	Largest *int
	// FewestIPs is the fewest addresses for what is wanted. It may be more than
	// MaxIPs.
	FewestIPs *int
	// MaxIPs is the most addresses that one gateway takes; nil where none is
	// documented.
	MaxIPs *int
	// MostNodes is the most nodes, surge besides, that can have what is wanted.
	MostNodes *int
	// Shared means that nothing is allocated to a node: all take from one pool.
	Shared bool
	// OneDestination is the tighter limit that holds when every node talks to
	// the same destination; nil where there is none.
	OneDestination *OneDestination
	// Default is the allocation that the provider makes by itself; nil where it
	// makes none or documents none for so many machines.
	Default *DefaultAllocation
}

// OneDestination is a limit on the connections to a single destination.
type OneDestination struct {
	// Available is what all addresses offer, and Largest what that is for each
	// machine.
	Available, Largest int
	// Fits says whether what is wanted may all go to one destination; nil when
	// nothing was asked for.
	Fits *bool
}

// DefaultAllocation is what a node gets while nobody sets a number, and from
// what size of the pool that drops.
type DefaultAllocation struct {
	// Ports is what a node has now, and WithSurge while the surge nodes are
	// there. nil: the documented table does not go that far.
	Ports, WithSurge *int
	// NextNodes is the first number of machines that leaves each node with
	// fewer ports than WithSurge, and NextPorts how many; nil: no such number
	// is documented.
	NextNodes, NextPorts *int
}

// PlanOf works a plan out, or says in terms of the flags what is wrong with
// its input.
func PlanOf(in PlanInput) (Plan, error) {
	if err := in.check(); err != nil {
		return Plan{}, err
	}
	p := Plan{
		Input: in, Machines: in.Nodes + in.Surge,
		Shared: in.Provider == ProviderAzureNATGW || in.Provider == ProviderAWSNATGW,
	}
	if most := in.Provider.maxIPs(); most < planMost {
		p.MaxIPs = new(most)
	}
	if in.PortsPerIP > 0 {
		p.PortsPerIP = new(in.PortsPerIP)
	} else if n := in.Provider.portsPerIP(); n > 0 {
		p.PortsPerIP = new(n)
	}
	lookUpDefault(&p)
	switch {
	case in.Ports > 0:
		p.Wanted = new(in.Ports)
	case p.Default != nil:
		p.Wanted = p.Default.WithSurge
	}
	calculate(&p)
	followDefault(&p)
	limitOneDestination(&p)
	return p, nil
}

// calculate answers ports × machines ≤ addresses × ports of one address.
//
// Source: AKS (azure-aks-docs), allocated outbound ports: 64000 × addresses /
// ports per node = most nodes, surge nodes included, in steps of 8.
func calculate(p *Plan) {
	if p.Wanted != nil {
		p.Needed = new(*p.Wanted * p.Machines)
	}
	if p.PortsPerIP == nil {
		return
	}
	each, in := *p.PortsPerIP, p.Input
	available := each * in.IPs
	p.Available = &available
	largest := available / p.Machines
	if most := in.Provider.portMost(); most > 0 {
		largest = min(largest, most)
	}
	p.Largest = new(largest - largest%in.Provider.portStep())
	switch {
	case p.Wanted != nil:
		p.Fits = new(*p.Needed <= available)
		p.FewestIPs = new((*p.Needed + each - 1) / each)
		p.MostNodes = new(max(available/(*p.Wanted)-in.Surge, 0))
	case p.Shared:
		// Nothing was asked for but a share: any is one.
		p.Fits = new(*p.Largest > 0)
	}
}

// lookUpDefault looks up what the provider allocates by itself.
func lookUpDefault(p *Plan) {
	in := p.Input
	switch in.Provider {
	case ProviderAzureLB:
		d := DefaultAllocation{Ports: known(AzureLBDefault(in.Nodes, in.IPs)), WithSurge: known(AzureLBDefault(p.Machines, in.IPs))}
		if d.Ports == nil {
			return
		}
		if d.WithSurge != nil {
			d.NextNodes, d.NextPorts = nextTier(p.Machines, in.IPs)
		}
		p.Default = &d
	case ProviderGCPNAT:
		p.Default = &DefaultAllocation{Ports: new(GCPNATStaticPorts), WithSurge: new(GCPNATStaticPorts)}
	default:
	}
}

// nextTier finds the smallest larger pool whose nodes get fewer ports.
func nextTier(pool, ips int) (nodes, ports *int) {
	now := AzureLBDefault(pool, ips)
	for n := pool + 1; n <= AzureLBDefaultPool; n++ {
		if got := AzureLBDefault(n, ips); got < now {
			return &n, &got
		}
	}
	return nil, nil
}

// followDefault mends the two answers that a default allocation changes: its
// ports follow the number of nodes and of addresses.
func followDefault(p *Plan) {
	in := p.Input
	if in.Provider != ProviderAzureLB || in.Ports > 0 || p.Wanted == nil {
		return
	}
	last := AzureLBDefaultPool
	if p.Default.NextNodes != nil {
		last = *p.Default.NextNodes - 1
	}
	p.MostNodes = new(max(min(*p.MostNodes, last-in.Surge), 0))
	for ips := *p.FewestIPs; ips <= in.IPs; ips++ {
		if AzureLBDefault(p.Machines, ips) >= *p.Wanted {
			p.FewestIPs = &ips
			return
		}
	}
}

// limitOneDestination adds Azure NAT gateway's limit per destination. AWS counts by
// destination to begin with.
func limitOneDestination(p *Plan) {
	if p.Input.Provider != ProviderAzureNATGW {
		return
	}
	o := OneDestination{Available: p.Input.IPs * AzureNATPerDestination}
	o.Largest = o.Available / p.Machines
	if p.Needed != nil {
		o.Fits = new(*p.Needed <= o.Available)
	}
	p.OneDestination = &o
}

// known takes 0 for not known.
func known(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}
