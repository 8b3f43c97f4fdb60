package snat

// What providers document about the ports that they grant. Each figure names
// whose documentation it was read in; one that was not read has no constant.
const (
	// AzureLBPortsPerIP is the number of ports of one frontend address. Each
	// inbound rule on the address takes AzureLBStep of them.
	//
	// Source: Azure Load Balancer (azure-docs, load-balancer): ports per
	// frontend address, blocks of 8 for inbound and load balancing rules.
	AzureLBPortsPerIP = 64_000
	// AzureLBMaxPorts is the most ports that can be allocated to a node by
	// hand, and AzureLBStep what their number must be a multiple of.
	//
	// Source: AKS (azure-aks-docs): allocated outbound ports.
	AzureLBMaxPorts = 64_000
	AzureLBStep     = 8
	// AzureLBDefaultMost is the most that the default allocation grants, with
	// however many frontends, and AzureLBDefaultPool the largest backend pool
	// that its table names.
	//
	// Source: Azure Load Balancer, "SNAT ports allocation": min(table ×
	// frontends, 1024), and the last row of the table.
	AzureLBDefaultMost = 1024
	AzureLBDefaultPool = 1000

	// AzureNATPortsPerIP is the number of ports of one address, which all that
	// is behind the gateway takes on demand; AzureNATMaxIPs is the most
	// addresses of a gateway.
	//
	// Source: Azure NAT gateway (azure-docs, nat-gateway).
	AzureNATPortsPerIP = 64_512
	AzureNATMaxIPs     = 16
	// AzureNATPerDestination is the most connections to one destination for
	// each address of a gateway.
	//
	// Source: Azure NAT gateway (azure-docs, nat-gateway).
	AzureNATPerDestination = 50_000

	// GCPNATStaticPorts and GCPNATDynamicPorts are the minimum ports per
	// machine that hold while nobody sets others, for static and for dynamic
	// allocation.
	//
	// Source: Google Cloud NAT's documentation, minimum ports per VM.
	GCPNATStaticPorts  = 64
	GCPNATDynamicPorts = 32

	// AWSNATPerDestination is the number of connections to one destination
	// (protocol, address, port) for each address of a gateway; AWSNATMaxIPs is
	// the most addresses of a gateway.
	//
	// Source: AWS NAT gateway's documentation.
	AWSNATPerDestination = 55_000
	AWSNATMaxIPs         = 8
)

// portsOf16Bits is the number of values that a port has (RFC 9293, section
// 3.1): no address has more of them, whatever translates it.
const portsOf16Bits = 1 << 16

// mostPorts bounds what is believed of one node: all ports of the largest
// gateway that a provider documents.
const mostPorts = AzureNATMaxIPs * AzureNATPortsPerIP

// AzureLBDefaultPorts returns the ports that Azure Load Balancer preallocates
// to each node of a backend pool with one frontend address, by the number of
// nodes in the pool, or 0 beyond the documented table.
//
// Source: Azure Load Balancer, "SNAT ports allocation", default port
// allocation table.
func AzureLBDefaultPorts(poolSize int) int {
	switch {
	case poolSize <= 0:
		return 0
	case poolSize <= 50:
		return 1024
	case poolSize <= 100:
		return 512
	case poolSize <= 200:
		return 256
	case poolSize <= 400:
		return 128
	case poolSize <= 800:
		return 64
	case poolSize <= AzureLBDefaultPool:
		return 32
	default:
		return 0
	}
}

// AzureLBDefault is AzureLBDefaultPorts for a pool with several frontend
// addresses: the table times their number, but never above
// AzureLBDefaultMost. It is 0 beyond the table and without an address.
//
// Source: Azure Load Balancer, "SNAT ports allocation", several frontends.
func AzureLBDefault(poolSize, ips int) int {
	if ips <= 0 {
		return 0
	}
	return min(AzureLBDefaultPorts(poolSize)*min(ips, AzureLBDefaultMost), AzureLBDefaultMost)
}
