package snat

// BudgetSource says where a budget comes from.
type BudgetSource string

// The sources of a budget, as snattop.report/v1 spells them.
const (
	BudgetMeasured BudgetSource = "measured"
	BudgetTable    BudgetSource = "table"
	BudgetFlag     BudgetSource = "flag"
	BudgetUnknown  BudgetSource = "unknown"
)

// Budget is the number of ports that the outbound type grants one node and
// one protocol. Ports is 0 when Source is BudgetUnknown.
type Budget struct {
	Ports  int
	Source BudgetSource
}

// Known reports whether pressure can be derived from the budget.
func (b Budget) Known() bool { return b.Source != BudgetUnknown && b.Source != "" && b.Ports > 0 }

// AzureLBDefaultPorts returns the ports that Azure Load Balancer preallocates
// to each node of a backend pool with one frontend address, by the number of
// nodes in the pool, or 0 beyond the documented table.
//
// Source: Azure Load Balancer, "SNAT ports allocation", default port
// allocation table.
func AzureLBDefaultPorts(poolSize int) int {
	switch {
	case poolSize <= 0:
		return 0
	case poolSize <= 50:
		return 1024
	case poolSize <= 100:
		return 512
	case poolSize <= 200:
		return 256
	case poolSize <= 400:
		return 128
	case poolSize <= 800:
		return 64
	case poolSize <= 1000:
		return 32
	default:
		return 0
	}
}

// BudgetFor works out a node's budget from the operator's flag, else from the
// provider's documented default. Only Azure Load Balancer has a default that
// follows from what the cluster shows; the others say unknown rather than
// guess, because a pressure that was invented is worse than none.
func BudgetFor(flagPorts int, p Provider, poolSize int) Budget {
	if flagPorts > 0 {
		return Budget{Ports: flagPorts, Source: BudgetFlag}
	}
	if p == ProviderAzureLB {
		if n := AzureLBDefaultPorts(poolSize); n > 0 {
			return Budget{Ports: n, Source: BudgetTable}
		}
	}
	return Budget{Source: BudgetUnknown}
}
