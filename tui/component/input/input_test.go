package input_test

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/component/input"
	"github.com/snattop/snattop/tui/theme"
)

func TestTyping(t *testing.T) {
	t.Parallel()
	m := &input.Model{Label: "go to: "}
	key := func(s string) { m.Update(tea.KeyPressMsg{Code: []rune(s)[0], Text: s}) }
	check := func(want string) {
		t.Helper()
		if got := m.Value(); got != want {
			t.Errorf("the line is %q, want %q", got, want)
		}
	}
	for _, r := range "ab cafe\u0301" {
		key(string(r))
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyBackspace}) // the accent goes with its letter
	check("ab caf")
	m.Update(tea.KeyPressMsg{Code: 'w', Mod: tea.ModCtrl})
	check("ab ")
	m.Update(tea.PasteMsg{Content: "\r\n\n 10.0.0.7\x1b[31m \nsecond line"})
	check("ab 10.0.0.7")
	m.Update(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	check("")
	m.Update(tea.KeyPressMsg{Code: tea.KeyBackspace})
	check("")
	if m.Update(tea.KeyPressMsg{Code: tea.KeyUp}) {
		t.Error("it has a use for the arrows")
	}
	m.Set(strings.Repeat("é", 2000))
	if n := len(m.Value()); n > 512 {
		t.Errorf("it keeps %d bytes", n)
	}
}

func TestViewFits(t *testing.T) {
	t.Parallel()
	th := theme.New(true, true)
	for _, text := range []string{"", "short", strings.Repeat("日本", 100), strings.Repeat("x", 300)} {
		m := &input.Model{Label: "go to: ", Hint: "node, its IP or a pod"}
		m.Set(text)
		for width := 1; width < 120; width++ {
			line, cursor := m.View(th, width)
			if w := ansi.StringWidth(line); w != width || cursor < 0 || cursor >= width {
				t.Fatalf("%d: the line is %d wide, the cursor at %d: %q", width, w, cursor, line)
			}
		}
	}
}
