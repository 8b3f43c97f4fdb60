package cause_test

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/cause"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

func open(s *session.Snapshot, node string, owner session.Key, width, height int) *cause.Page {
	p := cause.New(keys.Default(), theme.New(true, true))
	p.SetPicture(page.Picture{Snap: s, Now: tuitest.Now()})
	p.Open(node, owner, "shop/somebody")
	p.SetSize(width, height)
	return p
}

func text(p *cause.Page) string { return ansi.Strip(p.View()) }

func press(p *cause.Page, r rune) { p.Update(tea.KeyPressMsg{Code: r, Text: string(r)}) }

// All of the page can be reached with the arrows, and the chosen remedy is on
// the screen.
func TestReach(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{60, 9}, {80, 18}, {120, 30}} {
		p := open(tuitest.Measured(), tuitest.SickNode, "", size[0], size[1])
		seen := make(map[string]bool)
		note := func() {
			lines := strings.Split(text(p), "\n")
			if len(lines) != size[1] {
				t.Fatalf("%d lines, want %d", len(lines), size[1])
			}
			for _, l := range lines {
				if ansi.StringWidth(l) != size[0] {
					t.Fatalf("a line is %d wide: %q", ansi.StringWidth(l), l)
				}
				seen[strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(l), "▌"))] = true
			}
		}
		note()
		first := p.Copy()
		for range 40 {
			press(p, 'j')
			note()
		}
		for range 40 {
			press(p, 'k')
			note()
		}
		if p.Copy() != first {
			t.Errorf("%v: up and down again, and %q is chosen", size, p.Copy())
		}
		p.SetSize(size[0], 200)
		for _, l := range strings.Split(text(p), "\n") {
			if l = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(l), "▌")); !seen[l] {
				t.Errorf("%v: never seen: %q", size, l)
			}
		}
	}
}

func TestScrollAndEnds(t *testing.T) {
	t.Parallel()
	p := open(tuitest.Measured(), tuitest.SickNode, "", 80, 12)
	press(p, 'G')
	if !strings.Contains(text(p), "Could not see") && !strings.Contains(text(p), "local ports") {
		t.Errorf("the end is not shown:\n%s", text(p))
	}
	last := p.Copy()
	press(p, 'g')
	if !strings.Contains(text(p), "exhausted") || p.Copy() == last {
		t.Errorf("the top is not shown:\n%s", text(p))
	}
	p.Update(tea.KeyPressMsg{Code: tea.KeyPgDown})
	if strings.Contains(text(p), "exhausted") {
		t.Error("a page down shows the top")
	}
	p.Update(tea.KeyPressMsg{Code: tea.KeyPgUp})
	p.Update(tea.KeyPressMsg{Code: tea.KeyPgUp})
	if !strings.Contains(text(p), "exhausted") {
		t.Error("two pages up do not show the top")
	}
	p.SetTheme(theme.New(false, true))
	p.SetSize(0, 0)
	if p.View() != "" {
		t.Error("something is drawn on nothing")
	}
}

// Whose processes are asked for: those of the pod, or of the main cause's.
func TestFocus(t *testing.T) {
	t.Parallel()
	for owner, want := range map[session.Key]session.Key{"": tuitest.SickKey, "pod/x": "pod/x"} {
		p := open(tuitest.Sick(), tuitest.SickNode, owner, 80, 24)
		if node, got := p.Focus(); node != tuitest.SickNode || got != want {
			t.Errorf("%q: %q %q, want %q", owner, node, got, want)
		}
	}
	if _, key := open(tuitest.Sick(), "aks-np2-vmss000000", "", 80, 24).Focus(); key != "" {
		t.Errorf("a node that is not seen: %q", key)
	}
}

func TestNothingToSay(t *testing.T) {
	t.Parallel()
	for node, want := range map[string]string{"": "no node is chosen", "gone\x1b[2J": "gone is not in the cluster any more", "aks-np2-vmss000000": "cannot see", "aks-np1-vmss000004": "none of the causes"} {
		p := open(tuitest.Sick(), node, "", 80, 24)
		if !strings.Contains(text(p), want) || p.Sentence(80) == "" || p.Copy() != "" {
			t.Errorf("%q: %q, %q", node, p.Sentence(80), text(p))
		}
		press(p, 'j')
		press(p, 'k')
	}
}
