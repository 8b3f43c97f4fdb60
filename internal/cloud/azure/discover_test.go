package azure

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/snattop/snattop/internal/snat"
)

// pages answers by the end of the path, in lower case; everything else is not
// found.
type pages map[string]string

func (p pages) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.ToLower(r.URL.Path)
	for end, body := range p {
		if strings.HasSuffix(path, strings.ToLower(end)) {
			return reply(r, 200, body), nil
		}
	}
	return reply(r, 404, `{"error":{"code":"ResourceNotFound"}}`), nil
}

// An operator's own gateway is found by the subnets of the pools, in whichever
// resource group it is, and its prefix counts with its size.
func TestAssignedGateway(t *testing.T) {
	subnetID := rg + "net/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes"
	gatewayID := rg + "net/providers/Microsoft.Network/natGateways/egress"
	answers := pages{
		"/managedClusters": `{"value":[{"id":"` + rg + `rg/providers/Microsoft.ContainerService/managedClusters/c","name":"c","properties":{"nodeResourceGroup":"MC_g",
			"networkProfile":{"outboundType":"userAssignedNATGateway"},"agentPoolProfiles":[{"count":2,"vnetSubnetID":"` + subnetID + `"},
			{"count":1,"vnetSubnetID":"` + strings.ToUpper(subnetID) + `"},{"count":1,"vnetSubnetID":"https://evil.example.com/x"}]}}]}`,
		"/subnets/nodes": `{"properties":{"natGateway":{"id":"` + gatewayID + `"}}}`,
		"/natGateways/egress": `{"id":"` + gatewayID + `","name":"egress","properties":{"idleTimeoutInMinutes":10,"publicIpAddresses":[` + addr1 + `],
			"publicIpPrefixes":[` + prefA + `]}}`,
		// Source: Azure, "Public IP address prefix": a /30 is 4 addresses.
		"/publicIPPrefixes/A": `{"properties":{"prefixLength":30,"publicIPAddressVersion":"IPv4"}}`,
		"/natGateways/egress/providers/Microsoft.Insights/metrics": `{"interval":"PT1M","value":[{"name":{"value":"TotalConnectionCount"},"timeseries":[
			{"data":[{"timeStamp":"1999-12-31T23:58:00Z","total":42}]}]}]}`,
	}
	told, _, _ := follow(t, Options{Endpoint: "http://127.0.0.1:1", Transport: answers}, ourNodes, time.Minute/2)
	if len(told) == 0 {
		t.Fatal("nothing was told")
	}
	r := told[len(told)-1]
	if p := r.Profile; p == nil || p.IPs != 5 || p.Gateway != "egress" || p.IdleTimeout != 10*time.Minute || p.Nodes != 4 ||
		r.Provider != snat.ProviderAzureNATGW || len(r.Problems) != 0 {
		t.Errorf("%+v %+v", r, r.Profile)
	}
	if g := r.Gateway; g == nil || number(g.Open) != 42 || g.Failed != nil || g.Dropped != nil {
		t.Errorf("gateway %+v", r.Gateway)
	}
}

// Nothing of Azure's in the resource group is said, and asked for no figures.
func TestNothingFound(t *testing.T) {
	told, _, requests := follow(t, Options{Endpoint: "http://127.0.0.1:1", Transport: pages{
		"/managedClusters": `{"value":[]}`, "/loadBalancers": `{"value":[]}`, "/natGateways": `{"value":[]}`,
	}}, ourNodes, 4*time.Minute)
	if len(told) != 1 || len(told[0].Problems) != 1 || !strings.Contains(told[0].Problems[0].Sentence, "no managed cluster has the node resource group mc_g") ||
		told[0].Profile != nil || told[0].Provider != snat.ProviderUnknown {
		t.Errorf("%+v", told)
	}
	if len(requests) != 3 {
		t.Errorf("%d requests in 4 minutes", len(requests))
	}
}

// scoped is a credential that notes what it is asked for.
type scoped struct{ scopes []string }

func (s *scoped) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.scopes = append(s.scopes, o.Scopes...)
	return azcore.AccessToken{Token: secret, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A token for an endpoint is of no use anywhere else.
func TestAudience(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://stack.example.com": "https://stack.example.com/.default",
		"":                          "https://management.azure.com/.default",
	} {
		s := &scoped{}
		told, _, _ := follow(t, Options{Endpoint: endpoint, Credential: s, Transport: pages{}}, ourNodes, time.Second)
		if len(told) == 0 || len(s.scopes) == 0 {
			t.Fatalf("%q: %+v", endpoint, told)
		}
		for _, scope := range s.scopes {
			// The SDK writes the audience of the public cloud with its older name.
			if scope != want && !(endpoint == "" && strings.HasPrefix(scope, "https://management.")) {
				t.Errorf("%q: a token for %q", endpoint, scope)
			}
		}
	}
}
