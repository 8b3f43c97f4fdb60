package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/internal/session/local"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/tui/app"
)

// runCluster is snattop itself: the UI on the current context.
func runCluster(ctx context.Context, o *options) error {
	if err := o.needTerminal("snattop"); err != nil {
		return err
	}
	client, err := o.connect(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "snattop demo") {
			return err // the reason offers them already
		}
		return fmt.Errorf("%w — without a cluster, 'snattop local' shows this host and 'snattop demo' a recorded one", err)
	}
	o.askEphemeral()
	opts := o.live()
	opts.Consent = o.consent
	src := live.New(client, opts)
	captures := newCaptureKey(o, client, src)
	defer captures.tell()
	return o.screen(ctx, src, "", o.withBooks(client, src), captures.add)
}

// connect reaches the API server, so that what is wrong with it is said before
// a screen is drawn.
func (o *options) connect(ctx context.Context) (*k8s.Client, error) {
	client, err := k8s.New(o.kube, k8s.Options{Version: o.version})
	if err != nil {
		return nil, cannotTell(err)
	}
	if err := client.Connect(ctx); err != nil {
		return nil, cannotTell(err)
	}
	return client, nil
}

func newLocal(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "local", Short: "Watch this Linux host: no cluster needed", Args: cobra.NoArgs, Annotations: redacting(),
		Long: `local shows the connections of this Linux host: its sockets, network namespaces
and containers. Root sees every process; others see their own.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.needTerminal("snattop local"); err != nil {
				return err
			}
			src, err := local.New(o.probe())
			if err != nil {
				return err
			}
			captures := newCaptureKey(o, nil, src)
			defer captures.tell()
			return o.screen(cmd.Context(), src, "this host, no cluster", captures.add)
		},
	}
}

// screen runs the UI on a source, and returns when both have ended: the source
// cleans up behind itself before it does.
// Each of more adds what only some sources can do.
func (o *options) screen(ctx context.Context, src session.Source, hint string, more ...func(*session.Session, *app.Options)) error {
	opts, err := o.session()
	if err != nil {
		return err
	}
	s := session.New(opts)
	// What led to the moment in which a ticket or a recording is asked for
	// belongs to it.
	held := recording.NewLead(o.hide(src))
	rec := &recordings{
		held: held, dir: cmp.Or(o.outDir, "."), program: "snattop " + o.version, settings: opts.Settings(), now: time.Now,
		cluster: func() string { return s.Snapshot().Cluster.Context },
	}
	ui := app.Options{Hint: hint, SaveTicket: o.tickets(held, opts.Settings()), Record: rec}
	for _, add := range more {
		add(s, &ui)
	}
	err = o.show(ctx, s, held, ui)
	_, rerr := rec.Stop()
	return join(err, rerr)
}

// show runs the UI on what is fed to a session.
func (o *options) show(ctx context.Context, s *session.Session, src session.Source, ui app.Options) error {
	whole := ctx
	ctx, cancel := context.WithCancel(whole)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, src) }()
	ui.Welcome = firstStart(o.configFile)
	cols := newColumns(o.configFile)
	cols.add(&ui)
	o.looks(&ui)
	ui.Suspend, ui.Gone, ui.Broken = suspender(), o.streams.Gone, o.broken
	uiErr := app.Run(ctx, s, ui)
	cols.tell(o.streams.Err)
	cancel()
	srcErr := o.await(ended)
	if errors.Is(srcErr, context.Canceled) {
		srcErr = nil
	}
	return join(uiErr, srcErr, o.endedBy(whole))
}

// patience is how long an end may take before it is explained.
const patience = 300 * time.Millisecond

// await waits for a source to clean up behind itself, and says so when that
// takes a moment.
func (o *options) await(ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		fmt.Fprintln(o.streams.Err, "snattop: removing its pods …")
		return <-ended
	}
}
