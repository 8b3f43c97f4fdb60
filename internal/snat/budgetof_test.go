package snat_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

// Figures are those of the documents that budgetlimits.go names; LB is Azure
// Load Balancer's, NG Azure NAT gateway's, AKS, GCP and AWS the others'.
func TestBudgetOf(t *testing.T) {
	t.Parallel()
	const table, measured, flag, unknown = snat.BudgetTable, snat.BudgetMeasured, snat.BudgetFlag, snat.BudgetUnknown
	lb := snat.ProviderAzureLB
	for name, c := range map[string]struct {
		facts snat.BudgetFacts
		ports int
		from  snat.BudgetSource
		note  string
	}{
		// The order.
		"measured first":               {snat.BudgetFacts{Provider: lb, Measured: 1024, Read: true, PerNode: 1024, Flag: 1024, Pool: 3}, 1024, measured, "1,024 ports: allocated to this node, as the cloud measures it"},
		"measured against the flag":    {snat.BudgetFacts{Provider: lb, Measured: 1024, Flag: 2048}, 1024, measured, "--snat-ports says 2,048, the cloud allocates 1,024"},
		"measured against the profile": {snat.BudgetFacts{Provider: lb, Measured: 512, Read: true, Pool: 3}, 512, measured, "the cluster's profile comes to 1,024, the cloud allocates 512"},
		"measured against both":        {snat.BudgetFacts{Provider: lb, Measured: 512, Read: true, Pool: 3, Flag: 2048}, 512, measured, "--snat-ports says 2,048 and the cluster's profile comes to 1,024, the cloud allocates 512"},
		"measured against a guess":     {snat.BudgetFacts{Provider: lb, Measured: 512, Pool: 3}, 512, measured, "512 ports: allocated to this node, as the cloud measures it"},
		"measured, shared pool":        {snat.BudgetFacts{Provider: snat.ProviderAzureNATGW, Measured: 512, Read: true, IPs: 1}, 512, measured, "512 ports: allocated to this node, as the cloud measures it"},
		"measured without a provider":  {snat.BudgetFacts{Measured: 64}, 64, measured, "64 ports: allocated to this node, as the cloud measures it"},
		"profile over flag":            {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 1024, Flag: 2048}, 1024, table, "1,024 ports: allocated by hand to each node; --snat-ports says 2,048"},
		"flag over guess":              {snat.BudgetFacts{Provider: lb, Flag: 2048, Pool: 3}, 2048, flag, "2,048 ports: --snat-ports says so"},
		"flag where nothing is known":  {snat.BudgetFacts{Flag: 1}, 1, flag, "1 port: --snat-ports says so"},
		"flag that Azure cannot grant": {snat.BudgetFacts{Provider: lb, Flag: 7, Pool: 3}, 7, flag, "7 ports: --snat-ports says so, but Azure allocates multiples of 8 up to 64,000"},
		"flag after an empty profile":  {snat.BudgetFacts{Provider: lb, Read: true, Flag: 2048}, 2048, flag, "2,048 ports: --snat-ports says so"},
		"nothing known":                {snat.BudgetFacts{}, 0, unknown, "what translates addresses is not known: name it with --provider, or the ports of a node with --snat-ports"},
		"auto is no provider":          {snat.BudgetFacts{Provider: snat.ProviderAuto, Pool: 3}, 0, unknown, "what translates addresses is not known: name it with --provider, or the ports of a node with --snat-ports"},
		"a provider of the future":     {snat.BudgetFacts{Provider: "nimbus", Pool: 3}, 0, unknown, "what translates addresses is not known: name it with --provider, or the ports of a node with --snat-ports"},

		// Azure Load Balancer: the table (LB), each tier.
		"tier 1":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 50, IPs: 1}, 1024, table, "1,024 ports: pool of 50 nodes, default allocation"},
		"tier 2":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 51, IPs: 1}, 512, table, "512 ports: pool of 51 nodes, default allocation"},
		"tier 3":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 101, IPs: 1}, 256, table, "256 ports: pool of 101 nodes, default allocation"},
		"tier 4":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 201, IPs: 1}, 128, table, "128 ports: pool of 201 nodes, default allocation"},
		"tier 5":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 401, IPs: 1}, 64, table, "64 ports: pool of 401 nodes, default allocation"},
		"tier 6":                 {snat.BudgetFacts{Provider: lb, Read: true, Pool: 801, IPs: 1}, 32, table, "32 ports: pool of 801 nodes, default allocation"},
		"last row":               {snat.BudgetFacts{Provider: lb, Read: true, Pool: 1000, IPs: 1}, 32, table, "32 ports: pool of 1,000 nodes, default allocation"},
		"beyond it":              {snat.BudgetFacts{Provider: lb, Read: true, Pool: 1001, IPs: 1}, 0, unknown, "the documented default allocation ends at 1,000 nodes, the pool has 1,001: give the ports of a node with --snat-ports"},
		"no pool":                {snat.BudgetFacts{Provider: lb, Read: true, IPs: 1}, 0, unknown, "the size of the backend pool is not known: give the ports of a node with --snat-ports"},
		"one node":               {snat.BudgetFacts{Provider: lb, Read: true, Pool: 1, IPs: 1}, 1024, table, "1,024 ports: pool of 1 node, default allocation"},
		"guessed":                {snat.BudgetFacts{Provider: lb, Pool: 3}, 1024, table, "1,024 ports: pool of 3 nodes, default allocation assumed"},
		"no address":             {snat.BudgetFacts{Provider: lb, Read: true, Pool: 3}, 1024, table, "1,024 ports: pool of 3 nodes, default allocation"},
		"no address, large pool": {snat.BudgetFacts{Provider: lb, Read: true, Pool: 60}, 512, table, "512 ports: pool of 60 nodes, default allocation, one address assumed"},
		// Several frontends: min(table × frontends, 1024) (LB).
		"two frontends, small pool": {snat.BudgetFacts{Provider: lb, Read: true, Pool: 50, IPs: 2}, 1024, table, "1,024 ports: pool of 50 nodes, 2 addresses, default allocation"},
		"two frontends, large pool": {snat.BudgetFacts{Provider: lb, Read: true, Pool: 300, IPs: 2}, 256, table, "256 ports: pool of 300 nodes, 2 addresses, default allocation"},
		"many frontends":            {snat.BudgetFacts{Provider: lb, Read: true, Pool: 900, IPs: 1 << 40}, 1024, table, "1,024 ports: pool of 900 nodes, 1,099,511,627,776 addresses, default allocation"},
		// By hand: at most 64000, and more addresses do not raise it (AKS).
		"by hand":                 {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 2048, Pool: 3, IPs: 1}, 2048, table, "2,048 ports: allocated by hand to each node"},
		"by hand, more addresses": {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 2048, Pool: 3, IPs: 9}, 2048, table, "2,048 ports: allocated by hand to each node"},
		"by hand, all of them":    {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 64_000, Pool: 1, IPs: 1}, 64_000, table, "64,000 ports: allocated by hand to each node"},
		"by hand, too many nodes": {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 2048, Pool: 40, IPs: 1}, 2048, table, "2,048 ports: allocated by hand to each node, but 40 nodes take 81,920 of the 64,000 on 1 address"},
		"by hand, no such figure": {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 64_008, Pool: 3, IPs: 1}, 0, unknown, "the cluster's profile allocates 64,008 ports to a node, Azure's limit is 64,000: give the real figure with --snat-ports"},
		"that, and a flag":        {snat.BudgetFacts{Provider: lb, Read: true, PerNode: 64_008, Pool: 3, IPs: 1, Flag: 1024}, 1024, flag, "1,024 ports: --snat-ports says so"},

		// Azure NAT gateway: 64,512 for each address, up to 16 (NG).
		"gateway":               {snat.BudgetFacts{Provider: snat.ProviderAzureNATGW, Read: true, IPs: 1, Pool: 3}, 64_512, table, "64,512 ports: a NAT gateway with 1 address, shared by all nodes on demand"},
		"gateway, 16 addresses": {snat.BudgetFacts{Provider: snat.ProviderAzureNATGW, Read: true, IPs: 16}, 1_032_192, table, "1,032,192 ports: a NAT gateway with 16 addresses, shared by all nodes on demand"},
		"gateway, 17 addresses": {snat.BudgetFacts{Provider: snat.ProviderAzureNATGW, Read: true, IPs: 17}, 0, unknown, "17 addresses are more than the 16 of a NAT gateway: give the ports of a node with --snat-ports"},
		"gateway, not read":     {snat.BudgetFacts{Provider: snat.ProviderAzureNATGW, Pool: 3}, 0, unknown, "the number of the NAT gateway's addresses is not known; each has 64,512 ports, shared by all nodes"},

		// Google Cloud NAT: 64 static, 32 dynamic while nobody sets others (GCP).
		"google, static default":        {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, IPs: 1}, 64, table, "64 ports: Cloud NAT's default for static allocation"},
		"google, static":                {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, PerNode: 128}, 128, table, "128 ports: Cloud NAT's minimum per node, as set by hand"},
		"google, dynamic default":       {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, Dynamic: true}, 0, unknown, "Cloud NAT grants 32 ports at least and more on demand; the most is not known"},
		"google, dynamic":               {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, Dynamic: true, PerNode: 4096}, 4096, table, "4,096 ports: the most that Cloud NAT grants a node on demand"},
		"google, only the project read": {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, Pool: 3}, 0, unknown, "what Cloud NAT is set to is not known; its defaults are 64 ports a node, or 32 and more on demand: give --snat-ports"},
		"google, guessed":               {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Pool: 3}, 0, unknown, "what Cloud NAT is set to is not known; its defaults are 64 ports a node, or 32 and more on demand: give --snat-ports"},
		"google, nonsense":              {snat.BudgetFacts{Provider: snat.ProviderGCPNAT, Read: true, PerNode: 1 << 40}, 0, unknown, "the gateway's ports per node cannot be right: give the real figure with --snat-ports"},

		// AWS: 55,000 to a destination for each address, up to 8 (AWS).
		"aws":              {snat.BudgetFacts{Provider: snat.ProviderAWSNATGW, Read: true, IPs: 1}, 55_000, table, "55,000 ports to a destination: a NAT gateway with 1 address, shared by what is behind it"},
		"aws, 8 addresses": {snat.BudgetFacts{Provider: snat.ProviderAWSNATGW, Read: true, IPs: 8}, 440_000, table, "440,000 ports to a destination: a NAT gateway with 8 addresses, shared by what is behind it"},
		"aws, 9 addresses": {snat.BudgetFacts{Provider: snat.ProviderAWSNATGW, Read: true, IPs: 9}, 0, unknown, "9 addresses are more than the 8 of a NAT gateway: give the ports of a node with --snat-ports"},
		"aws, guessed":     {snat.BudgetFacts{Provider: snat.ProviderAWSNATGW, Pool: 3}, 0, unknown, "the number of the NAT gateway's addresses is not known; each has 55,000 ports to a destination, shared by what is behind it"},

		// What no provider can grant is not believed.
		"measured nonsense": {snat.BudgetFacts{Provider: lb, Measured: 1 << 40, Pool: 3}, 1024, table, "1,024 ports: pool of 3 nodes, default allocation assumed"},
		"negative":          {snat.BudgetFacts{Provider: lb, Measured: -1, Flag: -1, Read: true, Pool: -1}, 0, unknown, "the size of the backend pool is not known: give the ports of a node with --snat-ports"},
	} {
		got := snat.BudgetOf(c.facts)
		if got.Ports != c.ports || got.Source != c.from || got.Note != c.note || got.Known() != (c.from != unknown) {
			t.Errorf("%s: %d ports (%s, known %t)\n  %s\nwant %d (%s)\n  %s", name, got.Ports, got.Source, got.Known(), got.Note, c.ports, c.from, c.note)
		}
		one := snat.ProviderAzureNATGW == c.facts.Provider || snat.ProviderAWSNATGW == c.facts.Provider
		if shared := one && c.from == table; got.Shared != shared || (got.PerDestination > 0) != shared {
			t.Errorf("%s: shared %t, %d for one destination", name, got.Shared, got.PerDestination)
		}
	}
}

