package probe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// endGrace is how long a probe whose leash was let go may take to say so.
const endGrace = 2 * time.Second

// Main is the probe's program: frames on stdout, commands on stdin, one line
// on stderr when it fails. It returns the exit code: 0 when the leash or the
// deadline ended it, 1 on failure, 2 on wrong usage.
//
// Where the first argument is ExamineCommand or CaptureCommand, it is that.
func Main(ctx context.Context, version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == ExamineCommand {
		return exitCode(examineMain(ctx, args[1:], stdin, stdout, stderr), stderr)
	}
	if len(args) > 0 && args[0] == CaptureCommand {
		return exitCode(captureMain(ctx, version, args[1:], stdin, stdout, stderr), stderr)
	}
	if len(args) > 0 && args[0] == PassCommand {
		return exitCode(passMain(ctx, args[1:]), stderr)
	}
	cfg, to, err := parseFlags(version, args, stderr)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		fmt.Fprintf(stderr, "snattop-probe: %v\n", err)
		return 2
	}
	if to != nil {
		ctx, cancel := withDeadline(ctx, cfg.Deadline)
		defer cancel()
		return exitCode(to.glanceInto(ctx, cfg), stderr)
	}
	if err := Serve(ctx, cfg, stdin, stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "snattop-probe: %v\n", err)
		return 1
	}
	return 0
}

// exitCode says what a command's error means to whoever started it.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "snattop-probe: %v\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "snattop-probe: %v\n", err)
		return 1
	}
}

func parseFlags(version string, args []string, stderr io.Writer) (Config, box, error) {
	cfg := Config{Version: version}
	fs := flag.NewFlagSet("snattop-probe", flag.ContinueOnError)
	fs.SetOutput(stderr)
	scope := fs.String("scope", string(ScopeNode), "node: every network namespace; pod: this one")
	coll := fs.String("collector", string(CollectorAuto), "auto, ebpf, diag, procfs or tcptracer")
	fs.DurationVar(&cfg.Interval, "interval", time.Second, "time between ticks")
	fs.DurationVar(&cfg.Deadline, "deadline", 0, "end after this time; 0 means never")
	fs.StringVar(&cfg.Proc, "proc", "/proc", "where procfs of the node is mounted")
	fs.StringVar(&cfg.HostRoot, "host-root", "/", "where the node's root is mounted")
	fs.StringVar(&cfg.Lease, "lease", "", "file to touch while running")
	fs.IntVar(&cfg.MaxRows, "max-destinations", DefaultMaxRows, "most destinations that are told apart")
	fs.BoolVar(&cfg.FocusAll, "detail", false, "tell the processes of every owner from the start")
	tell := fs.String("tell", "", "leave two snapshots in these files, as termination messages, and end")
	if err := fs.Parse(args); err != nil {
		return cfg, nil, err
	}
	if fs.NArg() > 0 {
		return cfg, nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	cfg.Scope, cfg.Collector = Scope(*scope), Collector(*coll)
	cfg, err := cfg.complete()
	if err != nil || *tell == "" {
		return cfg, nil, err
	}
	to, err := parseBox(*tell)
	return cfg, to, err
}

// Serve runs a probe on a pair of streams. The end of in ends it, even while
// out accepts nothing.
func Serve(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan wire.Command, 1)
	leash := make(chan error, 1)
	go func() {
		err := readCommands(ctx, in, commands)
		close(commands)
		leash <- err
	}()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, commands, wire.NewEncoder(out)) }()
	var overdue <-chan time.Time
	if cfg.Deadline > 0 {
		t := time.NewTimer(cfg.Deadline + endGrace)
		defer t.Stop()
		overdue = t.C
	}
	select {
	case err := <-done:
		return err
	case lerr := <-leash:
		return lastWord(done, lerr)
	case <-ctx.Done():
		return lastWord(done, ctx.Err())
	case <-overdue:
		return nil
	}
}

// lastWord gives a run that was told to end a moment to say so. When it cannot,
// the reader of its output is gone as well: nobody is left to tell.
func lastWord(done <-chan error, why error) error {
	t := time.NewTimer(endGrace)
	defer t.Stop()
	select {
	case err := <-done:
		if errors.Is(why, err) { // no error, or the same
			return why
		}
		return errors.Join(err, why)
	case <-t.C:
		return why
	}
}

// readCommands passes commands on until in ends. commands holds one: it must
// never wait for its reader, or it would miss the end of in.
func readCommands(ctx context.Context, in io.Reader, commands chan wire.Command) error {
	dec := wire.NewDecoder(in)
	for {
		m, err := dec.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading commands: %w", err)
		}
		if m.Command == nil {
			continue // what a controller should not say is no reason to die
		}
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		post(commands, *m.Command)
	}
}

// post leaves a command in a box of one, together with what lies there still.
// It never blocks, as nobody else puts anything in.
func post(box chan wire.Command, cmd wire.Command) {
	select {
	case old := <-box:
		if cmd.Focus == nil {
			cmd.Focus = old.Focus
		}
		if cmd.IntervalMillis == 0 {
			cmd.IntervalMillis = old.IntervalMillis
		}
	default:
	}
	box <- cmd
}
