package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe"
)

// Main runs the program and returns its exit code.
func Main(version string, args []string) int {
	// A probe that uploads itself is this very program under another name of
	// its first argument; it must not touch anything of the laptop's side.
	if len(args) > 0 && args[0] == "probe" {
		return probe.Main(context.Background(), version, args[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	// A hang-up counts as well: the terminal's window was closed, and nothing
	// of ours may stay in the cluster.
	ctx, stop := untilSignal(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return Run(ctx, Config{
		Version: version, Args: args, Name: filepath.Base(os.Args[0]), Getenv: os.Getenv, ConfigFile: ConfigFile(),
		Streams: Streams{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
			InTerminal: term.IsTerminal(os.Stdin.Fd()), OutTerminal: term.IsTerminal(os.Stdout.Fd()), ErrTerminal: term.IsTerminal(os.Stderr.Fd()),
			Gone: func() bool { _, _, err := term.GetSize(os.Stdout.Fd()); return err != nil },
		},
	})
}

// Config is everything that the program takes from its surroundings.
type Config struct {
	Version string
	// Name is how the program was called: "kubectl-snattop" is a plugin.
	Name    string
	Args    []string
	Streams Streams
	Getenv  func(string) string
	// ConfigFile holds defaults of flags; it need not exist.
	ConfigFile string
}

// Run runs the program until it is done or ctx ends.
func Run(ctx context.Context, cfg Config) int {
	o := &options{version: cfg.Version, configFile: cfg.ConfigFile, streams: cfg.Streams, getenv: cfg.Getenv, kube: genericclioptions.NewConfigFlags(true)}
	defer o.close()
	root := newRoot(o, cfg)
	root.SetArgs(cfg.Args)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &exitError{code: ExitFailed, err: errors.New("interrupted")}
	}
	code, show := codeOf(err)
	if show {
		fmt.Fprintf(cfg.Streams.Err, "snattop: %s\n", sanitize.Text(err.Error()))
	}
	return code
}

func newRoot(o *options, cfg Config) *cobra.Command {
	use := "snattop"
	if strings.HasPrefix(cfg.Name, "kubectl-") {
		use = "kubectl snattop"
	}
	root := &cobra.Command{
		Use:   use,
		Short: "Find the pod that eats a node's SNAT ports",
		Long: `snattop shows, live and in one terminal, which node of a Kubernetes cluster runs
out of SNAT ports, and leads from there to the pod, the process and the
destination that use them.

It reads through debug pods of its own, which it removes when it ends; it
changes nothing else in a cluster.`,
		Example: `  snattop                                the current kubeconfig context
  snattop --context prod --snat-ports 1024
  snattop demo                           a recorded cluster that runs out of ports
  snattop local                          this Linux host, no cluster needed
  snattop report -o json --duration 10s  for scripts and tickets
  snattop clean                          remove what an interrupted run left`,
		Args:          cobra.NoArgs,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := applyDefaults(cmd.Flags(), o.getenv, cfg.ConfigFile); err != nil {
				return err
			}
			if err := o.checkRedact(cmd); err != nil {
				return err
			}
			o.asciiChosen = cmd.Flags().Changed("ascii")
			return o.complete()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runCluster(cmd.Context(), o) },
	}
	root.Annotations = redacting()
	if use != "snattop" {
		root.Annotations[cobra.CommandDisplayNameAnnotation] = use
		root.Use = "snattop"
	}
	o.flags(root.PersistentFlags())
	root.SetIn(o.streams.In)
	root.SetOut(o.streams.Out)
	root.SetErr(o.streams.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(newLocal(o), newReport(o), newCheck(o), newCompare(o), newBudget(o), newRecord(o), newReplay(o), newDemo(o), newCapture(o), newClean(o), newVersion(o))
	wrapArgs(root)
	return root
}

// wrapArgs makes wrong arguments wrong usage, for every command.
func wrapArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage("%w; see %s --help", err, c.CommandPath())
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// needTerminal refuses to draw a screen where nobody sees it, or where it would be
// a heap of control characters.
func (o *options) needTerminal(command string) error {
	term := o.getenv("TERM")
	switch {
	case !o.streams.OutTerminal || !o.streams.InTerminal:
		return usage("%s draws a screen and needs a terminal: use 'snattop report' for scripts and pipes", command)
	case runtime.GOOS == "windows": // its console needs no such variable
		return nil
	case o.plain: // lines of words need no screen
		return nil
	case term == "":
		return usage("%s draws a screen, and TERM does not say what this terminal is: set it (TERM=xterm-256color suits most), or use 'snattop report'", command)
	case term == "dumb":
		return usage("%s draws a screen, and TERM=dumb says that this terminal has none: set what it really is (TERM=xterm-256color suits most), or use --plain or 'snattop report'", command)
	default:
		return nil
	}
}

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Annotations: redacting(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(o.streams.Out, versionText(o.version))
			return err
		},
	}
}

// join keeps the first error's exit code and adds the others' words.
func join(errs ...error) error {
	var first *exitError
	said := make([]error, 0, len(errs))
	for _, err := range errs {
		var e *exitError
		if errors.As(err, &e) && first == nil {
			first = e
		}
		if e == nil || e.err != nil {
			said = append(said, err)
		}
	}
	err := errors.Join(said...)
	if first != nil {
		return &exitError{code: first.code, err: err}
	}
	return err
}
