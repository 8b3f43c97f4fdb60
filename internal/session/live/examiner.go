package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
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
	flags, err := probe.ExamineFlags(ask)
	if err != nil {
		return "", err
	}
	stream, err := e.commands.Start(ctx, node, say, probe.ExamineCommand, flags...)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	say("waiting for the node's answer")
	if err := readSections(ctx, stream, ask, got); err != nil {
		return "", &k8s.Error{Kind: k8s.KindOf(err), Doing: "examining the node", Object: "node " + node.Name, What: sentence(err), Err: err}
	}
	return rungNodePod, nil
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
