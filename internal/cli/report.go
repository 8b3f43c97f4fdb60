package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/internal/session/local"
	"github.com/snattop/snattop/internal/session/recording"
)

type reportFlags struct {
	output, source string
	duration       time.Duration
}

// How long a report waits before its window begins.
const (
	// maxReach bounds the wait for nodes that are being reached.
	maxReach = 60 * time.Second
	// maxEmpty bounds the wait for any node to appear at all, and maxBlind
	// that when the source has said what is wrong.
	maxEmpty = 15 * time.Second
	maxBlind = 2 * time.Second
)

func newReport(o *options) *cobra.Command {
	f := reportFlags{output: "table", source: "live", duration: 10 * time.Second}
	cmd := &cobra.Command{
		Use: "report", Short: "Measure once and print a report", Args: cobra.NoArgs,
		Long: `report measures for --duration and prints what it found: worst node, pod and
destination first. Exit codes: 0 healthy, 1 the tool failed, 2 wrong usage,
3 a problem was found, 4 it could not tell.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReport(cmd.Context(), o, f) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", f.output, "table or json")
	fs.StringVar(&f.source, "source", f.source, "live, local, or a recording's FILE")
	fs.DurationVar(&f.duration, "duration", f.duration, "how long to measure, from when every node is reached")
	return cmd
}

func runReport(ctx context.Context, o *options, f reportFlags) error {
	write, err := reportWriter(f.output)
	if err != nil {
		return err
	}
	if f.duration < time.Second || f.duration > time.Hour {
		return usage("--duration %s: use 1s to 1h", f.duration)
	}
	src, err := o.reportSource(ctx, f)
	if err != nil {
		return err
	}
	opts, err := o.session()
	if err != nil {
		return err
	}
	pic, window, err := measure(ctx, session.New(opts), src, f.duration)
	if err != nil {
		return err
	}
	r := report.Build(pic, o.filter(), time.Now(), window)
	if len(r.Nodes) == 0 {
		if o.node != "" {
			return cannotTell(fmt.Errorf("there is no node %q; 'kubectl get nodes -o wide' lists names and addresses", o.node))
		}
		if pic.Problem != "" {
			return cannotTell(errors.New(pic.Problem))
		}
	}
	if err := write(o.streams.Out, r); err != nil {
		return err
	}
	if code := verdictCode(r); code != ExitHealthy {
		return &exitError{code: code}
	}
	return nil
}

func reportWriter(output string) (func(io.Writer, *report.Report) error, error) {
	switch output {
	case "json":
		return report.JSON, nil
	case "table":
		return report.Table, nil
	default:
		return nil, usage("-o %q: use table or json", output)
	}
}

// filter narrows the report to what the flags name. A single --pod names the
// pod of interest; several only say where ephemeral containers may go.
func (o *options) filter() report.Filter {
	out := report.Filter{Node: o.node, Namespace: *o.kube.Namespace}
	if len(o.pods) == 1 {
		out.Namespace, out.Pod = splitPod(o.pods[0], *o.kube.Namespace)
	}
	return out
}

func (o *options) reportSource(ctx context.Context, f reportFlags) (session.Source, error) {
	switch f.source {
	case "live":
		o.askEphemeral()
		client, err := o.connect(ctx)
		if err != nil {
			return nil, err
		}
		opts := o.live()
		opts.Consent = o.consent
		return live.New(client, opts), nil
	case "local":
		cfg := o.probe()
		cfg.FocusAll = true
		return local.New(cfg)
	default:
		return recording.Open(f.source, 0)
	}
}

// measure runs a source until its nodes are reached and the window has passed,
// and returns the last picture once the source has cleaned up behind itself.
func measure(ctx context.Context, s *session.Session, src session.Source, duration time.Duration) (*session.Snapshot, time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.FocusAll()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, src) }()

	giveUp := time.NewTimer(maxReach)
	defer giveUp.Stop()
	empty := time.NewTimer(maxEmpty)
	defer empty.Stop()
	blind := false
	var window <-chan time.Time
	var began time.Time
	start := func() {
		if window == nil {
			began = time.Now()
			window = time.After(duration)
		}
	}
	for {
		select {
		case err := <-ended:
			// A recording has been read, or the source has failed.
			pic := s.Snapshot()
			if err != nil {
				return nil, 0, err
			}
			return pic, pic.Time.Sub(pic.Started), nil
		case <-giveUp.C:
			start()
		case <-window:
			pic, took := s.Snapshot(), time.Since(began)
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				return nil, 0, err
			}
			return pic, took, nil
		case <-empty.C:
			if pic := s.Snapshot(); len(pic.Nodes) == 0 {
				cancel()
				if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
					return nil, 0, err
				}
				return pic, 0, nil
			}
		case _, more := <-s.Changed():
			pic := s.Snapshot()
			if more && window == nil && settled(pic) {
				start()
			}
			if len(pic.Nodes) == 0 && pic.Problem != "" && !blind {
				blind = true
				empty.Reset(maxBlind)
			}
			if !more {
				// The end is told by ended as well.
				pic = s.Snapshot()
				if err := <-ended; err != nil {
					return nil, 0, err
				}
				return pic, pic.Time.Sub(pic.Started), nil
			}
		}
	}
}

// settled reports whether every node that was asked for is seen, or is known
// not to be.
func settled(pic *session.Snapshot) bool {
	for _, n := range pic.Nodes {
		if n.LeftOut {
			continue
		}
		switch n.State {
		case session.StateStreaming:
			if n.LastTick.IsZero() {
				return false
			}
		case session.StateWaiting, session.StateConnecting:
			return false
		case session.StateUnreachable, session.StateDenied, session.StateNotLinux:
		}
	}
	return len(pic.Nodes) > 0
}
