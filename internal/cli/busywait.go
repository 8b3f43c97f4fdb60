package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
)

// waiting is a measurement that begins with a burst.
type waiting struct {
	bound time.Duration
	burst *burst
	// does and done are what follows: "measuring" and "measured".
	does, done string
	// begin is called when the burst is seen, before the window begins; nil
	// does nothing.
	begin func() error
	// say takes lines for the operator.
	say func(line string)
}

// waiting returns what --until-busy asks for; nil when it is not given.
func (o *options) waiting(f reportFlags, does, done string) (*waiting, error) {
	if f.untilBusy == 0 {
		return nil, nil //nolint:nilnil // not waiting is an answer
	}
	if f.source != "live" && f.source != "local" {
		return nil, usage("--until-busy waits for what is to come, and --source %s has happened: leave one of them out", f.source)
	}
	return &waiting{
		bound: time.Duration(f.untilBusy), burst: newBurst(o.filter()), does: does, done: done,
		say: func(line string) { fmt.Fprintf(o.streams.Err, "snattop: %s\n", sanitize.Text(line)) },
	}, nil
}

// announce says what is waited for.
func (w *waiting) announce() {
	w.say(fmt.Sprintf("waiting up to %s for a burst %s: a Job's pod that opens connections, far more connections than while quiet, or a node that lacks ports",
		short(w.bound), w.burst.where()))
}

// found begins what was waited with.
func (w *waiting) found(why string, duration time.Duration) error {
	w.say(fmt.Sprintf("%s: %s for %s", why, w.does, short(duration)))
	if w.begin == nil {
		return nil
	}
	return w.begin()
}

// noBurst is the end of a wait in vain; pic is the last picture.
func (w *waiting) noBurst(pic *session.Snapshot) error {
	if why := w.burst.unseen(pic); why != "" {
		return cannotTell(fmt.Errorf("no burst was seen within %s: %s", short(w.bound), why))
	}
	return cannotTell(fmt.Errorf("no burst within %s %s, nothing was %s; --until-busy=DURATION waits longer", short(w.bound), w.burst.where(), w.done))
}

// ended is what the end of the source means while nothing has happened yet.
func (w *waiting) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		text := fmt.Errorf("interrupted while waiting for a burst, nothing was %s", w.done)
		if errors.Is(err, ctx.Err()) {
			err = nil
		}
		return join(&exitError{code: ExitFailed, err: text}, err)
	case err != nil:
		return err
	default:
		return cannotTell(fmt.Errorf("what is watched has ended before a burst, nothing was %s", w.done))
	}
}

// blind ends the wait when nothing can be seen of the scope.
func (w *waiting) blind(pic *session.Snapshot) error {
	if why := w.burst.unseen(pic); why != "" {
		return cannotTell(fmt.Errorf("waiting for a burst: %s", why))
	}
	return nil
}

// short writes a duration without its zeros: "1h", "30m".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