// 50,000 connections per address to one destination (Azure NAT gateway);
// 55,000, which is what AWS counts to begin with.
func TestBudgetPerDestination(t *testing.T) {
	t.Parallel()
	for p, want := range map[snat.Provider]int{snat.ProviderAzureNATGW: 150_000, snat.ProviderAWSNATGW: 165_000} {
		if got := snat.BudgetOf(snat.BudgetFacts{Provider: p, Read: true, IPs: 3}); got.PerDestination != want || !got.Shared {
			t.Errorf("%s: %+v", p, got)
		}
	}
}

func TestAzureLBDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pool, ips, want int }{
		{0, 1, 0}, {1, 0, 0}, {1, -1, 0}, {1001, 4, 0},
		{50, 1, 1024}, {51, 1, 512}, {51, 2, 1024}, {51, 3, 1024},
		{400, 3, 384}, {801, 31, 992}, {801, 32, 1024}, {801, 33, 1024},
	} {
		if got := snat.AzureLBDefault(c.pool, c.ips); got != c.want {
			t.Errorf("AzureLBDefault(%d, %d) = %d, want %d", c.pool, c.ips, got, c.want)
		}
	}
}

// Whatever is told, a budget has a figure exactly when it has a source, always
// says why, in one sentence, and is no more than the largest gateway has.
func TestBudgetOfProperties(t *testing.T) {
	t.Parallel()
	number := rapid.OneOf(rapid.IntRange(-8, 2048), rapid.Int())
	rapid.Check(t, func(t *rapid.T) {
		f := snat.BudgetFacts{
			Provider: rapid.SampledFrom(providers).Draw(t, "provider"),
			Measured: number.Draw(t, "measured"), Flag: number.Draw(t, "flag"), Read: rapid.Bool().Draw(t, "read"),
			PerNode: number.Draw(t, "per node"), Dynamic: rapid.Bool().Draw(t, "dynamic"),
			IPs: number.Draw(t, "ips"), Pool: number.Draw(t, "pool"),
		}
		b := snat.BudgetOf(f)
		if b.Known() != (b.Source != snat.BudgetUnknown) || (b.Ports > 0) != b.Known() || b.Ports > 16*64_512 {
			t.Fatalf("%+v of %+v", b, f)
		}
		if b.Note == "" || strings.Contains(b.Note, "\n") {
			t.Fatalf("note %q of %+v", b.Note, f)
		}
		if f.Measured > 0 && f.Measured <= 16*64_512 && (b.Source != snat.BudgetMeasured || b.Ports != f.Measured) {
			t.Fatalf("%+v of %+v", b, f)
		}
	})
}

var providers = []snat.Provider{
	snat.ProviderAzureLB, snat.ProviderAzureNATGW, snat.ProviderGCPNAT, snat.ProviderAWSNATGW, snat.ProviderAuto, snat.ProviderUnknown, "",
}
