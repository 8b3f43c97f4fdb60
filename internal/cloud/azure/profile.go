package azure

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

// found is what was found of a cluster in Azure; nil is what was not.
type found struct {
	cluster *managedCluster
	// others are the subscription's other clusters.
	others   []managedCluster
	balancer *loadBalancer
	gateway  *natGateway
	// prefixes are the numbers of addresses of address prefixes, by lower-case
	// ID.
	prefixes map[string]int
}

// outbound types, as AKS spells them.
//
// Source: Azure REST API, "Managed Clusters - Get", OutboundType; AKS,
// "Customize cluster egress with outbound types".
const (
	typeLoadBalancer = "loadBalancer"
	typeManagedNAT   = "managedNATGateway"
	typeManagedNATV2 = "managedNATGatewayV2"
	typeAssignedNAT  = "userAssignedNATGateway"
	typeRouting      = "userDefinedRouting"
	typeNone         = "none"
	typeBlock        = "block"
)

// outboundType returns the cluster's outbound type; empty when that is not
// known.
func (f found) outboundType() string {
	if f.cluster == nil {
		return ""
	}
	return f.cluster.Properties.NetworkProfile.OutboundType
}

// provider says who translates, and in words why that is not known.
func (f found) provider() (snat.Provider, string) {
	outbound := f.outboundType()
	is := func(names ...string) bool {
		for _, name := range names {
			if strings.EqualFold(outbound, name) {
				return true
			}
		}
		return false
	}
	switch {
	case is(typeLoadBalancer):
		return snat.ProviderAzureLB, ""
	case is(typeManagedNAT, typeManagedNATV2, typeAssignedNAT):
		return snat.ProviderAzureNATGW, ""
	case is(typeRouting):
		return snat.ProviderUnknown, "outbound type userDefinedRouting: the ports are those of the firewall or appliance that the route table leads to;" +
			" look at its own figures, and give its ports for each node with --snat-ports"
	case is(typeNone, typeBlock):
		return snat.ProviderUnknown, "outbound type " + text(outbound) + ": the cluster sets up no way out; where there is one," +
			" its ports are those of somebody else's device: give them with --snat-ports"
	case outbound != "":
		return snat.ProviderUnknown, "outbound type " + text(outbound) + " is not known to this version: give the ports of each node with --snat-ports"
	// Without the cluster, what stands in its resource group has to do. A NAT
	// gateway takes precedence over a balancer.
	//
	// Source: Azure NAT Gateway, "NAT gateway and outbound connectivity".
	case f.gateway != nil:
		return snat.ProviderAzureNATGW, ""
	case f.balancer != nil && len(f.balancer.Properties.OutboundRules) > 0:
		return snat.ProviderAzureLB, ""
	default:
		return snat.ProviderUnknown, ""
	}
}

// profile tells what is granted; nil when nothing of it is known.
func (f found) profile(home scope) *cloud.Profile {
	provider, _ := f.provider()
	if f.cluster == nil && provider == snat.ProviderUnknown {
		return nil
	}
	p := &cloud.Profile{Outbound: text(f.outboundType())}
	if f.cluster != nil {
		p.Name, p.Group = text(f.cluster.Name), text(part(f.cluster.ID, "resourceGroups"))
		p.Nodes, p.Surge, p.MaxNodes = pools(f.cluster.Properties.AgentPoolProfiles)
		p.Shared = f.sharedAddresses()
	}
	switch provider {
	case snat.ProviderAzureLB:
		f.balanced(p, home)
	case snat.ProviderAzureNATGW:
		f.gated(p)
	case snat.ProviderUnknown, snat.ProviderAuto, snat.ProviderGCPNAT, snat.ProviderAWSNATGW:
	}
	p.PortsPerNode, p.IPs = plausible(p.PortsPerNode, 64000), plausible(p.IPs, 4096)
	return p
}

// plausible keeps figures out that cannot be: what is not between 0 and most
// is not known.
func plausible(n, most int) int {
	if n < 0 || n > most {
		return 0
	}
	return n
}

