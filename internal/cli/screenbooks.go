package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/tui/app"
)

// screenBooks goes through runbooks for the screen, in the node pods that its
// session has already.
type screenBooks struct {
	options  *options
	client   *k8s.Client
	session  *session.Session
	commands *live.Commands
}

var _ app.Runbooks = (*screenBooks)(nil)

// Checks implements app.Runbooks.
func (b *screenBooks) Checks(name string) []step.Check {
	chosen, err := chooseBooks(name)
	if err != nil {
		return nil
	}
	return chosen[0].make().Checks
}

// Run implements app.Runbooks. Connections are those on the screen: nothing is
// measured anew.
func (b *screenBooks) Run(ctx context.Context, name string, tell func(step.Update)) error {
	chosen, err := chooseBooks(name)
	if err != nil {
		return err
	}
	nodes, err := b.options.listNodes(ctx, b.client)
	if err != nil {
		return fmt.Errorf("going through the runbook: %w", err)
	}
	step.Run(ctx, []step.Book{chosen[0].make()}, step.Patient{
		API: b.client, Nodes: nodes, Examiner: live.NewExaminer(b.commands), Now: time.Now,
		Picture: func(context.Context) (*session.Snapshot, error) { return b.session.Snapshot(), nil },
	}, tell)
	return ctx.Err()
}

// withBooks lets the screen go through the other runbooks.
func (o *options) withBooks(client *k8s.Client, src session.Source) func(*session.Session, *app.Options) {
	if o.redactor != nil {
		// Their steps speak of the cluster by its own names.
		return func(_ *session.Session, ui *app.Options) {
			ui.NoRunbooks = "The other runbooks cannot leave out names: start without --redact."
		}
	}
	return func(s *session.Session, ui *app.Options) {
		if commands, ok := live.Within(src); ok {
			ui.Runbooks = &screenBooks{options: o, client: client, session: s, commands: commands}
		}
	}
}
