package ground

import "fmt"

// The address plan, fixed so that tests can name addresses.
const (
	// APIAddress is the control plane's address on the nodes' network.
	APIAddress = "10.224.0.2"
	// GatewayAddress is the egress gateway's address on the nodes' network.
	GatewayAddress = "10.224.0.1"
	// PublicAddress is the address the gateway's SNAT shows to the internet.
	PublicAddress = "203.0.113.10"
	// NodeNetwork, PodNetwork and ServiceNetwork are the private ranges.
	NodeNetwork    = "10.224.0.0/24"
	PodNetwork     = "10.244.0.0/16"
	ServiceNetwork = "10.0.0.0/16"
	// DNSAddress is the ClusterIP of the kube-dns Service.
	DNSAddress = "10.0.0.10"
	// InternetNetwork holds the public-looking destinations .1 to .32.
	InternetNetwork = "20.60.1.0/24"
	// InternetIPv6 is the one public-looking IPv6 destination; the nodes reach
	// it from their own addresses, pods do not.
	InternetIPv6 = "2603:1030::1"

	publicAddressIPv6   = "2001:db8:cafe::10"
	apiServiceAddress   = "10.0.0.1"
	transitGateway      = "198.18.0.1"
	transitInternet     = "198.18.0.2"
	transitIPv6Gateway  = "fd00:198::1"
	transitIPv6Internet = "fd00:198::2"
	destinations        = 32
	apiPort             = 6443
)

// The namespaces of the ground that are not nodes.
const (
	nsControlPlane = "cp"
	nsLAN          = "lan"
	nsGateway      = "gw"
	nsInternet     = "inet"
)

// Node is one node of the ground.
type Node struct {
	// Name is the Kubernetes name of the node, node1 and so on.
	Name string `json:"name"`
	// IP is its InternalIP.
	IP string `json:"ip"`
	// PodCIDR is the range of its pods.
	PodCIDR string `json:"podCIDR"`
	// ProviderID looks like that of a machine in an AKS scale set.
	ProviderID string `json:"providerID"`

	index int // from 0
}

func nodeAt(index int) Node {
	number := index + 1
	return Node{
		Name:    fmt.Sprintf("node%d", number),
		IP:      fmt.Sprintf("10.224.0.%d", number+4),
		PodCIDR: fmt.Sprintf("10.244.%d.0/23", number*2),
		ProviderID: fmt.Sprintf("azure:///subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mc_rg_ground_weu"+
			"/providers/Microsoft.Compute/virtualMachineScaleSets/aks-np1/virtualMachines/%d", index),
		index: index,
	}
}

func nodesOf(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = nodeAt(i)
	}
	return nodes
}

func (n Node) ipv6() string { return fmt.Sprintf("fd00:224::%d", n.index+5) }

// Destination is the address of the numbered internet host, from 1 to 32.
func Destination(number int) string { return fmt.Sprintf("20.60.1.%d", number) }
