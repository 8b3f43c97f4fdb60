package theme_test

import (
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/theme"
)

func TestVerdictsDifferWithoutColour(t *testing.T) {
	t.Parallel()
	th := theme.New(true, true)
	marks, words := map[string]snat.Verdict{}, map[string]snat.Verdict{}
	for _, v := range []snat.Verdict{snat.Exhausted, snat.Pressured, snat.NotSNAT, snat.Unknown, snat.Healthy} {
		mark, word, _ := th.Verdict(v)
		if other, ok := marks[mark]; ok {
			t.Errorf("%s and %s share the mark %s", v, other, mark)
		}
		if other, ok := words[word]; ok {
			t.Errorf("%s and %s share the word %s", v, other, word)
		}
		if ansi.StringWidth(mark) != 1 {
			t.Errorf("the mark %q is not one cell wide", mark)
		}
		marks[mark], words[word] = v, v
	}
	if mark, word, _ := th.Verdict("nonsense"); mark != "?" || word != "unknown" {
		t.Errorf("an unknown verdict is %s %s", mark, word)
	}
}

func TestNoColour(t *testing.T) {
	t.Parallel()
	th := theme.New(true, true)
	for _, s := range []theme.Style{th.Text, th.Dim, th.Strong, th.Brand, th.Accent, th.Heading, th.Selected, th.SelectedBlurred, th.Good, th.Warn, th.Bad, th.Notice, th.Rule} {
		got := s.Render("x")
		for _, colour := range []string{"[3", "38;", "48;", "[9", "[10"} {
			if strings.Contains(got, colour) {
				t.Errorf("%q holds a colour", got)
			}
		}
	}
}

func TestOver(t *testing.T) {
	t.Parallel()
	red := theme.NewStyle(lipgloss.NewStyle().Foreground(lipgloss.Color("1")))
	under := theme.NewStyle(lipgloss.NewStyle().Background(lipgloss.Color("4")))
	got := under.Over(red.Render("a") + "b")
	if ansi.Strip(got) != "ab" {
		t.Errorf("%q", got)
	}
	if back := strings.Index(got, "b"); !strings.Contains(got[:back], "\x1b[m\x1b[44m") {
		t.Errorf("after a reset the background is not taken up again: %q", got)
	}
	if got := red.Render(""); got != "" {
		t.Errorf("an empty text became %q", got)
	}
}