func minutes(n int) time.Duration {
	// Source: Azure Load Balancer, "TCP reset and idle timeout": 4 to 120 min.
	return time.Duration(plausible(n, 120)) * time.Minute
}

// balanced fills in what a load balancer grants.
func (f found) balanced(p *cloud.Profile, home scope) {
	var profile networkProfile
	if f.cluster != nil {
		profile = f.cluster.Properties.NetworkProfile
	}
	if l := profile.LoadBalancerProfile; l != nil {
		p.PortsPerNode, p.IdleTimeout = l.AllocatedOutboundPorts, minutes(l.IdleTimeoutInMinutes)
		p.IPs = f.balancerIPs(profile)
	}
	if f.balancer == nil || len(f.balancer.Properties.OutboundRules) == 0 {
		return
	}
	rule := f.balancer.Properties.OutboundRules[0].Properties
	if profile.LoadBalancerProfile == nil {
		p.PortsPerNode = rule.AllocatedOutboundPorts
	}
	if p.IdleTimeout == 0 {
		p.IdleTimeout = minutes(rule.IdleTimeoutInMinutes)
	}
	if p.IPs == 0 {
		p.IPs = f.frontendIPs()
	}
	machines, foreign := f.machines(home)
	if machines > 0 {
		p.Nodes = machines
	}
	p.Shared = p.Shared || foreign
}

// balancerIPs counts the IPv4 addresses of a balancer's profile; 0 when that
// cannot be told.
func (f found) balancerIPs(profile networkProfile) int {
	l := profile.LoadBalancerProfile
	if l.OutboundIPPrefixes != nil && len(l.OutboundIPPrefixes.PublicIPPrefixes) > 0 {
		return f.count(l.OutboundIPPrefixes.PublicIPPrefixes)
	}
	if n := f.count(l.EffectiveOutboundIPs); n > 0 {
		if l.ManagedOutboundIPs != nil && l.ManagedOutboundIPs.CountIPv6 > 0 {
			return max(0, n-l.ManagedOutboundIPs.CountIPv6)
		}
		return n
	}
	switch {
	case l.ManagedOutboundIPs != nil:
		return l.ManagedOutboundIPs.Count
	case l.OutboundIPs != nil:
		return f.count(l.OutboundIPs.PublicIPs)
	default:
		return 0
	}
}

// count adds up addresses and prefixes; 0 when the size of a prefix is not
// known.
func (f found) count(all []reference) int {
	n := 0
	for _, r := range all {
		if !ofType(r.ID, "publicIPPrefixes") {
			n++
			continue
		}
		size, ok := f.prefixes[strings.ToLower(r.ID)]
		if !ok {
			return 0
		}
		n += size
	}
	return n
}

// frontendIPs counts the addresses of the outbound rule's frontends.
func (f found) frontendIPs() int {
	var all []reference
	for _, wanted := range f.balancer.Properties.OutboundRules[0].Properties.FrontendIPConfigurations {
		for _, front := range f.balancer.Properties.FrontendIPConfigurations {
			if !strings.EqualFold(front.ID, wanted.ID) {
				continue
			}
			for _, r := range []*reference{front.Properties.PublicIPAddress, front.Properties.PublicIPPrefix} {
				if r != nil {
					all = append(all, *r)
				}
			}
		}
	}
	return f.count(all)
}

