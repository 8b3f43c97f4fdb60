package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/demo"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/tui/app"
)

// replayKeys are the keys that there are in a replay only.
const replayKeys = `  space            pause, and go on
  ← →              10 seconds back or on
  shift or ctrl ← →  a minute back or on
  home end         the beginning and the end
  - + or [ ]       slower and faster, 0.25× to 60×
  .                one tick`

func newReplay(o *options) *cobra.Command {
	speed := 1.0
	cmd := &cobra.Command{
		Use: "replay FILE", Short: "Watch a recording", Args: cobra.ExactArgs(1), Annotations: redacting(),
		Long: `replay shows what 'snattop record', the key R or a ticket has recorded, on the
same pages. Every key works as ever; besides them there are

` + replayKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			if speed < 0 {
				return usage("--speed %v: use 1 for as it happened, 0 for the end at once", speed)
			}
			opts, err := o.session()
			if err != nil {
				return err
			}
			deck, err := recording.OpenDeck(args[0], recording.DeckOptions{Speed: speed, Session: opts, Change: o.change()})
			if err != nil {
				return err
			}
			if err := o.needTerminal("snattop replay"); err != nil {
				return join(err, deck.Close())
			}
			return join(o.replay(cmd.Context(), deck, opts, app.Options{}), deck.Close())
		},
	}
	cmd.Flags().Float64Var(&speed, "speed", speed, "how many times as fast as it happened; 0 shows the end at once")
	return cmd
}

func newDemo(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Watch a recorded cluster run out of ports, and recover", Args: cobra.NoArgs,
		Long: `demo shows ten minutes of a real cluster, recorded: a deployment that never closes
its connections uses up the ports of its node, somebody grants more of them,
somebody mends the program, and the balancer lets the ports go. No cluster is
needed. Notes at the foot say where to look and what to press; n hides them.

` + replayKeys,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.needTerminal("snattop demo"); err != nil {
				return err
			}
			opts, err := o.session()
			if err != nil {
				return err
			}
			file := demo.Recording()
			deck, err := recording.NewDeck(bytes.NewReader(file), int64(len(file)), recording.DeckOptions{
				Name: "of the demo", Speed: demo.Speed, Session: opts, Start: demo.Start, Stops: demo.Stops(),
			})
			if err != nil {
				return err
			}
			return o.replay(cmd.Context(), deck, opts, app.Options{Captions: captions()})
		},
	}
}

// change leaves out names and addresses, where that is asked for.
func (o *options) change() func(session.Event) []session.Event {
	if o.redactor == nil {
		return nil
	}
	o.redactor.Learn(o.known()...)
	return o.redactor.Event
}

// captions are the notes of the demo.
func captions() []app.Caption {
	var out []app.Caption
	for _, n := range demo.Notes() {
		out = append(out, app.Caption(n))
	}
	return out
}

// replay runs the UI on a deck.
func (o *options) replay(ctx context.Context, deck *recording.Deck, opts session.Options, ui app.Options) error {
	ui.Deck, ui.SaveTicket = deck, o.tickets(deck, opts.Settings())
	return o.show(ctx, session.New(opts), deck, ui)
}
