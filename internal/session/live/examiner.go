package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/k8s/nodepod"
	"github.com/snattop/snattop/probe"
	"github.com/snattop/snattop/probe/examine"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/wire"
)

// answerTime bounds the time from the start of an examination to its last
// word: the node looks for every part at once.
const answerTime = examine.DefaultLimit + 7*time.Second

// Examiner asks nodes for facts, by a sub-command of the probe in their node
// pods. It is what package step calls an Examiner.
type Examiner struct{ commands *Commands }

// NewExaminer returns an examiner that starts its questions through commands.
// Whoever made those closes them.
func NewExaminer(commands *Commands) *Examiner { return &Examiner{commands: commands} }

// Examine asks one node for every part in ask, in one visit, and tells each
// section as it arrives. say takes what is being waited for. It returns how the
// node was reached, and an error in one line when sections are missing.
func (e *Examiner) Examine(ctx context.Context, node inventory.Node, ask facts.Ask, say func(string), got func(*facts.Section)) (string, error) {
	if say == nil {
		say = func(string) {}
	}
	missing := ask
	counted := func(s *facts.Section) {
		missing.Parts = slices.DeleteFunc(slices.Clone(missing.Parts), func(p facts.Part) bool { return p == s.Part })
		got(s)
	}
	err := e.byExec(ctx, node, ask, say, counted)
	switch {
	case err == nil:
		return rungNodePod, nil
	case !isDead(err) || ctx.Err() != nil:
		return "", err
	}
	if oerr := e.byErrands(ctx, node, &missing, say, counted); oerr != nil {
		return "", fmt.Errorf("%w; and without exec: %w", err, oerr)
	}
	return "node pod, by its termination message (exec: " + sentence(err) + ")", nil
}

// byExec asks in the node's pod.
func (e *Examiner) byExec(ctx context.Context, node inventory.Node, ask facts.Ask, say func(string), got func(*facts.Section)) error {
	flags, err := probe.ExamineFlags(ask)
	if err != nil {
		return err
	}
	stream, err := e.commands.Start(ctx, node, say, probe.ExamineCommand, flags...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	say("waiting for the node's answer")
	if err := readSections(ctx, stream, ask, got); err != nil {
		return &k8s.Error{Kind: k8s.KindOf(err), Doing: "examining the node", Object: "node " + node.Name, What: sentence(err), Err: err}
	}
	return nil
}

// mostErrands bounds the pods that are sent for one examination: what one
// cannot tell, the next is asked for.
const mostErrands = 4

// byErrands asks by pods that tell in their termination messages, until nothing
// is missing.
func (e *Examiner) byErrands(ctx context.Context, node inventory.Node, missing *facts.Ask, say func(string), got func(*facts.Section)) error {
	for range mostErrands {
		flags, err := probe.ExamineFlags(*missing)
		if err != nil {
			return err
		}
		text, err := e.commands.reach.Errand(ctx, node, say, nodepod.Command{
			Name: probe.ExamineCommand, Flags: flags, HostRoot: nodepod.HostRoot, Deadline: answerTime,
		}.Line()[1:])
		if err != nil {
			return err
		}
		before := len(missing.Parts)
		err = decodeSections(bytes.NewReader(text), *missing, got)
		switch {
		case len(missing.Parts) == 0:
			return nil
		case len(missing.Parts) == before:
			return fmt.Errorf("node %s has left out %d parts of what it was asked for: %w", node.Name, before, err)
		}
	}
	return fmt.Errorf("node %s has left out %d parts after %d pods", node.Name, len(missing.Parts), mostErrands)
}

// readSections reads a stream to its Bye, and closes it.
func readSections(ctx context.Context, stream Stream, ask facts.Ask, got func(*facts.Section)) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = decodeSections(stream, ask, got)
	}()
	select {
	case <-done:
		if end := (*endError)(nil); errors.As(err, &end) {
			err = endOf(&link{conn: stream}, end.err)
		}
		stream.Close(stopGrace)
		return err
	case <-ctx.Done():
		stream.Close(0) // ends the reader
		<-done
		return fmt.Errorf("the node has not answered: %w", ctx.Err())
	}
}

// decodeSections tells the sections that were asked for, up to a Bye.
func decodeSections(r io.Reader, ask facts.Ask, got func(*facts.Section)) error {
	dec := wire.NewDecoder(r)
	missing := len(ask.Parts)
	seen := map[facts.Part]bool{}
	for {
		msg, err := dec.Next()
		switch {
		case err != nil:
			return &endError{err}
		case msg.Section != nil:
			if ask.Wants(msg.Section.Part) && !seen[msg.Section.Part] {
				seen[msg.Section.Part] = true
				missing--
				got(msg.Section)
			}
		case msg.Bye != nil && msg.Bye.Failed:
			return byeError(msg.Bye)
		case msg.Bye != nil && missing > 0:
			return fmt.Errorf("the probe left out %d of %d parts", missing, len(ask.Parts))
		case msg.Bye != nil:
			return nil
		}
	}
}

// endError is a stream that ended before the last word.
type endError struct{ err error }

func (e *endError) Error() string { return "the answer is cut short: " + e.err.Error() }
func (e *endError) Unwrap() error { return e.err }
