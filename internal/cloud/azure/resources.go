package azure

import (
	"net/url"
	"regexp"
	"strings"
)

// The versions of the interfaces that are spoken, all of them stable ones.
const (
	// "Managed Clusters - List" and "- Get".
	aksVersion = "2024-09-01"
	// "Load Balancers - List", "Nat Gateways - List" and "- Get", "Public IP
	// Prefixes - Get", "Subnets - Get".
	networkVersion = "2024-05-01"
	// "Resource Groups - Get".
	groupVersion = "2021-04-01"
	// "Subscriptions - List".
	subscriptionVersion = "2022-12-01"
)

// reference points to another resource.
type reference struct {
	ID string `json:"id"`
}

// managedCluster is what is read of Microsoft.ContainerService/managedClusters.
//
// Source: Azure REST API, "Managed Clusters - Get", version 2024-09-01.
type managedCluster struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		NodeResourceGroup string         `json:"nodeResourceGroup"`
		NetworkProfile    networkProfile `json:"networkProfile"`
		AgentPoolProfiles []agentPool    `json:"agentPoolProfiles"`
		FQDN              string         `json:"fqdn"`
		PrivateFQDN       string         `json:"privateFQDN"`
		APIServer         *struct {
			AuthorizedIPRanges   []string `json:"authorizedIPRanges"`
			EnablePrivateCluster bool     `json:"enablePrivateCluster"`
		} `json:"apiServerAccessProfile"`
	} `json:"properties"`
}

type networkProfile struct {
	OutboundType        string `json:"outboundType"`
	LoadBalancerProfile *struct {
		AllocatedOutboundPorts int         `json:"allocatedOutboundPorts"`
		IdleTimeoutInMinutes   int         `json:"idleTimeoutInMinutes"`
		EffectiveOutboundIPs   []reference `json:"effectiveOutboundIPs"`
		ManagedOutboundIPs     *struct {
			Count     int `json:"count"`
			CountIPv6 int `json:"countIPv6"`
		} `json:"managedOutboundIPs"`
		OutboundIPs *struct {
			PublicIPs []reference `json:"publicIPs"`
		} `json:"outboundIPs"`
		OutboundIPPrefixes *struct {
			PublicIPPrefixes []reference `json:"publicIPPrefixes"`
		} `json:"outboundIPPrefixes"`
	} `json:"loadBalancerProfile"`
	NATGatewayProfile *struct {
		IdleTimeoutInMinutes     int         `json:"idleTimeoutInMinutes"`
		EffectiveOutboundIPs     []reference `json:"effectiveOutboundIPs"`
		ManagedOutboundIPProfile *struct {
			Count int `json:"count"`
		} `json:"managedOutboundIPProfile"`
	} `json:"natGatewayProfile"`
}

// effective are the addresses that a cluster goes out by.
func (p networkProfile) effective() []reference {
	var all []reference
	if p.LoadBalancerProfile != nil {
		all = append(all, p.LoadBalancerProfile.EffectiveOutboundIPs...)
	}
	if p.NATGatewayProfile != nil {
		all = append(all, p.NATGatewayProfile.EffectiveOutboundIPs...)
	}
	return all
}

type agentPool struct {
	Count             int    `json:"count"`
	EnableAutoScaling bool   `json:"enableAutoScaling"`
	MaxCount          int    `json:"maxCount"`
	VnetSubnetID      string `json:"vnetSubnetID"`
	UpgradeSettings   *struct {
		MaxSurge string `json:"maxSurge"`
	} `json:"upgradeSettings"`
}

// resourceGroup is what is read of a resource group.
//
// Source: Azure REST API, "Resource Groups - Get", version 2021-04-01.
type resourceGroup struct {
	ManagedBy string `json:"managedBy"`
}

// loadBalancer is what is read of Microsoft.Network/loadBalancers.
//
// Source: Azure REST API, "Load Balancers - List", version 2024-05-01.
type loadBalancer struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		FrontendIPConfigurations []frontend     `json:"frontendIPConfigurations"`
		BackendAddressPools      []backendPool  `json:"backendAddressPools"`
		OutboundRules            []outboundRule `json:"outboundRules"`
	} `json:"properties"`
}

type frontend struct {
	ID         string `json:"id"`
	Properties struct {
		PublicIPAddress *reference `json:"publicIPAddress"`
		PublicIPPrefix  *reference `json:"publicIPPrefix"`
	} `json:"properties"`
}

type backendPool struct {
	ID         string `json:"id"`
	Properties struct {
		BackendIPConfigurations      []reference `json:"backendIPConfigurations"`
		LoadBalancerBackendAddresses []struct {
			Properties struct {
				IPAddress string `json:"ipAddress"`
			} `json:"properties"`
		} `json:"loadBalancerBackendAddresses"`
	} `json:"properties"`
}

type outboundRule struct {
	Properties struct {
		AllocatedOutboundPorts   int         `json:"allocatedOutboundPorts"`
		IdleTimeoutInMinutes     int         `json:"idleTimeoutInMinutes"`
		FrontendIPConfigurations []reference `json:"frontendIPConfigurations"`
		BackendAddressPool       reference   `json:"backendAddressPool"`
	} `json:"properties"`
}

// natGateway is what is read of Microsoft.Network/natGateways.
//
// Source: Azure REST API, "Nat Gateways - Get", version 2024-05-01.
type natGateway struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		IdleTimeoutInMinutes int         `json:"idleTimeoutInMinutes"`
		PublicIPAddresses    []reference `json:"publicIpAddresses"`
		PublicIPPrefixes     []reference `json:"publicIpPrefixes"`
	} `json:"properties"`
}

// subnet is what is read of a subnet.
//
// Source: Azure REST API, "Subnets - Get", version 2024-05-01.
type subnet struct {
	Properties struct {
		NATGateway *reference `json:"natGateway"`
	} `json:"properties"`
}

// addressPrefix is what is read of Microsoft.Network/publicIPPrefixes.
//
// Source: Azure REST API, "Public IP Prefixes - Get", version 2024-05-01.
type addressPrefix struct {
	Properties struct {
		PrefixLength           int    `json:"prefixLength"`
		PublicIPAddressVersion string `json:"publicIPAddressVersion"`
	} `json:"properties"`
}

var resourcePath = regexp.MustCompile(`(?i)^/subscriptions/[0-9a-f-]{36}/resourceGroups/[\p{L}\p{Nd}_().-]+/providers(/[\p{L}\p{Nd}_().-]+){3,12}$`)

// usable returns the escaped path of a resource's ID when it can be one: these
// come from answers, and go into requests.
func usable(id string) (string, bool) {
	if len(id) > 1024 || !resourcePath.MatchString(id) || strings.Contains(id, "..") {
		return "", false
	}
	return (&url.URL{Path: id}).EscapedPath(), true
}

// ofType reports whether an ID is one of a type, such as "publicIPPrefixes".
func ofType(id, kind string) bool {
	return strings.Contains(strings.ToLower(id), "/"+strings.ToLower(kind)+"/")
}

// part returns what follows a word in an ID: part(id, "resourceGroups") is
// the resource group.
func part(id, word string) string {
	words := strings.Split(id, "/")
	for i := range len(words) - 1 {
		if strings.EqualFold(words[i], word) {
			return words[i+1]
		}
	}
	return ""
}
