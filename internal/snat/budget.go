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
	// Shared means that Ports are a pool which every node takes from, so that
	// pressure is the sum over the nodes.
	Shared bool
	// PerDestination is the most flows to one destination, where the provider
	// documents such a limit of its own; 0: there is none but Ports.
	PerDestination int
	// Note is one sentence on how the figure came to be, what contradicts it,
	// or why there is none. It holds no text from a cluster.
	Note string
}

// Known reports whether pressure can be derived from the budget.
func (b Budget) Known() bool { return b.Source != BudgetUnknown && b.Source != "" && b.Ports > 0 }

// Limit is the most ports that flows to one destination can take, which is
// what runs out: the budget, or less where the provider documents so.
func (b Budget) Limit() int {
	if b.PerDestination > 0 {
		return min(b.PerDestination, b.Ports)
	}
	return b.Ports
}
