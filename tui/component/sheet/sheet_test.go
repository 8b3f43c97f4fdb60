package sheet_test

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/component/sheet"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

func TestScroll(t *testing.T) {
	t.Parallel()
	m := sheet.New(keys.Default(), theme.New(true, true))
	m.SetSize(60, 11)
	m.SetContent("Title", func(*theme.Theme, int) []string {
		var out []string
		for i := range 30 {
			out = append(out, fmt.Sprintf("line %d", i+1))
		}
		return out
	})
	check := func(when, want string) {
		t.Helper()
		if v := ansi.Strip(m.View()); !strings.Contains(v, want) {
			t.Errorf("%s: no %q in\n%s", when, want, v)
		}
	}
	check("at first", "1–10 of 30")
	m.Update(tea.KeyPressMsg{Code: tea.KeyPgDown})
	check("a page down", "11–20 of 30")
	m.Update(tea.KeyPressMsg{Code: 'G', Text: "G"})
	check("at the end", "21–30 of 30")
	m.Update(tea.KeyPressMsg{Code: 'j', Text: "j"})
	check("below the end", "21–30 of 30")
	m.Update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	check("a turn of the wheel", "18–27 of 30")
	m.Update(tea.KeyPressMsg{Code: 'g', Text: "g"})
	check("at the top", "1–10 of 30")
	m.SetSize(60, 40)
	if v := m.View(); strings.Contains(v, "of 30") {
		t.Error("it speaks of scrolling where everything fits")
	}
}

func TestEvidenceFits(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Nodes[0]
	for _, o := range n.Owners {
		content := sheet.Evidence(evidence.Owner(s, n, o))
		for _, width := range []int{60, 80, 200} {
			m := sheet.New(keys.Default(), theme.New(false, false))
			m.SetContent("x", content)
			m.SetSize(width, 200)
			for _, l := range strings.Split(m.View(), "\n") {
				if w := ansi.StringWidth(l); w != width {
					t.Fatalf("a line is %d wide, not %d: %q", w, width, l)
				}
				if width >= 80 && strings.Contains(l, "…") && !strings.Contains(ansi.Strip(l), "── ") {
					t.Errorf("what could be wrapped is cut: %q", l)
				}
			}
		}
	}
}
