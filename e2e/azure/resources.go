package azure

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// resources answers what Resource Manager is asked. Paths are compared without
// regard to case, as it does.
func (s *Server) resources(r *http.Request) answer {
	s.mu.Lock()
	nodes := len(s.truth.Nodes)
	ports := 0
	if nodes > 0 {
		ports = s.truth.Nodes[0].Block.Size()
	}
	s.mu.Unlock()

	path := strings.ToLower(strings.TrimSuffix(r.URL.Path, "/"))
	in := func(group, rest string) string {
		return strings.ToLower("/subscriptions/" + Subscription + group + rest)
	}
	nodeGroup, clusterGroup := "/resourceGroups/"+NodeGroup, "/resourceGroups/"+ClusterGroup
	switch path {
	case in("", "/providers/Microsoft.ContainerService/managedClusters"):
		return s.list(r, s.clusters(nodes, ports))
	case in(clusterGroup, "/providers/Microsoft.ContainerService/managedClusters/"+ClusterName):
		return answer{http.StatusOK, s.cluster(nodes, ports)}
	case in(nodeGroup, ""):
		return answer{http.StatusOK, map[string]any{
			"id": id(NodeGroup, ""), "name": NodeGroup, "type": "Microsoft.Resources/resourceGroups", "location": "westeurope",
			"managedBy": id(ClusterGroup, "/providers/Microsoft.ContainerService/managedClusters/"+ClusterName),
		}}
	case in(nodeGroup, "/providers/Microsoft.Network/loadBalancers"):
		return s.list(r, []any{s.balancer(nodes, ports)})
	case in(nodeGroup, "/providers/Microsoft.Network/loadBalancers/"+BalancerName+"/outboundRules"):
		return s.list(r, s.outboundRules(ports))
	case in(nodeGroup, "/providers/Microsoft.Network/natGateways"):
		if s.opts.Outbound != OutboundNATGateway {
			return s.list(r, nil)
		}
		return s.list(r, []any{s.gateway()})
	default:
		return refuse(404, "ResourceNotFound", "The Resource '%s' was not found.", r.URL.Path)
	}
}

// list answers one page, and where the next one is.
func (s *Server) list(r *http.Request, all []any) answer {
	from, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	from = min(max(from, 0), len(all))
	to := len(all)
	if s.opts.PageSize > 0 {
		to = min(from+s.opts.PageSize, len(all))
	}
	page := map[string]any{"value": append([]any{}, all[from:to]...)}
	if to < len(all) {
		next := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
		if r.TLS != nil {
			next.Scheme = "https"
		}
		next.RawQuery = url.Values{"api-version": {r.URL.Query().Get("api-version")}, "$skiptoken": {strconv.Itoa(to)}}.Encode()
		page["nextLink"] = next.String()
	}
	return answer{http.StatusOK, page}
}

func id(group, rest string) string {
	return "/subscriptions/" + Subscription + "/resourceGroups/" + group + rest
}

func reference(group, rest string) map[string]any { return map[string]any{"id": id(group, rest)} }

// addresses are the outbound addresses, as references.
func (s *Server) addresses() []any {
	var all []any
	for i := range s.opts.IPs {
		all = append(all, reference(NodeGroup, fmt.Sprintf("/providers/Microsoft.Network/publicIPAddresses/outbound-%d", i+1)))
	}
	return all
}

// clusters are those of the subscription; ours is not the first.
func (s *Server) clusters(nodes, ports int) []any {
	other := s.managedCluster("elsewhere", "rg-elsewhere", "MC_rg-elsewhere_elsewhere_weu", 2, 0)
	addresses := []any{reference("MC_rg-elsewhere_elsewhere_weu", "/providers/Microsoft.Network/publicIPAddresses/outbound-1")}
	if s.opts.Shared {
		addresses = s.addresses()
	}
	setProfile(other, OutboundLoadBalancer, addresses, 0, 4*time.Minute)
	return []any{other, s.cluster(nodes, ports)}
}

func (s *Server) cluster(nodes, ports int) map[string]any {
	c := s.managedCluster(ClusterName, ClusterGroup, NodeGroup, nodes, 3*nodes)
	setProfile(c, s.opts.Outbound, s.addresses(), ports, s.opts.IdleTimeout)
	return c
}

// managedCluster is a Microsoft.ContainerService/managedClusters resource.
//
// Source: Azure REST API, "Managed Clusters - List", version 2024-09-01.
func (s *Server) managedCluster(name, group, nodeGroup string, nodes, most int) map[string]any {
	pool := map[string]any{
		"name": "np1", "count": nodes, "mode": "System", "osType": "Linux", "type": "VirtualMachineScaleSets",
		"enableAutoScaling": most > 0, "upgradeSettings": map[string]any{"maxSurge": "33%"},
	}
	if most > 0 {
		pool["minCount"], pool["maxCount"] = 1, most
	}
	return map[string]any{
		"id":   id(group, "/providers/Microsoft.ContainerService/managedClusters/"+name),
		"name": name, "type": "Microsoft.ContainerService/ManagedClusters", "location": "westeurope",
		"properties": map[string]any{
			"provisioningState": "Succeeded",
			"nodeResourceGroup": nodeGroup,
			"agentPoolProfiles": []any{pool},
		},
	}
}

