//go:build unix

package pty

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/tuitest"
)

// brokenEnv makes the test's own binary a UI that breaks: see broken.
const brokenEnv = "SNATTOP_PTY_BROKEN"

// brokenKeys are the keys that break it, by where it happens.
func brokenKeys() map[string]string {
	return map[string]string{"a command": "S", "an update": ".", "a drawing": " "}
}

func testBinary() string { return os.Args[0] }

// broken runs the real UI on sources that panic.
func broken() int {
	d := &brokenDeck{}
	err := app.Run(context.Background(), tuitest.NewView(tuitest.Sick()), app.Options{
		Deck:       d,
		SaveTicket: func(app.Ticket) (string, error) { panic("broken on purpose: a command") },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// brokenDeck breaks when it is told to step, or drawn after it was paused.
type brokenDeck struct {
	session.Deck
	paused bool
}

func (d *brokenDeck) Pause(bool) { d.paused = true }

func (*brokenDeck) Step() { panic("broken on purpose: an update") }

// Playback is asked for while keys are read and while the screen is drawn: the
// one that follows a pause is a drawing's.
func (d *brokenDeck) Playback() session.Playback {
	if d.paused {
		panic("broken on purpose: a drawing")
	}
	return session.Playback{End: time.Time{}.Add(time.Minute), Speed: 1}
}