// machines counts those in the backend pools of the outbound rules, and says
// whether there are some of another resource group; 0 when it cannot be told.
func (f found) machines(home scope) (count int, foreign bool) {
	seen := map[string]bool{}
	for _, rule := range f.balancer.Properties.OutboundRules {
		for _, pool := range f.balancer.Properties.BackendAddressPools {
			if !strings.EqualFold(pool.ID, rule.Properties.BackendAddressPool.ID) {
				continue
			}
			// Pools are of machines' network interfaces, or else of addresses,
			// and then list nothing that names a resource group.
			for _, c := range pool.Properties.BackendIPConfigurations {
				seen[machineOf(c.ID)] = true
				group := part(c.ID, "resourceGroups")
				if group != "" && !strings.EqualFold(group, home.group) {
					foreign = true
				}
			}
			if len(pool.Properties.BackendIPConfigurations) > 0 {
				continue
			}
			for _, a := range pool.Properties.LoadBalancerBackendAddresses {
				if ip := a.Properties.IPAddress; ip != "" && !strings.Contains(ip, ":") {
					seen[ip] = true
				}
			}
		}
	}
	return len(seen), foreign
}

// machineOf is the part of a network configuration's ID that says which
// machine it is of: one may have several, for IPv6 for example.
func machineOf(id string) string {
	id = strings.ToLower(id)
	if before, _, ok := strings.Cut(id, "/ipconfigurations/"); ok {
		id = before
	}
	if strings.Contains(id, "/virtualmachinescalesets/") {
		if before, _, ok := strings.Cut(id, "/networkinterfaces/"); ok {
			id = before
		}
	}
	return id
}

// gated fills in what a NAT gateway grants: it hands ports out on demand, so
// there is no number for each node.
func (f found) gated(p *cloud.Profile) {
	if f.cluster != nil {
		if n := f.cluster.Properties.NetworkProfile.NATGatewayProfile; n != nil {
			p.IdleTimeout = minutes(n.IdleTimeoutInMinutes)
			p.IPs = f.count(n.EffectiveOutboundIPs)
			if p.IPs == 0 && n.ManagedOutboundIPProfile != nil {
				p.IPs = n.ManagedOutboundIPProfile.Count
			}
		}
	}
	if f.gateway == nil {
		return
	}
	p.Gateway = text(f.gateway.Name)
	if p.IdleTimeout == 0 {
		p.IdleTimeout = minutes(f.gateway.Properties.IdleTimeoutInMinutes)
	}
	if p.IPs == 0 {
		p.IPs = f.count(append(append([]reference(nil), f.gateway.Properties.PublicIPAddresses...), f.gateway.Properties.PublicIPPrefixes...))
	}
}

// sharedAddresses reports whether another cluster goes out by one of our
// addresses.
func (f found) sharedAddresses() bool {
	ours := map[string]bool{}
	for _, r := range f.cluster.Properties.NetworkProfile.effective() {
		ours[strings.ToLower(r.ID)] = true
	}
	for _, other := range f.others {
		for _, r := range other.Properties.NetworkProfile.effective() {
			if ours[strings.ToLower(r.ID)] {
				return true
			}
		}
	}
	return false
}

// pools adds up agent pools: their machines, how many more an upgrade of all
// of them at once brings, and how many autoscaling may make of them (0 without
// autoscaling).
func pools(all []agentPool) (nodes, surge, most int) {
	scales := false
	for _, p := range all {
		count := plausible(p.Count, 5000)
		nodes += count
		setting := ""
		if p.UpgradeSettings != nil {
			setting = p.UpgradeSettings.MaxSurge
		}
		surge += surgeOf(setting, count)
		if limit := plausible(p.MaxCount, 5000); p.EnableAutoScaling && limit > 0 {
			scales = true
			count = limit
		}
		most += count
	}
	if !scales {
		most = 0
	}
	return nodes, surge, most
}

// surgeOf reads maxSurge, a number of machines or a percentage of the pool
// with fractions rounded up; 10 % when it is not set, and 0 when it cannot be
// read.
//
// Source: AKS, "Upgrade an AKS cluster", node surge; Azure REST API, "Managed
// Clusters - Get", AgentPoolUpgradeSettings.
func surgeOf(setting string, count int) int {
	setting = strings.TrimSpace(setting)
	if setting == "" {
		setting = "10%"
	}
	number, percent := strings.CutSuffix(setting, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 5000 {
		return 0
	}
	if !percent {
		return n
	}
	return int(math.Ceil(float64(count) * float64(n) / 100))
}