func setProfile(cluster map[string]any, outbound string, addresses []any, ports int, idle time.Duration) {
	minutes := int(idle / time.Minute)
	network := map[string]any{"networkPlugin": "azure", "outboundType": outbound, "loadBalancerSku": "standard"}
	switch outbound {
	case OutboundLoadBalancer:
		network["loadBalancerProfile"] = map[string]any{
			"managedOutboundIPs": map[string]any{"count": len(addresses)}, "effectiveOutboundIPs": addresses,
			"allocatedOutboundPorts": ports, "idleTimeoutInMinutes": minutes, "backendPoolType": "nodeIPConfiguration",
		}
	case OutboundNATGateway:
		network["natGatewayProfile"] = map[string]any{
			"managedOutboundIPProfile": map[string]any{"count": len(addresses)}, "effectiveOutboundIPs": addresses,
			"idleTimeoutInMinutes": minutes,
		}
	}
	if properties, ok := cluster["properties"].(map[string]any); ok {
		properties["networkProfile"] = network
	}
}

const balancerPath = "/providers/Microsoft.Network/loadBalancers/" + BalancerName

// balancer is a Microsoft.Network/loadBalancers resource.
//
// Source: Azure REST API, "Load Balancers - List", version 2024-05-01.
func (s *Server) balancer(nodes, ports int) map[string]any {
	machine := func(group string, i int) map[string]any {
		return reference(group, fmt.Sprintf("/providers/Microsoft.Compute/virtualMachineScaleSets/aks-np1/virtualMachines/%d"+
			"/networkInterfaces/aks-np1/ipConfigurations/ipconfig1", i))
	}
	var machines, frontends []any
	for i := range nodes {
		machines = append(machines, machine(strings.ToLower(NodeGroup), i))
	}
	if s.opts.Shared {
		machines = append(machines, machine("mc_rg-elsewhere_elsewhere_weu", 0))
	}
	for i, address := range s.addresses() {
		frontends = append(frontends, map[string]any{
			"id": id(NodeGroup, balancerPath+"/frontendIPConfigurations/outbound-"+strconv.Itoa(i+1)), "name": "outbound-" + strconv.Itoa(i+1),
			"properties": map[string]any{"publicIPAddress": address},
		})
	}
	return map[string]any{
		"id": id(NodeGroup, balancerPath), "name": BalancerName, "type": "Microsoft.Network/loadBalancers",
		"location": "westeurope", "sku": map[string]any{"name": "Standard", "tier": "Regional"},
		"properties": map[string]any{
			"provisioningState":        "Succeeded",
			"frontendIPConfigurations": frontends,
			"backendAddressPools": []any{map[string]any{
				"id": id(NodeGroup, balancerPath+"/backendAddressPools/aksOutboundBackendPool"), "name": "aksOutboundBackendPool",
				"properties": map[string]any{"backendIPConfigurations": machines},
			}},
			"outboundRules": s.outboundRules(ports),
		},
	}
}

// outboundRules are there when the balancer is the way out.
func (s *Server) outboundRules(ports int) []any {
	if s.opts.Outbound != OutboundLoadBalancer {
		return []any{}
	}
	var frontends []any
	for i := range s.opts.IPs {
		frontends = append(frontends, reference(NodeGroup, balancerPath+"/frontendIPConfigurations/outbound-"+strconv.Itoa(i+1)))
	}
	return []any{map[string]any{
		"id": id(NodeGroup, balancerPath+"/outboundRules/aksOutboundRule"), "name": "aksOutboundRule",
		"properties": map[string]any{
			"allocatedOutboundPorts": ports, "protocol": "All", "enableTcpReset": true,
			"idleTimeoutInMinutes":     int(s.opts.IdleTimeout / time.Minute),
			"backendAddressPool":       reference(NodeGroup, balancerPath+"/backendAddressPools/aksOutboundBackendPool"),
			"frontendIPConfigurations": frontends,
		},
	}}
}

// gateway is a Microsoft.Network/natGateways resource.
//
// Source: Azure REST API, "Nat Gateways - List", version 2024-05-01.
func (s *Server) gateway() map[string]any {
	return map[string]any{
		"id": id(NodeGroup, "/providers/Microsoft.Network/natGateways/"+GatewayName), "name": GatewayName,
		"type": "Microsoft.Network/natGateways", "location": "westeurope", "sku": map[string]any{"name": "Standard"},
		"properties": map[string]any{
			"provisioningState":    "Succeeded",
			"idleTimeoutInMinutes": int(s.opts.IdleTimeout / time.Minute), "publicIpAddresses": s.addresses(),
		},
	}
}
