//go:build unix

package pty

import (
	"strings"
	"testing"
)

// emulatorIs reports whether the terminal draws on the alternate screen at a size.
func (p *terminal) emulatorIs(width, height int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.emulator.IsAltScreen() && p.emulator.Width() == width && p.emulator.Height() == height
}

// wholePage reports whether a screen begins with the header, has a step in its
// second line, and ends with the line of keys.
func wholePage(screen, step string, height int) bool {
	lines := strings.Split(screen, "\n")
	return len(lines) == height && strings.HasPrefix(lines[0], " snattop") && strings.Contains(lines[1], step) && strings.Contains(lines[height-1], "q quit")
}

// A window that is dragged about while the recording plays: sizes come faster
// than frames, and the last one counts.
func TestResizeStorm(t *testing.T) {
	t.Parallel()
	p := run(t, setting{}, "demo")
	p.shows("❶", "playing")
	p.keys("2")
	p.shows("❷")
	sizes := [][2]int{{10, 3}, {400, 120}, {80, 24}, {1, 1}, {59, 15}, {200, 60}, {60, 14}, {60, 15}, {120, 40}, {33, 7}}
	for range 20 {
		for _, s := range sizes {
			p.resize(s[0], s[1])
		}
	}
	for _, s := range [][2]int{{400, 120}, {80, 24}, {200, 60}, {60, 15}, {120, 40}} {
		p.resize(s[0], s[1])
		p.until("page at its size", func(screen string) bool { return p.emulatorIs(s[0], s[1]) && wholePage(screen, "❷", s[1]) })
	}
	for range 20 {
		for _, s := range sizes {
			p.resize(s[0], s[1])
		}
	}
	p.resize(10, 3)
	p.until("plea for room", func(s string) bool { return strings.HasPrefix(s, "terminal\ntoo small:") })
	p.resize(80, 24)
	p.until("page again", func(s string) bool { return wholePage(s, "❷", 24) })
	p.keys("q")
	p.exits(0)
	p.restored()
}
