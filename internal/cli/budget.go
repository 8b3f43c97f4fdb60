package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/snat"
)

type budgetFlags struct {
	nodes, surge, ips, portsPerIP int
	output                        string
}

func newBudget(o *options) *cobra.Command {
	f := budgetFlags{ips: 1, output: "table"}
	cmd := &cobra.Command{
		Use: "budget", Short: "Work out what SNAT ports are enough, offline", Args: cobra.NoArgs, Annotations: redacting(),
		Long: `budget holds a number of ports per node against nodes and outbound addresses,
by the documented arithmetic of the provider, and prints the commands that set
it. It asks no cluster and no cloud, and runs none of the commands.

Without --snat-ports it works out what the provider allocates by itself. Exit
codes: 0 it fits, 1 the tool failed, 2 wrong usage, 3 it does not fit, 4 it
cannot tell.`,
		Example: `  snattop budget --provider azure-lb --nodes 24 --surge 3 --snat-ports 2048
  snattop budget --provider azure-lb --nodes 48 --surge 5
  snattop budget --provider azure-natgw --nodes 200 --ips 4 -o json
  snattop budget --provider gcp-nat --nodes 24 --snat-ports 1024 --ports-per-ip N`,
		RunE: func(*cobra.Command, []string) error { return runBudget(o, f) },
	}
	fs := cmd.Flags()
	fs.IntVar(&f.nodes, "nodes", 0, "nodes behind the addresses, those of other clusters included (required)")
	fs.IntVar(&f.surge, "surge", 0, "nodes that an upgrade adds for a while")
	fs.IntVar(&f.ips, "ips", f.ips, "outbound addresses")
	fs.IntVar(&f.portsPerIP, "ports-per-ip", 0, "ports of one address, for azure-lb and gcp-nat (default: azure-lb 64000; gcp-nat not known)")
	fs.StringVarP(&f.output, "output", "o", f.output, "table or json")
	return cmd
}

func runBudget(o *options, f budgetFlags) error {
	write, err := budgetWriter(f.output)
	if err != nil {
		return err
	}
	provider, err := snat.ParseProvider(o.provider)
	if err != nil {
		return usage("--provider: %w", err)
	}
	plan, err := snat.PlanOf(snat.PlanInput{
		Provider: provider, Nodes: f.nodes, Surge: f.surge, IPs: f.ips, Ports: o.snatPorts, PortsPerIP: f.portsPerIP,
	})
	if err != nil {
		return usage("%w", err)
	}
	if err := write(o.streams.Out, budgetDocument(plan)); err != nil {
		return err
	}
	if code := planCode(plan); code != ExitHealthy {
		return &exitError{code: code}
	}
	return nil
}

// planCode is the exit code of a plan.
func planCode(p snat.Plan) int {
	switch {
	case p.Fits == nil:
		return ExitUnknown
	case *p.Fits:
		return ExitHealthy
	default:
		return ExitProblem
	}
}

func budgetWriter(output string) (func(io.Writer, budgetDoc) error, error) {
	switch output {
	case "json":
		return writeBudgetJSON, nil
	case "table":
		return writeBudgetTable, nil
	default:
		return nil, usage("-o %q: use table or json", output)
	}
}
