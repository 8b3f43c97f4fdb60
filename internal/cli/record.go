package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
)

func newRecord(o *options) *cobra.Command {
	f := reportFlags{source: "live", duration: time.Minute}
	var file string
	cmd := &cobra.Command{
		Use: "record -o FILE", Short: "Record without a screen, for replay and report", Args: cobra.NoArgs, Annotations: redacting(),
		Long: `record writes for --duration what 'snattop replay' and 'snattop report --source'
read.

With --until-busy it waits for a burst first, as report does. The file then
begins with what a replay starts from: the state before the burst, and the five
minutes up to it, which a replay shows at once.`,
		Example: `  snattop record -o sick.snattop
  snattop record -o job.snattop -n batch --until-busy --duration 3m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage("name the file: snattop record -o FILE")
			}
			if f.duration < time.Second {
				return usage("--duration %s: use 1s or more", f.duration)
			}
			return runRecord(cmd.Context(), o, f, file)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&file, "output", "o", "", "file to write")
	fs.Lookup("output").Annotations = map[string][]string{noDefault: {}}
	fs.StringVar(&f.source, "source", f.source, "live or local")
	fs.DurationVar(&f.duration, "duration", f.duration, "how long to record, from when every node is reached")
	addBusy(fs, &f.untilBusy, "record")
	return cmd
}

func runRecord(ctx context.Context, o *options, f reportFlags, file string) error {
	opts, err := o.session()
	if err != nil {
		return err
	}
	wait, err := o.waiting(f, "recording", "recorded")
	if err != nil {
		return err
	}
	src, err := o.reportSource(ctx, f)
	if err != nil {
		return err
	}
	return o.record(ctx, session.New(opts), src, f.duration, file, wait)
}

// record writes what a source tells to a file: from now on, or from the burst
// that is waited for.
func (o *options) record(ctx context.Context, s *session.Session, src session.Source, duration time.Duration, file string, wait *waiting) (err error) {
	opts, err := o.session()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("creating the recording: %w", err)
	}
	rec := recorder{out: out, program: "snattop " + o.version, settings: opts.Settings()}
	if wait == nil {
		if err := rec.begin(); err != nil {
			return errors.Join(err, out.Close())
		}
		src = recording.Tee(src, rec.w)
	} else {
		held := recording.NewLead(src)
		src = held
		wait.begin = func() error {
			if err := rec.begin(); err != nil {
				return err
			}
			return held.Begin(rec.w, nil)
		}
	}
	defer func() {
		err = join(err, out.Close())
		if rec.w == nil {
			// Nobody is to take an empty file for a recording.
			err = join(err, os.Remove(file))
		}
	}()
	pic, window, err := measure(ctx, s, src, duration, wait)
	if rec.w == nil {
		return err
	}
	// What was recorded before an interruption stays.
	if cerr := rec.w.Close(); cerr != nil {
		return errors.Join(err, cerr)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if pic != nil {
		fmt.Fprintf(o.streams.Err, "recorded %d nodes for %.0f s to %s\n", len(pic.Nodes), window.Seconds(), file)
	}
	return nil
}

// recorder makes the writer when the time has come.
type recorder struct {
	out     io.Writer
	program string
	w       *recording.Writer
	// settings are what the file is to be read with.
	settings session.Settings
}

func (r *recorder) begin() (err error) {
	if r.w, err = recording.NewWriter(r.out, r.program, time.Now()); err != nil {
		return err
	}
	// It has no time of its own: it holds from the first event on.
	return r.w.Put(session.Event{Settings: &r.settings})
}

// splitPod splits "namespace/name"; a bare name is in the namespace given.
func splitPod(s, namespace string) (string, string) {
	if ns, name, ok := strings.Cut(s, "/"); ok {
		return ns, name
	}
	return namespace, s
}
