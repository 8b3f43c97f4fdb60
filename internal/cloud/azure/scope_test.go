package azure

import (
	"slices"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cloud"
)

const (
	sub1 = "11111111-2222-3333-4444-555555555555"
	sub2 = "99999999-2222-3333-4444-555555555555"
)

func machineID(sub, group, rest string) string {
	return "azure:///subscriptions/" + sub + "/resourceGroups/" + group + "/providers/Microsoft.Compute/" + rest
}

func TestParseProviderID(t *testing.T) {
	for id, want := range map[string]scope{
		machineID(sub1, "mc_rg_c_weu", "virtualMachineScaleSets/aks-np1/virtualMachines/0"):                   {sub1, "mc_rg_c_weu"},
		machineID(sub1, "MC_rg", "virtualMachines/aks-1"):                                                     {sub1, "MC_rg"},
		strings.Replace(machineID(sub1, "größe", "virtualMachines/x"), "resourceGroups", "resourcegroups", 1): {sub1, "größe"},
	} {
		got, err := parseProviderID(id)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	for _, id := range []string{
		"", "gce://p/z/i", "azure://", "azure:///subscriptions", "azure:///subscriptions/x/resourceGroups/g/providers/Microsoft.Compute/y",
		machineID(sub1, "..", "virtualMachines/x"), machineID(sub1, "a b", "virtualMachines/x"), machineID(sub1, "a?x=1", "virtualMachines/x"),
		machineID(sub1, "", "virtualMachines/x"), machineID(sub1, strings.Repeat("g", 91), "virtualMachines/x"),
		"azure:///subscriptions/" + sub1 + "/resourceGroups/g/providers/Microsoft.ContainerInstance/containerGroups/x",
	} {
		if s, err := parseProviderID(id); err == nil {
			t.Errorf("%q was taken for %+v", id, s)
		}
	}
}

func FuzzProviderID(f *testing.F) {
	f.Add(machineID(sub1, "mc_rg_c_weu", "virtualMachineScaleSets/aks-np1/virtualMachines/0"))
	f.Fuzz(func(t *testing.T, id string) {
		s, err := parseProviderID(id)
		if err != nil {
			return
		}
		path := s.path("/x")
		if strings.ContainsAny(path, "?# \n") || strings.Count(path, "/") != 5 {
			t.Errorf("%q leads to %q", id, path)
		}
	})
}

func TestMuster(t *testing.T) {
	nodes := []cloud.Node{
		{InternalIP: "10.0.0.3", ProviderID: machineID(sub1, "MC_a", "virtualMachines/1")},
		{InternalIP: "10.0.0.1", ProviderID: machineID(strings.ToUpper(sub1), "mc_A", "virtualMachineScaleSets/x/virtualMachines/1")},
		{InternalIP: "10.0.0.2", ProviderID: machineID(sub2, "MC_a", "virtualMachines/1")},
		{InternalIP: "10.0.0.4", ProviderID: "azure:///nonsense"},
		{InternalIP: "10.0.0.5"},
		{InternalIP: "10.0.0.6", ProviderID: "kind://x"},
	}
	f := muster(nodes)
	if !f.scope.is(scope{sub1, "mc_a"}) || !slices.Equal(f.addresses, []string{"10.0.0.1", "10.0.0.3"}) || f.foreign {
		t.Errorf("%+v", f)
	}
	if len(f.problems) != 2 || !strings.Contains(f.problems[0].Sentence, "2 resource groups or subscriptions") ||
		!strings.Contains(f.problems[1].Sentence, "1 of 6 nodes") {
		t.Errorf("problems %+v", f.problems)
	}
	if f := muster(nodes[5:]); !f.foreign {
		t.Error("nodes of another cloud are followed")
	}
	// A node whose providerID has not come yet may be one of Azure's.
	if f := muster(nodes[4:]); f.foreign || f.scope.group != "" {
		t.Errorf("%+v", f)
	}
}
