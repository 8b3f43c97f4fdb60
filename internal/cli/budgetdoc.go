package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/snattop/snattop/internal/snat"
)

// budgetSchema names the JSON document of snattop budget. Keys may be added to
// it; none is ever taken away or changes its meaning. See docs/budget.md.
const budgetSchema = "snattop.budget/v1"

// budgetDoc is that document. Numbers that are not known or were not asked for
// are null; lists never are.
type budgetDoc struct {
	Schema         string              `json:"schema"`
	Provider       snat.Provider       `json:"provider"`
	Asked          budgetAsked         `json:"asked"`
	Fits           *bool               `json:"fits"`
	Summary        string              `json:"summary"`
	Nodes          int                 `json:"nodes_with_surge"`
	Ports          *int                `json:"ports_per_node"`
	PortsPerIP     *int                `json:"ports_per_ip"`
	Needed         *int                `json:"ports_needed"`
	Available      *int                `json:"ports_available"`
	Largest        *int                `json:"largest_ports_per_node"`
	FewestIPs      *int                `json:"fewest_ips"`
	MaxIPs         *int                `json:"max_ips"`
	MostNodes      *int                `json:"most_nodes"`
	Shared         bool                `json:"shared"`
	OneDestination *budgetDestination  `json:"one_destination"`
	Default        *budgetDefault      `json:"default_allocation"`
	Notes          []string            `json:"notes"`
	Commands       []budgetCommandLine `json:"commands"`
}

type budgetAsked struct {
	Nodes int  `json:"nodes"`
	Surge int  `json:"surge"`
	IPs   int  `json:"ips"`
	Ports *int `json:"ports_per_node"`
}

type budgetDestination struct {
	Available int   `json:"ports_available"`
	Largest   int   `json:"largest_ports_per_node"`
	Fits      *bool `json:"fits"`
}

type budgetDefault struct {
	Ports     *int `json:"ports_per_node"`
	WithSurge *int `json:"ports_per_node_with_surge"`
	NextNodes *int `json:"next_nodes"`
	NextPorts *int `json:"next_ports_per_node"`
}

type budgetCommandLine struct {
	Text    string `json:"text"`
	Command string `json:"command"`
	Warning string `json:"warning"`
}

func budgetDocument(p snat.Plan) budgetDoc {
	in := p.Input
	d := budgetDoc{
		Schema: budgetSchema, Provider: in.Provider,
		Asked: budgetAsked{Nodes: in.Nodes, Surge: in.Surge, IPs: in.IPs},
		Fits:  p.Fits, Summary: p.Summary(), Nodes: p.Machines, Ports: p.Wanted, PortsPerIP: p.PortsPerIP,
		Needed: p.Needed, Available: p.Available, Largest: p.Largest, FewestIPs: p.FewestIPs, MaxIPs: p.MaxIPs,
		MostNodes: p.MostNodes, Shared: p.Shared, Notes: append([]string{}, p.Notes()...), Commands: []budgetCommandLine{},
	}
	if in.Ports > 0 {
		d.Asked.Ports = &in.Ports
	}
	if o := p.OneDestination; o != nil {
		d.OneDestination = &budgetDestination{Available: o.Available, Largest: o.Largest, Fits: o.Fits}
	}
	if a := p.Default; a != nil {
		d.Default = &budgetDefault{Ports: a.Ports, WithSurge: a.WithSurge, NextNodes: a.NextNodes, NextPorts: a.NextPorts}
	}
	for _, c := range p.Commands(snat.CommandTarget{}) {
		d.Commands = append(d.Commands, budgetCommandLine{Text: c.Text, Command: c.Line, Warning: c.Warning})
	}
	return d
}

// writeBudgetJSON writes the document whole or not at all.
func writeBudgetJSON(w io.Writer, d budgetDoc) error {
	b, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the budget: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the budget: %w", err)
	}
	return nil
}
