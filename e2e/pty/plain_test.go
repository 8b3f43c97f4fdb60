//go:build unix

package pty

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// plain starts the demo in words, paused where node1 is out of ports.
func plain(t *testing.T, s setting, flags ...string) *terminal {
	t.Helper()
	s.width, s.height = 500, 400 // nothing that was said scrolls away, and no line is broken
	p := run(t, s, append([]string{"demo", "--plain"}, flags...)...)
	p.shows("said in words", "Selected, row 1 of 3")
	p.keys(" ")
	p.shows("Paused at")
	p.keys(shiftRight)
	p.shows("exhausted")
	return p
}

// isScreen reports whether the terminal was ever told to be a screen, or to report
// the mouse.
func (p *terminal) isScreen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, mouse := p.modes[ansi.ModeMouseButtonEvent]
	_, alt := p.modes[ansi.ModeAltScreenSaveCursor]
	return p.emulator.IsAltScreen() || mouse || alt
}

// The five steps in words, one line below the other, on a terminal that stays
// what it is.
func TestPlainKeys(t *testing.T) {
	t.Parallel()
	p := plain(t, setting{env: []string{"TERM=dumb"}})
	p.keys(enter)
	p.shows("Step 2 of 5", "pod shop/checkout")
	p.keys(enter)
	p.shows("Step 3 of 5", "destination 20.60.1.9")
	p.keys("4")
	p.shows("Step 4 of 5", "leak")
	p.keys("b5")
	p.shows("Step 5 of 5", "baseline")
	p.keys(":node2" + enter)
	p.shows("Go to a node", "Selected, row", "node2")
	p.keys("C")
	p.shows("Columns of", "Space changes one")
	p.keys("q")
	p.exits(0)
	p.restored()
	if p.isScreen() {
		t.Error("a screen was drawn")
	}
}

// A ticket has the page as it would be drawn, whatever the terminal.
func TestPlainTicket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := plain(t, setting{}, "--out-dir", dir)
	p.keys("2")
	p.shows("Step 2 of 5")
	p.keys("S")
	p.shows("Ticket saved")
	p.keys("q")
	p.exits(0)
	p.restored()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	size := map[string]int64{}
	for _, f := range found {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size[filepath.Base(f)] = info.Size()
	}
	for _, name := range []string{"MANIFEST", "recording.snattop", "report.json", "screen.png", "screen.svg", "screen.txt", "ticket.md"} {
		if size[name] == 0 {
			t.Errorf("the ticket has no %s: %v", name, size)
		}
	}
	for _, f := range found {
		if filepath.Base(f) != "screen.txt" {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		if !strings.Contains(lines[1], "❷ Pod") || !strings.Contains(string(text), "shop/checkout") || len(lines) != 24 {
			t.Errorf("the screen of the ticket is\n%s", text)
		}
	}
}
