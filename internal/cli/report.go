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
	untilBusy      busyFlag
	picture        pictureFlags
}

// How long a report waits before its window begins.
const (
	// maxReach bounds the wait for nodes that are being reached.
	maxReach = 60 * time.Second
	// maxEmpty bounds the wait for any node to appear at all, and maxBlind
	// that when the source has said what is wrong: it may be something else
	// than the nodes, whose list takes a moment in a large cluster.
	maxEmpty = 15 * time.Second
	maxBlind = 5 * time.Second
)

func newReport(o *options) *cobra.Command {
	f := reportFlags{output: "table", source: "live", duration: 10 * time.Second}
	cmd := &cobra.Command{
		Use: "report", Short: "Measure once and print a report", Args: cobra.NoArgs, Annotations: redacting(),
		Long: `report measures for --duration and prints what it found: worst node, pod and
destination first. Exit codes: 0 healthy, 1 the tool failed, 2 wrong usage,
3 a problem was found, 4 it could not tell.

With --until-busy it waits for a burst first, on what --node, --namespace and
--pod select: a pod of a Job or CronJob that opens connections, a pod or a node
with far more connections or opens a second than while quiet, or a node that
lacks ports already. No burst in time is exit code 4.

-o png and -o svg draw a page of the terminal UI, without a terminal: the nodes,
or what --node and --pod name, or the --page that is asked for.`,
		Example: `  snattop report -o json --duration 10s
  snattop report -o markdown >ticket.md
  snattop report -o png --page cause --size 140x44 >cause.png
  snattop report -n batch --until-busy          wait up to an hour
  snattop report --node node3 --until-busy=30m`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runReport(cmd.Context(), o, f) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", f.output, "table, json, markdown, png or svg")
	fs.StringVar(&f.source, "source", f.source, "live, local, or a recording's FILE")
	fs.DurationVar(&f.duration, "duration", f.duration, "how long to measure, from when every node is reached")
	addBusy(fs, &f.untilBusy, "measure")
	f.picture.add(fs)
	return cmd
}

func runReport(ctx context.Context, o *options, f reportFlags) error {
	write, err := o.reportWriter(f)
	if err != nil {
		return err
	}
	if f.duration < time.Second || f.duration > time.Hour {
		return usage("--duration %s: use 1s to 1h", f.duration)
	}
	wait, err := o.waiting(f, "measuring", "measured")
	if err != nil {
		return err
	}
	src, err := o.reportSource(ctx, f)
	if err != nil {
		return err
	}
	opts, err := o.session()
	if err != nil {
		return err
	}
	pic, window, err := measure(ctx, session.New(opts), src, f.duration, wait)
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
	if err := write(pic, r); err != nil {
		return err
	}
	if code := verdictCode(r); code != ExitHealthy {
		return &exitError{code: code}
	}
	return nil
}

// reportWriter returns what writes a document to standard output.
func (o *options) reportWriter(f reportFlags) (func(*session.Snapshot, *report.Report) error, error) {
	document := func(write func(io.Writer, *report.Report) error) func(*session.Snapshot, *report.Report) error {
		return func(_ *session.Snapshot, r *report.Report) error { return write(o.streams.Out, r) }
	}
	if err := f.picture.check(); err != nil {
		return nil, err
	}
	switch f.output {
	case "json":
		return document(report.JSON), nil
	case "table":
		return document(report.Table), nil
	case "markdown":
		return document(report.Markdown), nil
	case "png":
		if o.streams.OutTerminal {
			return nil, usage("-o png writes a picture, which is nothing for a terminal: send it to a file, '>snattop.png'")
		}
		return o.pictureWriter(f), nil
	case "svg":
		return o.pictureWriter(f), nil
	default:
		return nil, usage("-o %q: use table, json, markdown, png or svg", f.output)
	}
}

// filter narrows the report to what the flags name. A single --pod names the
// pod of interest; several only say where ephemeral containers may go.
func (o *options) filter() report.Filter {
	out := report.Filter{Node: o.node, Namespace: *o.kube.Namespace}
	if len(o.pods) == 1 {
		out.Namespace, out.Pod = splitPod(o.pods[0], *o.kube.Namespace)
	}
	if r := o.redactor; r != nil {
		out.Node = r.Node(out.Node)
		out.Namespace, out.Pod = r.Pod(out.Namespace, out.Pod)
	}
	return out
}

// reportSource returns the source that the flags name, without names where they
// are not to be told.
func (o *options) reportSource(ctx context.Context, f reportFlags) (session.Source, error) {
	src, err := o.namedSource(ctx, f)
	if err != nil {
		return nil, err
	}
	return o.hide(src), nil
}

func (o *options) namedSource(ctx context.Context, f reportFlags) (session.Source, error) {
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

// measure runs a source until its nodes are reached (or, where wait is given,
// until a burst is seen) and the window has passed, and returns the last
// picture once the source has cleaned up behind itself.
func measure(ctx context.Context, s *session.Session, src session.Source, duration time.Duration, wait *waiting) (*session.Snapshot, time.Duration, error) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	if wait == nil {
		s.FocusAll()
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running, src) }()
	stop := func() error {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}

	giveUp := time.NewTimer(maxReach)
	defer giveUp.Stop()
	empty := time.NewTimer(maxEmpty)
	defer empty.Stop()
	blind := false
	// hurry shortens the wait for nodes when the source has said what is wrong.
	hurry := func(pic *session.Snapshot) {
		if len(pic.Nodes) == 0 && pic.Problem != "" && !blind {
			blind = true
			empty.Reset(maxBlind)
		}
	}
	var window, bound, look <-chan time.Time
	var began time.Time
	start := func() {
		if window == nil {
			if wait != nil {
				// What processes hold is asked for while it is wanted.
				s.FocusAll()
			}
			began = time.Now()
			window = time.After(duration)
		}
	}
	waits := func() bool { return wait != nil && window == nil }
	if wait != nil {
		wait.announce()
		timer := time.NewTimer(wait.bound)
		defer timer.Stop()
		bound = timer.C
	}
	// A recording has been read, or the source has failed.
	last := func(err error) (*session.Snapshot, time.Duration, error) {
		if waits() {
			return nil, 0, wait.ended(ctx, err)
		}
		if err != nil {
			return nil, 0, err
		}
		pic := s.Snapshot()
		return pic, pic.Time.Sub(pic.Started), nil
	}
	for {
		select {
		case err := <-ended:
			return last(err)
		case <-giveUp.C:
			if !waits() {
				start()
			} else if err := wait.blind(s.Snapshot()); err != nil {
				return nil, 0, join(err, stop())
			}
		case <-bound:
			if waits() {
				return nil, 0, join(wait.noBurst(s.Snapshot()), stop())
			}
		case <-look:
			look = nil
			pic := s.Snapshot()
			hurry(pic)
			if why := wait.burst.look(pic); why != "" {
				if err := wait.found(why, duration); err != nil {
					return nil, 0, join(err, stop())
				}
				start()
			}
		case <-window:
			pic, took := s.Snapshot(), time.Since(began)
			if err := stop(); err != nil {
				return nil, 0, err
			}
			return pic, took, nil
		case <-empty.C:
			pic := s.Snapshot()
			switch {
			case len(pic.Nodes) > 0:
			case waits():
				return nil, 0, join(wait.blind(pic), stop())
			default:
				if err := stop(); err != nil {
					return nil, 0, err
				}
				return pic, 0, nil
			}
		case _, more := <-s.Changed():
			switch {
			case !more:
				// The end is told by ended as well.
				return last(<-ended)
			case !waits():
				pic := s.Snapshot()
				if settled(pic) {
					start()
				}
				hurry(pic)
			case look == nil:
				// An hour of pictures is dear: some a second are enough.
				look = time.After(lookEvery)
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
