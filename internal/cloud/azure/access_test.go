package azure

import (
	"slices"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cloud"
)

func TestReadAccess(t *testing.T) {
	t.Parallel()
	cluster := func(profile string) string {
		return `{"value":[{"id":"` + rg + `other/providers/Microsoft.ContainerService/managedClusters/o","name":"o","properties":{"nodeResourceGroup":"MC_o","fqdn":"o.hcp.westeurope.azmk8s.io"}},
			{"id":"` + rg + `rg/providers/Microsoft.ContainerService/managedClusters/c","name":"c","properties":{"nodeResourceGroup":"MC_g","fqdn":"c.hcp.westeurope.azmk8s.io"` + profile + `}}]}`
	}
	ranges := `,"apiServerAccessProfile":{"authorizedIPRanges":["203.0.113.0/24","198.51.100.7","no range","$(x)"],"enablePrivateCluster":true}`
	subscriptions := `{"value":[{"subscriptionId":"not one"},{"subscriptionId":"00000000-0000-0000-0000-000000000000"}]}`
	for _, tt := range []struct {
		name    string
		answers pages
		server  string
		nodes   []cloud.Node
		want    *cloud.Access
		fails   string
	}{
		{"by its nodes", pages{"/managedClusters": cluster(ranges)}, "127.0.0.1", ourNodes, &cloud.Access{Name: "c", Group: "rg", Authorized: []string{"203.0.113.0/24", "198.51.100.7"}, Private: true}, ""},
		{"everybody", pages{"/managedClusters": cluster("")}, "127.0.0.1", ourNodes, &cloud.Access{Name: "c", Group: "rg"}, ""},
		{"by its name", pages{"/subscriptions": subscriptions, "/managedClusters": cluster(ranges)}, "C.hcp.westeurope.azmk8s.io", nil, &cloud.Access{Name: "c", Group: "rg", Authorized: []string{"203.0.113.0/24", "198.51.100.7"}, Private: true}, ""},
		{"another name", pages{"/subscriptions": subscriptions, "/managedClusters": cluster(ranges)}, "x.hcp.westeurope.azmk8s.io", nil, nil, "no managed cluster of this name"},
		{"no Azure", pages{}, "api.example", nil, nil, ""},
		{"not found", pages{}, "127.0.0.1", ourNodes, nil, "reading the cluster: not found"},
		{"no JSON", pages{"/managedClusters": "<html>"}, "127.0.0.1", ourNodes, nil, "no valid JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadAccess(t.Context(), Options{Endpoint: "http://127.0.0.1:1", Transport: tt.answers}, tt.server, tt.nodes)
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Fatalf("got %v", err)
			}
			if (got == nil) != (tt.want == nil) || got != nil && (got.Name != tt.want.Name || got.Group != tt.want.Group || got.Private != tt.want.Private || !slices.Equal(got.Authorized, tt.want.Authorized)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
