package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/report/proof"
)

func newCompare(o *options) *cobra.Command {
	output := "table"
	cmd := &cobra.Command{
		Use: "compare A B", Short: "Hold two reports or recordings beside each other: did it help?", Args: cobra.ExactArgs(2),
		Long: `compare says of each node, workload, pod and destination whether it is less, the
same or more in B than it was in A, and only calls a difference one that is
beyond noise. A and B are reports (snattop report -o json) or recordings
(snattop record); of a recording the last picture counts. Exit codes: 0 nothing
is worse, 1 the tool failed, 2 wrong usage, 3 something is worse beyond noise,
4 it could not tell.`,
		Example: `  snattop report -o json --duration 5m > before.json
  snattop report -o json --duration 5m > after.json
  snattop compare before.json after.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCompare(cmd.Context(), o, args[0], args[1], output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "table, json or markdown")
	return cmd
}

func runCompare(ctx context.Context, o *options, before, after, output string) error {
	write, err := compareWriter(output)
	if err != nil {
		return err
	}
	opts, err := o.session()
	if err != nil {
		return err
	}
	a, err := proof.Open(ctx, before, opts)
	if err != nil {
		return err
	}
	b, err := proof.Open(ctx, after, opts)
	if err != nil {
		return err
	}
	c := proof.CompareInputs(a, b, opts.Timers)
	if err := write(o.streams.Out, c); err != nil {
		return err
	}
	if code := compareCode(c.Answer); code != ExitHealthy {
		return &exitError{code: code}
	}
	return nil
}

func compareWriter(output string) (func(io.Writer, *proof.Comparison) error, error) {
	switch output {
	case "json":
		return proof.JSON, nil
	case "table":
		return proof.Table, nil
	case "markdown":
		return proof.Markdown, nil
	default:
		return nil, usage("-o %q: use table, json or markdown", output)
	}
}

// compareCode is the exit code of a comparison: of what is worse, not of what
// is different.
func compareCode(a proof.Answer) int {
	switch a {
	case proof.Less, proof.Same:
		return ExitHealthy
	case proof.More:
		return ExitProblem
	case proof.CannotTell, proof.New, proof.Gone:
		return ExitUnknown
	default:
		return ExitUnknown
	}
}
