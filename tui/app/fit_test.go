package app

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// fits fails the test when the screen is larger than the terminal, or holds a
// character that a terminal would obey.
func fits(t testing.TB, m *Model) {
	t.Helper()
	content := m.View().Content
	lines := strings.Split(content, "\n")
	if len(lines) > max(1, m.height) {
		t.Fatalf("%d lines in a terminal of %d×%d:\n%s", len(lines), m.width, m.height, content)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > max(0, m.width) {
			t.Fatalf("line %d is %d wide in a terminal of %d×%d: %q", i, w, m.width, m.height, l)
		}
		for _, r := range ansi.Strip(l) {
			if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("line %d holds %U: %q", i, r, l)
			}
		}
	}
}
