package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/snattop/snattop/internal/capture"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/tui/app"
)

// captureKey is what the key c does: the same as the command, in the node pods
// that the session has.
type captureKey struct {
	c *capturer
	// told are the summaries of captures, one after the other.
	told []string
}

var _ app.Capturer = (*captureKey)(nil)

// newCaptureKey returns what captures beside a source: a cluster's, or this
// host's without a client.
func newCaptureKey(o *options, client *k8s.Client, src session.Source) *captureKey {
	commands, _ := live.Within(src)
	return &captureKey{c: &capturer{o: o, client: client, commands: commands}}
}

// Check implements app.Capturer.
func (k *captureKey) Check(flags string) error {
	_, _, err := readCaptureFlags(flags)
	return err
}

func readCaptureFlags(flags string) (w capture.Wanted, file string, err error) {
	f := captureDefaults()
	fs := pflag.NewFlagSet("capture", pflag.ContinueOnError)
	fs.Usage = func() {} // the screen has no room for it
	f.add(fs)
	if err := fs.Parse(strings.Fields(flags)); err != nil {
		return w, "", err
	}
	if fs.NArg() > 0 {
		return w, "", fmt.Errorf("%q is no flag of snattop capture", sanitize.Text(fs.Arg(0)))
	}
	w, err = f.want()
	return w, f.file, err
}

// Capture implements app.Capturer.
func (k *captureKey) Capture(ctx context.Context, of app.Captured, flags string, tell func(string)) (string, error) {
	w, file, err := readCaptureFlags(flags)
	if err != nil {
		return "", err
	}
	target := "node/" + of.Node
	if of.Pod != "" {
		target = "pod/" + of.Namespace + "/" + of.Pod
	}
	who, err := k.c.find(ctx, target)
	if err != nil {
		return "", err
	}
	file = k.c.file(file, who)
	got, err := k.c.run(ctx, who, file, w, tell, func(p capture.Progress) {
		tell(p.Interface + " of " + p.Within + " · " + captureLine(p))
	})
	if errors.Is(err, context.Canceled) {
		return "The capture was ended before it began.", nil
	}
	if err == nil || got.Packets > 0 {
		summary := captureSummary(got, file)
		k.told = append(k.told, summary)
		return strings.ToUpper(summary[:1]) + summary[1:] + ".", err
	}
	return "", err
}

// add gives the screen its key; with --redact there is none, since packets have
// no pseudonyms.
func (k *captureKey) add(_ *session.Session, ui *app.Options) {
	if !k.c.o.redact {
		ui.Capture = k
	}
}

// tell says what was captured, and where it lies: the screen that said so is
// gone. No capture may be running.
func (k *captureKey) tell() {
	for _, line := range k.told {
		fmt.Fprintln(k.c.o.streams.Err, sanitize.Text(line))
	}
}
