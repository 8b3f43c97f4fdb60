package probe

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/snattop/snattop/probe/examine"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/wire"
)

// ExamineCommand is the probe's first argument when it is to look at its node
// once, for the runbooks, in place of sampling it.
const ExamineCommand = "examine"

// ExamineFlags returns the flags of ExamineCommand that ask a node for ask.
func ExamineFlags(ask facts.Ask) ([]string, error) {
	mode, _, err := wire.Modes()
	if err != nil {
		return nil, err
	}
	b, err := mode.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("encoding what to ask a node for: %w", err)
	}
	return []string{"--ask", base64.RawURLEncoding.EncodeToString(b)}, nil
}

// examineMain answers one question: sections on stdout as they are found, then
// Bye. The end of stdin ends it.
func examineMain(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var place examine.Place
	fs := flag.NewFlagSet("snattop-probe "+ExamineCommand, flag.ContinueOnError)
	fs.SetOutput(stderr)
	question := fs.String("ask", "", "what to look for, as the controller encodes it")
	fs.StringVar(&place.Proc, "proc", "/proc", "where procfs of the node is mounted")
	fs.StringVar(&place.HostRoot, "host-root", "/", "where the node's root is mounted")
	fs.DurationVar(&place.Limit, "limit", examine.DefaultLimit, "how long each part may take")
	deadline := fs.Duration("deadline", 0, "end after this time; 0 means never")
	tell := fs.String("tell", "", "leave the answer in these files, as termination messages, instead of on standard output")
	lease := fs.String("lease", "", "file to touch: its pod is needed")
	if err := fs.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	ask, err := parseAsk(*question)
	if err != nil || fs.NArg() > 0 {
		return errors.Join(errUsage, err)
	}
	ctx, cancel := withDeadline(ctx, *deadline)
	defer cancel()
	if *tell != "" {
		to, err := parseBox(*tell)
		if err != nil {
			return errors.Join(errUsage, err)
		}
		return to.sectionsInto(ctx, place, ask)
	}
	if *lease != "" {
		// It says that somebody is here; what looks for seconds needs no more.
		if err := touch(*lease, time.Now()); err != nil {
			return err
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	enc := wire.NewEncoder(stdout)
	if err := examine.Node(ctx, place, ask, enc.Section); err != nil {
		return err
	}
	return enc.Bye(&wire.Bye{Reason: ByeDone})
}

// withDeadline bounds ctx; 0 does not.
func withDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return context.WithCancel(ctx)
}

// ByeDone is the last word of a probe that has answered.
const ByeDone = "done"

var errUsage = errors.New("wrong usage")

func parseAsk(text string) (facts.Ask, error) {
	var ask facts.Ask
	_, mode, err := wire.Modes()
	if err != nil {
		return ask, err
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return ask, fmt.Errorf("--ask: %w", err)
	}
	if err := mode.Unmarshal(b, &ask); err != nil {
		return ask, fmt.Errorf("--ask: %w", err)
	}
	return ask, nil
}
