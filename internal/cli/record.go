package cli

import (
	"context"
	"errors"
	"fmt"
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
		Use: "record -o FILE", Short: "Record without a screen, for replay and report", Args: cobra.NoArgs,
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
	return cmd
}

func runRecord(ctx context.Context, o *options, f reportFlags, file string) (err error) {
	opts, err := o.session()
	if err != nil {
		return err
	}
	src, err := o.reportSource(ctx, f)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("creating the recording: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := recording.NewWriter(out, "snattop "+o.version, time.Now())
	if err != nil {
		return err
	}
	pic, window, err := measure(ctx, session.New(opts), recording.Tee(src, w), f.duration)
	// What was recorded before an interruption stays.
	if cerr := w.Close(); cerr != nil {
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

// splitPod splits "namespace/name"; a bare name is in the namespace given.
func splitPod(s, namespace string) (string, string) {
	if ns, name, ok := strings.Cut(s, "/"); ok {
		return ns, name
	}
	return namespace, s
}
