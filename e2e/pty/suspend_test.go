//go:build unix

package pty

import (
	"strings"
	"testing"
)

// While it is suspended the terminal is as it was before; afterwards the screen
// is whole again, at the size that the terminal has by then.
func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{shell: true})
	p.keys("2")
	p.shows("❷", "shop/checkout")
	p.keys(ctrlZ)
	p.shows("[stopped] $")
	p.restored()
	p.resize(100, 30)
	p.keys("fg\n")
	p.until("page again", func(s string) bool { return p.emulatorIs(100, 30) && wholePage(s, "❷", 30) })
	if s := p.screen(); strings.Contains(s, "no shell") {
		t.Errorf("it did stop, and says:\n%s", s)
	}
	// Also while something is typed, which stays.
	p.keys(":some" + ctrlZ)
	// The first stop is still on the main screen when that comes back.
	p.until("second stop", func(s string) bool { return strings.Count(s, "[stopped] $") == 2 })
	p.restored()
	p.keys("fg\n")
	p.shows("❷", "go to: some")
	p.keys(ctrlC)
	p.exits(0)
	p.restored()
}

// A terminal that was opened for snattop alone has no shell to go back to: what
// stopped there would never go on.
func TestSuspendWithoutAShell(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{})
	p.keys(ctrlZ)
	p.shows("There is no shell to go back to", "❶")
	p.keys("2")
	p.shows("❷")
	p.keys("q")
	p.exits(0)
	p.restored()
}
