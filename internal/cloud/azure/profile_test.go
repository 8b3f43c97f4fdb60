package azure

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

var home = scope{sub1, "mc_rg_c_weu"}

const (
	rg    = "/subscriptions/" + sub1 + "/resourceGroups/"
	addr1 = `{"id":"` + rg + `MC_rg_c_weu/providers/Microsoft.Network/publicIPAddresses/a1"}`
	addr2 = `{"id":"` + rg + `MC_rg_c_weu/providers/Microsoft.Network/publicIPAddresses/a2"}`
	prefA = `{"id":"` + rg + `net/providers/Microsoft.Network/publicIPPrefixes/A"}`
)

func clusterOf(t testing.TB, network, pools string) *managedCluster {
	t.Helper()
	var c managedCluster
	text := `{"id":"` + rg + `rg/providers/Microsoft.ContainerService/managedClusters/c","name":"c","properties":{"nodeResourceGroup":"MC_rg_c_weu",
		"networkProfile":` + network + `,"agentPoolProfiles":` + pools + `}}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestProfile(t *testing.T) {
	pools := `[{"count":3,"upgradeSettings":{"maxSurge":"33%"}},{"count":10,"enableAutoScaling":true,"maxCount":20,"upgradeSettings":{"maxSurge":"2"}}]`
	sizes := map[string]int{strings.ToLower(rg + "net/providers/Microsoft.Network/publicIPPrefixes/A"): 8}
	for _, test := range []struct {
		name     string
		network  string
		prefixes map[string]int
		provider snat.Provider
		want     cloud.Profile
	}{
		{
			"managed addresses", `{"outboundType":"loadBalancer","loadBalancerProfile":{"allocatedOutboundPorts":4000,"idleTimeoutInMinutes":30,
			"managedOutboundIPs":{"count":2},"effectiveOutboundIPs":[` + addr1 + `,` + addr2 + `]}}`, nil, snat.ProviderAzureLB,
			cloud.Profile{Outbound: "loadBalancer", PortsPerNode: 4000, IPs: 2, IdleTimeout: 30 * time.Minute},
		},
		{
			"two families", `{"outboundType":"LoadBalancer","loadBalancerProfile":{"allocatedOutboundPorts":0,"idleTimeoutInMinutes":4,
			"managedOutboundIPs":{"count":1,"countIPv6":1},"effectiveOutboundIPs":[` + addr1 + `,` + addr2 + `]}}`, nil, snat.ProviderAzureLB,
			cloud.Profile{Outbound: "LoadBalancer", IPs: 1, IdleTimeout: 4 * time.Minute},
		},
		{
			"addresses of one's own", `{"outboundType":"loadBalancer","loadBalancerProfile":{"outboundIPs":{"publicIPs":[` + addr1 + `]}}}`, nil,
			snat.ProviderAzureLB, cloud.Profile{Outbound: "loadBalancer", IPs: 1},
		},
		{
			"a prefix", `{"outboundType":"loadBalancer","loadBalancerProfile":{"outboundIPPrefixes":{"publicIPPrefixes":[` + prefA + `]}}}`, sizes,
			snat.ProviderAzureLB, cloud.Profile{Outbound: "loadBalancer", IPs: 8},
		},
		{
			"a prefix of unknown size", `{"outboundType":"loadBalancer","loadBalancerProfile":{"outboundIPPrefixes":{"publicIPPrefixes":[` + prefA + `]}}}`, nil,
			snat.ProviderAzureLB, cloud.Profile{Outbound: "loadBalancer"},
		},
		{
			"NAT gateway", `{"outboundType":"managedNATGateway","natGatewayProfile":{"idleTimeoutInMinutes":4,"managedOutboundIPProfile":{"count":2},
			"effectiveOutboundIPs":[` + addr1 + `,` + addr2 + `]}}`, nil, snat.ProviderAzureNATGW,
			cloud.Profile{Outbound: "managedNATGateway", IPs: 2, IdleTimeout: 4 * time.Minute},
		},
		{
			"NAT gateway, version 2", `{"outboundType":"managedNATGatewayV2","natGatewayProfile":{"managedOutboundIPProfile":{"count":3}}}`, nil,
			snat.ProviderAzureNATGW, cloud.Profile{Outbound: "managedNATGatewayV2", IPs: 3},
		},
		{
			"the operator's NAT gateway", `{"outboundType":"userAssignedNATGateway"}`, nil, snat.ProviderAzureNATGW,
			cloud.Profile{Outbound: "userAssignedNATGateway"},
		},
		{"a firewall", `{"outboundType":"userDefinedRouting"}`, nil, snat.ProviderUnknown, cloud.Profile{Outbound: "userDefinedRouting"}},
		{
			"figures that cannot be", `{"outboundType":"loadBalancer\u001b[2J","loadBalancerProfile":{"allocatedOutboundPorts":-8,"idleTimeoutInMinutes":1000000}}`, nil,
			snat.ProviderUnknown, cloud.Profile{Outbound: "loadBalancer"},
		},
	} {
		f := found{cluster: clusterOf(t, test.network, pools), prefixes: test.prefixes}
		want := test.want
		// A third of 3 is 1, and 2; 3 and up to 20 machines.
		want.Nodes, want.Surge, want.MaxNodes, want.Name, want.Group = 13, 3, 23, "c", "rg"
		provider, why := f.provider()
		if p := f.profile(home); provider != test.provider || *p != want || (why != "") != (provider == snat.ProviderUnknown) {
			t.Errorf("%s: %s (%q)\n got %+v\nwant %+v", test.name, provider, why, *p, want)
		}
	}
}

// Source of the rules: AKS, "Upgrade an AKS cluster", node surge; Azure REST
// API, AgentPoolUpgradeSettings.
func TestSurge(t *testing.T) {
	for _, test := range []struct {
		max   string
		count int
		want  int
	}{
		{"33%", 3, 1}, {"33%", 4, 2}, {"100%", 5, 5}, {"5", 3, 5}, {"", 10, 1}, {"", 11, 2}, {"", 0, 0},
		{"50%", 0, 0}, {"-1", 3, 0}, {"many", 3, 0}, {"%", 3, 0}, {"99999999999", 3, 0},
	} {
		if got := surgeOf(test.max, test.count); got != test.want {
			t.Errorf("%q of %d: %d, want %d", test.max, test.count, got, test.want)
		}
	}
}

func TestSharedBalancer(t *testing.T) {
	machine := func(group, rest string) string {
		return `{"id":"/subscriptions/` + sub1 + `/resourceGroups/` + group + `/providers/` + rest + `"}`
	}
	balancer := func(machines ...string) *loadBalancer {
		var b loadBalancer
		text := `{"id":"x","name":"kubernetes","properties":{"frontendIPConfigurations":[{"id":"F1","properties":{"publicIPAddress":` + addr1 + `}},{"id":"F2","properties":{"publicIPAddress":` + addr2 + `}}],
			"backendAddressPools":[{"id":"P","properties":{"backendIPConfigurations":[` + strings.Join(machines, ",") + `]}},{"id":"inbound","properties":{"backendIPConfigurations":[` +
			machine("elsewhere", "Microsoft.Network/networkInterfaces/n/ipConfigurations/i") + `]}}],
			"outboundRules":[{"properties":{"allocatedOutboundPorts":512,"idleTimeoutInMinutes":7,"backendAddressPool":{"id":"p"},"frontendIPConfigurations":[{"id":"f1"}]}}]}}`
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	vmss := "Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/0/networkInterfaces/n/ipConfigurations/"
	ours := []string{machine("MC_RG_C_WEU", vmss+"v4"), machine("mc_rg_c_weu", vmss+"v6"), machine("mc_rg_c_weu", "Microsoft.Network/networkInterfaces/vm1/ipConfigurations/i")}

	// Without the cluster, the balancer tells what there is.
	f := found{balancer: balancer(ours...)}
	if p := f.profile(home); *p != (cloud.Profile{PortsPerNode: 512, IPs: 1, IdleTimeout: 7 * time.Minute, Nodes: 2}) {
		t.Errorf("%+v", *p)
	}
	f = found{balancer: balancer(append(ours, machine("mc_other", vmss+"v4"))...)}
	if p := f.profile(home); !p.Shared || p.Nodes != 3 {
		t.Errorf("%+v", *p)
	}
	// Two clusters that go out by one address.
	network := `{"outboundType":"loadBalancer","loadBalancerProfile":{"effectiveOutboundIPs":[` + addr1 + `]}}`
	f = found{cluster: clusterOf(t, network, "[]"), others: []managedCluster{*clusterOf(t, network, "[]")}}
	if p := f.profile(home); !p.Shared {
		t.Errorf("%+v", *p)
	}
}

func TestPick(t *testing.T) {
	named := func(name string, rules int) loadBalancer {
		b := loadBalancer{Name: name}
		b.Properties.OutboundRules = make([]outboundRule, rules)
		return b
	}
	for _, test := range []struct {
		all  []loadBalancer
		want string
	}{
		{[]loadBalancer{named("kubernetes-internal", 0), named("Kubernetes", 1)}, "Kubernetes"},
		{[]loadBalancer{named("kubernetes", 0), named("egress", 1)}, "egress"},
		{[]loadBalancer{named("egress", 1), named("kubernetes", 1)}, "kubernetes"},
		{[]loadBalancer{named("x", 0), named("kubernetes", 0)}, "kubernetes"},
	} {
		if got := pick(test.all); got == nil || got.Name != test.want {
			t.Errorf("%+v, want %s", got, test.want)
		}
	}
	if got := pick([]loadBalancer{named("kubernetes-internal", 0)}); got != nil {
		t.Errorf("an inbound balancer was taken: %+v", got)
	}
}

func TestUsable(t *testing.T) {
	if got, ok := usable(rg + "größe (1)/providers/Microsoft.Network/natGateways/g"); ok {
		t.Errorf("a space was taken: %s", got)
	}
	if got, ok := usable(rg + "größe/providers/Microsoft.Network/natGateways/g"); !ok || strings.ContainsAny(got, "öß") {
		t.Errorf("%s, %v", got, ok)
	}
	for _, id := range []string{"", "x", rg + "../providers/a/b/c", rg + "g/providers/a/b/c?x=1", rg + "g/providers/a/b/c%2f", "//host" + rg + "g/providers/a/b/c", "http://host" + rg + "g/providers/a/b/c"} {
		if got, ok := usable(id); ok {
			t.Errorf("%q was taken: %q", id, got)
		}
	}
}

func FuzzResources(f *testing.F) {
	f.Add([]byte(`{"properties":{"nodeResourceGroup":"mc_rg_c_weu","networkProfile":{"outboundType":"loadBalancer"},"agentPoolProfiles":[{"count":1}]}}`),
		[]byte(`{"name":"kubernetes","properties":{"outboundRules":[{}],"backendAddressPools":[{}]}}`), []byte(`{"properties":{}}`))
	f.Fuzz(func(t *testing.T, cluster, balancer, gateway []byte) {
		var all found
		decodeInto(cluster, &all.cluster)
		decodeInto(balancer, &all.balancer)
		decodeInto(gateway, &all.gateway)
		if all.cluster != nil {
			all.others = []managedCluster{*all.cluster}
		}
		_, why := all.provider()
		p := all.profile(home)
		if p == nil {
			return
		}
		for _, s := range []string{p.Outbound, p.Name, p.Group, p.Gateway, why} {
			if strings.ContainsAny(s, "\x1b\n") || !utf8.ValidString(s) || len(s) > 2000 {
				t.Errorf("text %q", s)
			}
		}
		if p.PortsPerNode < 0 || p.IPs < 0 || p.Nodes < 0 || p.Surge < 0 || p.MaxNodes < 0 || p.IdleTimeout < 0 {
			t.Errorf("%+v", *p)
		}
	})
}

func decodeInto[T any](text []byte, into **T) {
	v := new(T)
	if json.Unmarshal(text, v) == nil {
		*into = v
	}
}
