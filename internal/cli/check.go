package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/report/check"
	"github.com/snattop/snattop/internal/runbook/apiserver"
	"github.com/snattop/snattop/internal/runbook/connectivity"
	"github.com/snattop/snattop/internal/runbook/snatbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/runbook/tunnel"
)

// allBooks is the name of every runbook together.
const allBooks = "all"

// book is a runbook of the command line.
type book struct {
	make func() step.Book
	// measures says that it reads connections, which takes a window.
	measures bool
	// blind says that it has something to say of an API server that does not
	// answer.
	blind bool
}

// books are the runbooks, in the order in which "all" goes through them.
func books() ([]string, map[string]book) {
	known := map[string]book{
		"snat":         {make: snatbook.New, measures: true},
		"tunnel":       {make: tunnel.Book, measures: true},
		apiserver.Name: {make: apiserver.New, blind: true},
		"connectivity": {make: connectivity.New},
	}
	order := slices.DeleteFunc([]string{"snat", "tunnel", "apiserver", "connectivity"}, func(name string) bool {
		_, ok := known[name]
		return !ok
	})
	return order, known
}

type checkFlags struct {
	output   string
	duration time.Duration
}

func newCheck(o *options) *cobra.Command {
	f := checkFlags{output: "table", duration: 3 * time.Second}
	order, _ := books()
	names := slices.Concat(order, []string{allBooks})
	cmd := &cobra.Command{
		Use: "check RUNBOOK", Short: "Go through a runbook: each step checks itself", Args: cobra.ExactArgs(1), ValidArgs: names,
		Long: `check goes through a runbook (` + strings.Join(names, ", ") + `), all steps side by
side, and says of each subject whether it is ok, a problem, unknown or not
applicable, with the commands that show the same and what to do. It changes
nothing, and runs no remedy.

Exit codes: 0 all ok, 1 the tool failed, 2 wrong usage, 3 a problem was found,
4 something could not be seen.`,
		Example: `  snattop check all
  snattop check tunnel -o markdown
  snattop check connectivity --node node3 -o json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runCheck(cmd.Context(), o, args[0], f) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", f.output, "table, json or markdown")
	fs.DurationVar(&f.duration, "duration", f.duration, "how long connections are measured, from when every node is reached")
	return cmd
}

func runCheck(ctx context.Context, o *options, name string, f checkFlags) error {
	write, err := checkWriter(f.output)
	if err != nil {
		return err
	}
	chosen, err := chooseBooks(name)
	if err != nil {
		return err
	}
	if f.duration < time.Second || f.duration > time.Hour {
		return usage("--duration %s: use 1s to 1h", f.duration)
	}
	c, err := o.checkup(ctx, chosen, f.duration)
	if err != nil {
		return err
	}
	shown := newProgress(o.streams)
	steps := c.run(ctx, shown.update)
	shown.end()
	// What was found is told even when something could not be removed.
	left := c.close()
	if ctx.Err() != nil {
		return join(ctx.Err(), left)
	}
	d := check.Build(name, c.cluster(), string(c.provider()), time.Now(), steps)
	if err := write(o.streams.Out, d); err != nil {
		return err
	}
	if left != nil {
		return left
	}
	switch d.Worst() {
	case step.Problem:
		return &exitError{code: ExitProblem}
	case step.Unknown:
		return &exitError{code: ExitUnknown}
	case step.OK, step.NotApplicable:
		return nil
	default:
		return &exitError{code: ExitUnknown}
	}
}

func checkWriter(output string) (func(io.Writer, *check.Document) error, error) {
	switch output {
	case "json":
		return check.JSON, nil
	case "table":
		return check.Table, nil
	case "markdown":
		return check.Markdown, nil
	default:
		return nil, usage("-o %q: use table, json or markdown", output)
	}
}

func chooseBooks(name string) ([]book, error) {
	order, known := books()
	if name == allBooks {
		var out []book
		for _, n := range order {
			out = append(out, known[n])
		}
		return out, nil
	}
	b, ok := known[name]
	if !ok {
		return nil, usage("there is no runbook %q: use %s or %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "), allBooks)
	}
	return []book{b}, nil
}
