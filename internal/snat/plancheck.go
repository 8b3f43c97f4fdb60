package snat

import (
	"fmt"
	"strconv"
)

// planMost bounds the nodes and addresses that a plan counts. It is snattop's
// own bound, far above any cluster, so that no product overflows.
const planMost = 100_000

// CheckPorts says what is wrong with a number of ports per node, in terms of
// the flag that gives it; nil: nothing. 0 stands for the provider's default. A
// provider that is not known has no rules but a bound.
func CheckPorts(p Provider, ports int) error {
	switch {
	case ports < 0:
		return fmt.Errorf("--snat-ports %d: use the number of ports that one node has, such as 1024", ports)
	case p == ProviderAzureLB && ports > AzureLBMaxPorts:
		return fmt.Errorf("--snat-ports %d: Azure allocates %d to a node at most", ports, AzureLBMaxPorts)
	case p == ProviderAzureLB && ports%AzureLBStep != 0:
		below := ports - ports%AzureLBStep
		if below == 0 {
			return fmt.Errorf("--snat-ports %d: Azure allocates multiples of %d: use %d, or 0 for the default allocation", ports, AzureLBStep, AzureLBStep)
		}
		return fmt.Errorf("--snat-ports %d: Azure allocates multiples of %d: use %d or %d", ports, AzureLBStep, below, below+AzureLBStep)
	case ports > mostPorts:
		return fmt.Errorf("--snat-ports %d: use at most %d, all ports of the largest gateway", ports, mostPorts)
	default:
		return nil
	}
}

// check says what is wrong with a plan's input, in terms of the flags.
func (in PlanInput) check() error {
	switch in.Provider {
	case ProviderAzureLB, ProviderAzureNATGW, ProviderGCPNAT, ProviderAWSNATGW:
	default:
		return fmt.Errorf("--provider %s: name what translates addresses (azure-lb, azure-natgw, gcp-nat or aws-natgw): a calculation asks no cluster", in.Provider)
	}
	switch {
	case in.Nodes < 1:
		return fmt.Errorf("--nodes %d: give the number of nodes behind the addresses, such as 24", in.Nodes)
	case in.Nodes > planMost:
		return fmt.Errorf("--nodes %d: use at most %d", in.Nodes, planMost)
	case in.Surge < 0 || in.Surge > planMost:
		return fmt.Errorf("--surge %d: use 0 to %d, the nodes that an upgrade adds for a while", in.Surge, planMost)
	case in.IPs < 1:
		return fmt.Errorf("--ips %d: give the number of outbound addresses, at least 1", in.IPs)
	}
	if most := in.Provider.maxIPs(); in.IPs > most {
		if most == planMost {
			return fmt.Errorf("--ips %d: use at most %d", in.IPs, most)
		}
		return fmt.Errorf("--ips %d: a NAT gateway of %s has %d addresses at most; plan each gateway by itself", in.IPs, in.Provider, most)
	}
	if err := CheckPorts(in.Provider, in.Ports); err != nil {
		return err
	}
	return in.checkPortsPerIP()
}

// checkPortsPerIP holds the one figure that the operator may replace: where
// inbound rules take some of an address's ports, and where no figure was read.
func (in PlanInput) checkPortsPerIP() error {
	if in.PortsPerIP == 0 {
		return nil
	}
	var most int
	switch in.Provider {
	case ProviderAzureLB:
		most = AzureLBPortsPerIP
	case ProviderGCPNAT:
		most = portsOf16Bits
	default:
		return fmt.Errorf("--ports-per-ip %d: for azure-lb and gcp-nat only; %s documents its own figure", in.PortsPerIP, in.Provider)
	}
	if in.PortsPerIP < 0 || in.PortsPerIP > most {
		return fmt.Errorf("--ports-per-ip %d: use 1 to %s, or 0 for what the provider documents", in.PortsPerIP, strconv.Itoa(most))
	}
	return nil
}

// maxIPs is the most addresses that one gateway takes; planMost where none is
// documented.
func (p Provider) maxIPs() int {
	switch p {
	case ProviderAzureNATGW:
		return AzureNATMaxIPs
	case ProviderAWSNATGW:
		return AWSNATMaxIPs
	default:
		return planMost
	}
}

// portsPerIP is what the provider documents for one address, to one
// destination for AWS; 0: not known.
func (p Provider) portsPerIP() int {
	switch p {
	case ProviderAzureLB:
		return AzureLBPortsPerIP
	case ProviderAzureNATGW:
		return AzureNATPortsPerIP
	case ProviderAWSNATGW:
		return AWSNATPerDestination
	default:
		return 0
	}
}

// portStep is what a number of ports per node must be a multiple of.
func (p Provider) portStep() int {
	if p == ProviderAzureLB {
		return AzureLBStep
	}
	return 1
}

// portMost is the most ports that can be set for a node; 0: none documented.
func (p Provider) portMost() int {
	if p == ProviderAzureLB {
		return AzureLBMaxPorts
	}
	return 0
}
